package explain

import "maps"

// historicCodes are in no current standard, but in old software and in lists
// that are still passed on. Today names what is answered instead, by Tem too.
var historicCodes = map[string]Note{
	"101": {Today: "no reply: the client itself reports that it cannot connect; in a queue 4.4.1", Class: Permanent, Turn: Client, Raised: []string{"connection"},
		Meaning: Text{"The server cannot be reached: wrong server name or port.", "Lỗi kết nối máy chủ: tên máy chủ sai hoặc cổng kết nối sai."},
		Next:    Text{"Check host name and port: 25 between servers, 587 or 465 to submit.", "Kiểm tra tên máy chủ và cổng: 25 giữa các máy chủ, 587 hoặc 465 để gửi."}},
	"422": {Today: "452 4.2.2", Class: Temporary, Turn: Recipient, Raised: []string{"RCPT TO"},
		Meaning: Text{"The recipient's mailbox is over its storage limit.", "Hộp thư của người nhận đã vượt quá giới hạn lưu trữ."},
		Next:    Text{"The recipient must make room; the sending server tries again meanwhile.", "Người nhận phải dọn hộp thư; trong lúc đó máy chủ gửi sẽ thử lại."}},
	"431": {Today: "452 4.5.3 or 421 4.7.0", Class: Temporary, Turn: Wait, Raised: []string{"RCPT TO"},
		Meaning: Text{"Too much at once: disk full, or too many messages to one domain.", "Quá tải: ổ đĩa đầy hoặc quá nhiều thư gửi đến một tên miền cụ thể."}},
	"441": {Today: "4.4.1 in the queue and in the bounce", Class: Temporary, Turn: Wait, Raised: []string{"queue"},
		Meaning: Text{"The recipient's server does not respond.", "Không có phản hồi từ máy chủ của người nhận."}},
	"442": {Today: "4.4.2 in the queue and in the bounce", Class: Temporary, Turn: Wait, Raised: []string{"queue"},
		Meaning: Text{"The connection was broken during the dialogue.", "Kết nối bị ngắt trong lúc trao đổi."}},
	"446": {Today: "554 5.4.6", Class: Permanent, Turn: Receiver, Raised: []string{"end of DATA"},
		Meaning: Text{"A mail loop: the message went in circles between servers.", "Vòng lặp nội bộ đã xảy ra: thư đi vòng giữa các máy chủ."},
		Next:    Text{"Correct the forwarding or the MX that sends the message back.", "Sửa thiết lập chuyển tiếp hoặc bản ghi MX khiến thư quay lại."}},
	"471": {Today: "451 4.7.1", Class: Temporary, Turn: SenderAdmin, Raised: []string{"end of DATA"},
		Meaning: Text{"An error in a local spam filter.", "Lỗi máy chủ do bộ lọc thư rác cục bộ."},
		Next:    Text{"Wait and try again; if it lasts, the filter has to be repaired.", "Chờ rồi thử lại; nếu kéo dài, phải sửa bộ lọc."}},
	"510": {Today: "553 5.1.3", Class: Permanent, Turn: Sender, Raised: []string{"RCPT TO"},
		Meaning: Text{"Bad e-mail address.", "Địa chỉ thư điện tử không hợp lệ."},
		Next:    Text{"Correct the address and send the message anew.", "Sửa lại địa chỉ và gửi lại thư."}},
	"512": {Today: "550 5.1.2", Class: Permanent, Turn: Sender, Raised: []string{"queue"},
		Meaning: Text{"The recipient's domain is not in the DNS.", "Lỗi DNS: không tìm thấy tên miền của địa chỉ người nhận."},
		Next:    Text{"Check the part of the address behind the @.", "Kiểm tra phần sau dấu @ của địa chỉ người nhận."}},
	"523": {Today: "552 5.3.4", Class: Permanent, Turn: Sender, Raised: []string{"MAIL FROM"},
		Meaning: Text{"The message is larger than the recipient's server takes.", "Tổng kích thước thư vượt quá giới hạn của máy chủ người nhận."},
		Next:    Text{"Send smaller attachments, several messages, or a link.", "Gửi tệp đính kèm nhỏ hơn, chia thành nhiều thư, hoặc gửi liên kết."}},
	"541": {Today: "550 5.7.1", Class: Permanent, Turn: SenderAdmin, Raised: []string{"end of DATA"},
		Meaning: Text{"The message was refused as spam.", "Thư bị bộ lọc thư rác từ chối."},
		Next:    Text{"Check what was written, and SPF, DKIM and DMARC of the sender's domain.", "Kiểm tra nội dung thư và SPF, DKIM, DMARC của tên miền gửi."}},
}

// basicCode looks a three-digit code up.
func basicCode(code string) (Note, bool) {
	if e, ok := historicCodes[code]; ok {
		e.Raised = append([]string{"old software"}, e.Raised...)
		e.Reference = "no standard"
		return e, true
	}
	e, ok := smtpCodes[code]
	return e, ok
}

// basicCodes are all three-digit codes.
func basicCodes() map[string]Note {
	all := maps.Clone(smtpCodes)
	maps.Copy(all, historicCodes)
	return all
}
