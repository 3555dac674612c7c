package main

// checkText is one thing said in both languages.
type checkText struct {
	EN string `json:"en"`
	VI string `json:"vi"`
}

// in are the lines of a text in the language asked for: en, vi or both.
func (t checkText) in(lang string) []string {
	switch lang {
	case "en":
		return []string{t.EN}
	case "vi":
		return []string{t.VI}
	}
	return []string{t.EN, t.VI}
}

type checkHeadings struct{ steps, questions string }

// checkWords are the headings of a report.
func checkWords(lang string) checkHeadings {
	if lang == "vi" {
		return checkHeadings{"Các bước", "Câu hỏi gửi tới DNS"}
	}
	return checkHeadings{"Steps", "Questions to the DNS"}
}

// meaningOf tells what a verdict means for the message.
func meaningOf(check, verdict string) checkText {
	meanings := map[string]checkText{
		"spf pass":        {"The domain lets this address send for it.", "Tên miền cho phép địa chỉ này gửi thư."},
		"spf fail":        {"The domain says that this address may not send for it.", "Tên miền không cho phép địa chỉ này gửi thư."},
		"spf softfail":    {"The domain says that this address probably may not send for it.", "Tên miền cho rằng địa chỉ này có lẽ không được gửi thư."},
		"spf neutral":     {"The domain does not say whether this address may send for it.", "Tên miền không khẳng định địa chỉ này có được gửi thư hay không."},
		"spf none":        {"The domain has published no SPF record.", "Tên miền không công bố bản ghi SPF."},
		"spf permerror":   {"The SPF record has a mistake, which the domain's administrator must correct.", "Bản ghi SPF có lỗi, quản trị viên của tên miền phải sửa."},
		"dkim pass":       {"A signature is good: the message is as the signer sent it.", "Có chữ ký hợp lệ: thư còn nguyên như khi được ký."},
		"dkim fail":       {"No signature is good: the message was changed, or the key is another.", "Không chữ ký nào hợp lệ: thư đã bị sửa đổi hoặc khoá không khớp."},
		"dkim none":       {"The message is not signed.", "Thư không có chữ ký."},
		"dkim permerror":  {"The signature or its key can't be used.", "Chữ ký hoặc khoá không dùng được."},
		"dkim policy":     {"The signature is not of a kind that counts.", "Chữ ký thuộc loại không được chấp nhận."},
		"dmarc pass":      {"The domain in From stands behind the message.", "Tên miền trong From xác nhận thư này."},
		"dmarc fail":      {"The domain in From does not stand behind the message; its policy tells what to do.", "Tên miền trong From không xác nhận thư này; chính sách của tên miền cho biết cách xử lý."},
		"dmarc none":      {"The domain in From has published no policy.", "Tên miền trong From không công bố chính sách."},
		"dmarc permerror": {"From names no one domain, or the policy can't be used.", "From không nêu đúng một tên miền, hoặc chính sách không dùng được."},
		"arc pass":        {"The chain of those who passed the message on is whole.", "Chuỗi xác nhận của các bên chuyển tiếp còn nguyên vẹn."},
		"arc fail":        {"The chain of those who passed the message on is broken.", "Chuỗi xác nhận của các bên chuyển tiếp bị hỏng."},
		"mx pass":         {"Mail for the domain can be delivered there.", "Có thể gửi thư tới tên miền này."},
		"mx fail":         {"A mail server of the domain can't be used; its administrator must see to it.", "Có máy chủ thư của tên miền không dùng được; quản trị viên của họ phải xử lý."},
		"mx none":         {"The domain says that it takes no mail.", "Tên miền tuyên bố không nhận thư."},
		"dane pass":       {"The servers' keys are those that the domain publishes: nobody can stand between.", "Khoá của máy chủ đúng như tên miền công bố: không ai chen vào giữa được."},
		"dane fail":       {"A server does not show a key that the domain publishes; mail waits until its administrator mends it.", "Máy chủ không đưa ra khoá mà tên miền công bố; thư phải chờ đến khi quản trị viên của họ sửa."},
		"dane neutral":    {"Some of the domain's servers have keys that count and others none: whoever stands between can lead mail to those.", "Chỉ một số máy chủ của tên miền có khoá có giá trị: kẻ đứng giữa có thể lái thư sang các máy chủ còn lại."},
		"dane none":       {"The domain publishes no keys of its mail servers that count.", "Tên miền không công bố khoá nào có giá trị cho máy chủ thư."},
		"mta-sts pass":    {"The domain's mail servers are as its policy says.", "Các máy chủ thư đúng như chính sách của tên miền."},
		"mta-sts fail":    {"Policy and mail servers do not fit; the domain's administrator must mend it.", "Chính sách và máy chủ thư không khớp; quản trị viên của tên miền phải sửa."},
		"mta-sts none":    {"The domain has no MTA-STS policy: whoever stands between can take the TLS away.", "Tên miền không có chính sách MTA-STS: kẻ đứng giữa có thể gỡ bỏ TLS."},
		"arc none":        {"Nobody who passed the message on sealed it.", "Không bên chuyển tiếp nào niêm phong thư."},
	}
	if m, ok := meanings[check+" "+verdict]; ok {
		return m
	}
	if verdict == "temperror" {
		return checkText{"A name server did not answer; try again later.", "Máy chủ DNS không trả lời; hãy thử lại sau."}
	}
	return checkText{"The check came to no clear result.", "Kiểm tra không cho kết quả rõ ràng."}
}
