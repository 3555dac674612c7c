package journey

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tem/internal/explain"
	"tem/internal/message/dsn"
)

// Party is whose move it is.
type Party string

// The parties.
const (
	Nobody    Party = "nobody"
	Wait      Party = "wait" // time: we try again by ourselves
	Sender    Party = "sender"
	Recipient Party = "recipient"
	Operator  Party = "operator" // of this server
	OtherSide Party = "other-operator"
)

var partyTexts = map[Party]explain.Text{
	Nobody:    {EN: "nobody", VI: "không ai cả"},
	Wait:      {EN: "nobody yet: this server tries again by itself", VI: "chưa ai cả: máy chủ này sẽ tự thử lại"},
	Sender:    {EN: "the sender", VI: "người gửi"},
	Recipient: {EN: "the owner of the mailbox", VI: "chủ hộp thư nhận"},
	Operator:  {EN: "the operator of this server", VI: "quản trị viên máy chủ này"},
	OtherSide: {EN: "the operator of the other side's server", VI: "quản trị viên máy chủ bên kia"},
}

// cause is one reason why a message is not there, and what follows from it. It
// is found by words of what was said, or by codes; the first one that fits holds.
type cause struct {
	name  string
	words []string // any of them, lower case, in what was said or in our reason
	codes []string // subject.detail of the enhanced code, whatever its class
	reply []int    // where there is no enhanced code
	later Party    // whose move it is while we try again
	never Party    // whose move it is when it was final
	away  Party    // whose it is while we try again, if a server elsewhere said so; "": as later
	ours  Party    // whose it is when it was we who turned a message away; "": the same
	why   explain.Text
	next  explain.Text
}

// causes are in the order in which they are tried: what words say is more
// precise than codes.
var causes = [...]cause{
	{name: "given-up", words: []string{"given up by the administrator"}, later: Operator, never: Operator,
		why:  explain.Text{EN: "An administrator gave it up (tem queue bounce).", VI: "Quản trị viên đã thôi không gửi nữa (tem queue bounce)."},
		next: explain.Text{EN: "The reply says what it had come to; ask the administrator before sending it anew.", VI: "Phản hồi cho biết tình trạng lúc đó; hãy hỏi quản trị viên trước khi gửi lại."}},
	{name: "junk-not-forwarded", words: []string{"junk is not forwarded"}, later: Sender, never: Sender,
		why: explain.Text{EN: "The message was found suspicious, and the recipient has their mail forwarded to another server: junk is not forwarded, since others would take this server for its source.",
			VI: "Thư bị coi là đáng ngờ, mà người nhận cho chuyển tiếp thư sang máy chủ khác: thư rác không được chuyển tiếp, kẻo nơi nhận coi máy chủ này là nguồn thư rác."},
		next: explain.Text{EN: "The reply says what is wrong with it: mend that (SPF, DKIM, DMARC of the sender's domain), or write to the recipient's other address.",
			VI: "Phản hồi cho biết thư có vấn đề gì: hãy khắc phục (SPF, DKIM, DMARC của tên miền người gửi), hoặc gửi thẳng tới địa chỉ kia của người nhận."}},
	{name: "token", words: []string{"no token for relay"}, later: Wait, never: Operator,
		why:  explain.Text{EN: "The service that gives access tokens for the relay (oauth.token_url) can't be reached or has trouble.", VI: "Dịch vụ cấp mã truy cập cho máy chủ chuyển tiếp (oauth.token_url) không kết nối được hoặc đang gặp trục trặc."},
		next: explain.Text{EN: "If it lasts, look at oauth.token_url of the relay in the configuration, and at whether this server reaches it.", VI: "Nếu kéo dài, hãy xem oauth.token_url của máy chủ chuyển tiếp trong cấu hình và máy chủ này có kết nối tới đó được không."}},
	{name: "relay-login", words: []string{"no login at relay"}, later: Operator, never: Operator,
		why:  explain.Text{EN: "This server could not log in to the relay that the mail goes through.", VI: "Máy chủ này không đăng nhập được vào máy chủ chuyển tiếp mà thư phải đi qua."},
		next: explain.Text{EN: "Correct the relay's login and password in the configuration, or have its provider give a new refresh token.", VI: "Sửa tên đăng nhập và mật khẩu của máy chủ chuyển tiếp trong cấu hình, hoặc xin nhà cung cấp một refresh token mới."}},
	{name: "login", codes: []string{"7.8"}, reply: []int{530, 532, 534, 535, 538}, later: Operator, never: Sender,
		why:  explain.Text{EN: "The server wants a login, or did not take the one that was given.", VI: "Máy chủ yêu cầu đăng nhập, hoặc không chấp nhận thông tin đăng nhập."},
		next: explain.Text{EN: "Check name and password of the account.", VI: "Kiểm tra tên và mật khẩu của tài khoản."}},
	{name: "held-back", words: []string{ReasonHeldBack}, later: Wait, never: Sender,
		why:  explain.Text{EN: "The sender wants it to go later.", VI: "Người gửi muốn thư được gửi đi sau."},
		next: explain.Text{EN: "Just wait.", VI: "Chỉ cần chờ."}},
	{name: "unfinished", words: []string{ReasonUnfinished}, later: Wait, never: Wait,
		why:  explain.Text{EN: "The connection ended before the text of the message did, so nothing was taken.", VI: "Kết nối bị ngắt khi nội dung thư chưa gửi xong, nên thư không được nhận."},
		next: explain.Text{EN: "Just wait.", VI: "Chỉ cần chờ."}},
	{name: "loop", words: []string{"loop", "too many hops"}, codes: []string{"4.6"}, later: OtherSide, never: OtherSide,
		why:  explain.Text{EN: "The message goes round in a loop.", VI: "Thư chạy vòng lặp giữa các máy chủ."},
		next: explain.Text{EN: "Correct the forwarding or the MX record that sends it back.", VI: "Sửa thiết lập chuyển tiếp hoặc bản ghi MX khiến thư quay lại."}},
	{name: "requiretls", words: []string{"requiretls", "the sender requires tls"}, codes: []string{"7.30"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The sender asked for verified TLS all the way (REQUIRETLS), and the other server does not give it.", VI: "Người gửi yêu cầu TLS có xác thực trên suốt đường đi (REQUIRETLS) nhưng máy chủ kia không đáp ứng."},
		next: explain.Text{EN: "Send it anew without that request, or ask the other side for it.", VI: "Gửi lại mà không kèm yêu cầu đó, hoặc đề nghị bên kia hỗ trợ."}},
	{name: "mta-sts", words: []string{"mta-sts", "sts policy"}, later: OtherSide, never: OtherSide,
		why:  explain.Text{EN: "The domain's MTA-STS policy asks for a TLS certificate that its server does not show.", VI: "Chính sách MTA-STS của tên miền đòi chứng chỉ TLS mà máy chủ của họ không đưa ra."},
		next: explain.Text{EN: "They must mend the certificate or the policy; it is not sent in clear meanwhile.", VI: "Họ phải sửa chứng chỉ hoặc chính sách; trong lúc đó thư không được gửi ở dạng không mã hoá."}},
	{name: "dane", words: []string{"dane", "tlsa"}, later: OtherSide, never: OtherSide,
		why:  explain.Text{EN: "The server's certificate does not match the TLSA records of its domain (DANE).", VI: "Chứng chỉ của máy chủ không khớp bản ghi TLSA của tên miền (DANE)."},
		next: explain.Text{EN: "They must publish TLSA records that match the certificate.", VI: "Họ phải công bố bản ghi TLSA khớp với chứng chỉ."}},
	{name: "tls", words: []string{"tls handshake", "certificate", "x509:", "does not offer tls", "must issue a starttls", "starttls command first"}, codes: []string{"7.5", "7.10", "7.11"}, later: OtherSide, never: OtherSide,
		why:  explain.Text{EN: "No TLS that may be used came about with the other server.", VI: "Không thiết lập được kết nối TLS dùng được với máy chủ kia."},
		next: explain.Text{EN: "Look at the attempt's dialogue; they must mend their TLS.", VI: "Xem đối thoại của lần thử; họ phải sửa TLS."}},
	{name: "greylisted", words: []string{"greylist", "graylist", "grey list"}, later: Wait, never: Wait,
		why:  explain.Text{EN: "The other server makes senders that it does not know wait (greylisting).", VI: "Máy chủ kia bắt người gửi chưa quen phải chờ (greylisting)."},
		next: explain.Text{EN: "Just wait.", VI: "Chỉ cần chờ."}},
	{name: "rate", words: []string{"rate limit", "too many messages", "too many connections", "throttl", "unusual rate", "unexpected volume", "temporarily deferred", "receiving mail at a rate", "receiving mail too quickly", "maximum number of connections", "too many concurrent", "concurrent connections", "server busy"}, codes: []string{"7.28", "4.5", "3.2"}, reply: []int{421}, later: Wait, never: Operator,
		why:  explain.Text{EN: "The other server takes no more for now: it is busy, or finds that too much comes.", VI: "Máy chủ kia tạm thời không nhận thêm: đang bận hoặc thấy thư đến quá nhiều."},
		next: explain.Text{EN: "Just wait; if it lasts, send less at a time.", VI: "Chỉ cần chờ; nếu kéo dài, hãy gửi ít hơn mỗi lần."}},
	{name: "blocked-address", words: []string{"blocklist", "blacklist", "block list", "spamhaus", "dnsbl", "blocked using", "comes from is blocked", "ip reputation", "poor reputation", "on our block", "banned sending ip", "banned sender", "permanently deferred"}, codes: []string{"7.25", "7.27", "7.708"}, later: Operator, never: Operator, ours: OtherSide,
		why:  explain.Text{EN: "The address of the sending server is blocked or has a bad name.", VI: "Địa chỉ IP của máy chủ gửi bị chặn hoặc có uy tín xấu."},
		next: explain.Text{EN: "Find the list that the reply names, end what put the address there, ask to be taken off; check the PTR record.", VI: "Tìm danh sách được nêu trong phản hồi, khắc phục nguyên nhân, xin gỡ địa chỉ; kiểm tra bản ghi PTR."}},
	{name: "blocked-sender", words: []string{"blocked sender", "sender is blocked", "blocked by the recipient", "does not take mail from this sender"}, later: Recipient, never: Recipient,
		why:  explain.Text{EN: "The owner of the mailbox has blocked this sender.", VI: "Chủ hộp thư đã chặn người gửi này."},
		next: explain.Text{EN: "Only the owner of the mailbox can unblock the sender.", VI: "Chỉ chủ hộp thư mới bỏ chặn được."}},
	{name: "dmarc", words: []string{"dmarc"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The message fails DMARC: it does not prove that it comes from the domain in From.", VI: "Thư không đạt DMARC: không chứng minh được là đến từ tên miền trong trường From."},
		next: explain.Text{EN: "Send through the servers of that domain; its operator must see to aligned SPF or DKIM (tem dns check).", VI: "Gửi qua máy chủ của tên miền đó; quản trị viên phải thiết lập SPF hoặc DKIM khớp (tem dns check)."}},
	{name: "spf", words: []string{"spf"}, codes: []string{"7.23", "7.24"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The sender's domain does not name the sending server in its SPF record.", VI: "Bản ghi SPF của tên miền người gửi không cho phép máy chủ gửi này."},
		next: explain.Text{EN: "The operator of the sender's domain must add the server to SPF, or the message must go through the domain's own.", VI: "Quản trị viên tên miền người gửi phải thêm máy chủ vào SPF, hoặc gửi qua máy chủ của tên miền."}},
	{name: "dkim", words: []string{"dkim", "required authentication level"}, codes: []string{"7.20", "7.21", "7.22", "7.26", "7.515"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The message has no good DKIM signature, or is not authenticated at all.", VI: "Thư không có chữ ký DKIM hợp lệ, hoặc không được xác thực."},
		next: explain.Text{EN: "The operator of the sender's domain must sign mail and publish the key (tem dns check).", VI: "Quản trị viên tên miền người gửi phải ký thư và công bố khoá (tem dns check)."}},
	{name: "null-mx", words: []string{"null mx", "accepts no mail"}, codes: []string{"1.10"}, reply: []int{521, 556}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The domain says that it takes no mail.", VI: "Tên miền thông báo rằng không nhận thư."},
		next: explain.Text{EN: "Check the address; write to another one.", VI: "Kiểm tra địa chỉ; gửi tới địa chỉ khác."}},
	{name: "no-domain", words: []string{"no such host", "no such domain", "nxdomain", "does not exist in the dns"}, codes: []string{"1.2"}, reply: []int{512}, later: Wait, never: Sender,
		why:  explain.Text{EN: "The domain of the address is not in the DNS.", VI: "Tên miền của địa chỉ không có trong DNS."},
		next: explain.Text{EN: "Check the domain letter by letter.", VI: "Kiểm tra tên miền từng chữ."}},
	{name: "sender-address", words: []string{"sender address rejected"}, codes: []string{"1.7", "1.8"}, later: Operator, never: Operator, ours: Sender,
		why:  explain.Text{EN: "The server does not accept the sender's address: it finds no such domain or mailbox.", VI: "Máy chủ không chấp nhận địa chỉ người gửi: không tìm thấy tên miền hoặc hộp thư đó."},
		next: explain.Text{EN: "See that the address is right, and that its domain has the records it needs (tem dns check).", VI: "Kiểm tra địa chỉ có đúng không, và tên miền có đủ bản ghi không (tem dns check)."}},
	{name: "no-user", words: []string{"no such user", "user unknown", "unknown user", "does not exist", "mailbox unavailable", "recipient not found", "recipient address rejected: access denied"}, codes: []string{"1.1", "1.6", "1.0"}, reply: []int{550, 551, 553}, later: Sender, never: Sender,
		why:  explain.Text{EN: "There is no such mailbox.", VI: "Không có hộp thư này."},
		next: explain.Text{EN: "Check the address letter by letter and send it anew.", VI: "Kiểm tra địa chỉ từng chữ rồi gửi lại."}},
	{name: "dns", words: []string{"dns", "servfail", "look up", "lookup"}, codes: []string{"4.3", "4.4"}, later: Wait, never: OtherSide,
		why:  explain.Text{EN: "The DNS does not say where the mail of the domain goes.", VI: "DNS không trả lời thư của tên miền phải đi đâu."},
		next: explain.Text{EN: "If it lasts, the domain's name servers must be mended (tem check mx DOMAIN shows each step).", VI: "Nếu kéo dài, phải sửa máy chủ tên của tên miền (tem check mx DOMAIN cho xem từng bước)."}},
	{name: "junk", words: []string{"quarantine"}, later: Recipient, never: Recipient,
		why:  explain.Text{EN: "The message was found suspicious.", VI: "Thư bị coi là đáng ngờ."},
		next: explain.Text{EN: "Look into the folder Junk.", VI: "Xem trong thư mục Junk (thư rác)."}},
	{name: "too-large-for-mailbox", words: []string{"whole mailbox"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The message is larger than the mailbox may be.", VI: "Thư lớn hơn dung lượng của hộp thư."},
		next: explain.Text{EN: "Send something smaller, or a link.", VI: "Gửi thư nhỏ hơn hoặc gửi liên kết."}},
	{name: "full", words: []string{"mailbox is full", "mailbox full", "over quota", "quota exceeded"}, codes: []string{"2.2"}, later: Recipient, never: Recipient,
		why:  explain.Text{EN: "The recipient's mailbox is full.", VI: "Hộp thư của người nhận đã đầy."},
		next: explain.Text{EN: "The owner must make room; then it can be sent.", VI: "Chủ hộp thư phải dọn bớt; sau đó mới gửi được."}},
	{name: "too-large", words: []string{"too large", "too big", "size limit"}, codes: []string{"2.3", "3.4"}, reply: []int{552}, later: Sender, never: Sender,
		why:  explain.Text{EN: "The message is too large for the server.", VI: "Thư quá lớn đối với máy chủ."},
		next: explain.Text{EN: "Send something smaller, or a link.", VI: "Gửi thư nhỏ hơn hoặc gửi liên kết."}},
	{name: "disabled", codes: []string{"2.1"}, later: Operator, never: Recipient, away: Wait,
		why:  explain.Text{EN: "The mailbox is disabled.", VI: "Hộp thư đang bị vô hiệu hoá."},
		next: explain.Text{EN: "Whoever runs the mailbox's server can enable it; reach the recipient another way.", VI: "Quản trị viên của máy chủ nhận có thể mở lại; hãy liên lạc với người nhận bằng cách khác."}},
	{name: "relay", words: []string{"relaying denied", "relay access denied", "not permitted to relay", "unable to relay"}, later: OtherSide, never: OtherSide, ours: Sender,
		why:  explain.Text{EN: "The server does not take mail for this domain, or only from somebody who has logged in.", VI: "Máy chủ không nhận thư cho tên miền này, hoặc chỉ nhận từ người đã đăng nhập."},
		next: explain.Text{EN: "A mail program must log in at the port for submission (587 or 465). If a mail server was refused, the domain's MX record names the wrong one.", VI: "Chương trình thư phải đăng nhập ở cổng gửi thư (587 hoặc 465). Nếu máy chủ thư bị từ chối, bản ghi MX của tên miền trỏ sai chỗ."}},
	{name: "connection", words: []string{"no answer", "connection refused", "timed out", "timeout", "dropped", "reset by peer", "unreachable"}, codes: []string{"4.0", "4.1", "4.2"}, later: Wait, never: OtherSide,
		why:  explain.Text{EN: "The other server can't be reached, or ended the connection.", VI: "Không kết nối được tới máy chủ kia, hoặc kết nối bị ngắt."},
		next: explain.Text{EN: "If it lasts, their server or the network is to be mended; if every domain is affected, port 25 may be closed here.", VI: "Nếu kéo dài, phải sửa máy chủ của họ hoặc mạng; nếu mọi tên miền đều bị, có thể cổng 25 ở đây bị chặn."}},
	{name: policyCause, codes: []string{"7.0", "7.1", "7.2", "7.7", "7.9"}, reply: []int{554}, later: Operator, never: Sender,
		why:  explain.Text{EN: "The server refuses the message by its policy.", VI: "Máy chủ từ chối thư theo chính sách của nó."},
		next: explain.Text{EN: "Its text says which; if it is about our server, tell the operator.", VI: "Phần văn bản của phản hồi cho biết lý do; nếu do máy chủ của ta, hãy báo quản trị viên."}},
	{name: "internal", codes: []string{"3.0", "3.1", "3.5"}, reply: []int{451, 452}, later: Wait, never: OtherSide,
		why:  explain.Text{EN: "The server that answered has trouble of its own.", VI: "Máy chủ trả lời đang gặp trục trặc."},
		next: explain.Text{EN: "Just wait; if it lasts, its operator must look.", VI: "Chỉ cần chờ; nếu kéo dài, quản trị viên của nó phải xem xét."}},
	{name: "expired", words: []string{"expired"}, codes: []string{"4.7"}, later: Sender, never: Sender,
		why:  explain.Text{EN: "It could not be delivered in the time allowed.", VI: "Hết thời hạn mà vẫn chưa chuyển được."},
		next: explain.Text{EN: "The last reply says why; mend that, then send it anew.", VI: "Phản hồi cuối cho biết lý do; khắc phục rồi gửi lại."}},
}

// policyCause is what is left to say of a refusal that is not about the address.
const policyCause = "policy"

// causeOf finds the cause of what was said about mail to somebody. Nil: none
// that is known.
func causeOf(s dsn.Status, reason, to string) *cause {
	text := spoken(reason+"\n"+s.Text, s.Remote, domain(to))
	_, code, _ := strings.Cut(s.Code.String(), ".")
	for _, fits := range []func(*cause) bool{
		func(c *cause) bool {
			return slices.ContainsFunc(c.words, func(w string) bool { return says(text, w) })
		},
		func(c *cause) bool { return s.Reply/10 == 53 && slices.Contains(c.reply, s.Reply) }, // RFC 4954 §6: about a login, whatever else
		func(c *cause) bool { return !s.Code.IsZero() && slices.Contains(c.codes, code) },
		func(c *cause) bool { return aside(s) && c.name == policyCause },
		func(c *cause) bool { return slices.Contains(c.reply, s.Reply) },
	} {
		if i := slices.IndexFunc(causes[:], func(c cause) bool { return fits(&c) }); i >= 0 {
			return &causes[i]
		}
	}
	return nil
}

// aside reports that a refusal says by its enhanced code that it is about
// security or policy (RFC 3463 §3.8), or that it is not about an address
// although its reply is one for addresses.
func aside(s dsn.Status) bool {
	return s.Code[1] == 7 || s.Code[1] > 1 && (s.Reply == 550 || s.Reply == 551 || s.Reply == 553)
}

func domain(to string) string { return to[strings.LastIndexByte(to, '@')+1:] }

// spoken is a text without the addresses that it quotes and without the names
// of servers and domains, and of hosts in them: an@spf.example is no word about
// SPF.
func spoken(text string, names ...string) string {
	text = strings.ToLower(text)
	for _, name := range names {
		if strings.Contains(name, ".") { // any other may be a word
			text = without(text, strings.ToLower(name))
		}
	}
	words := slices.DeleteFunc(strings.Fields(text), func(w string) bool { return strings.Contains(w, "@") })
	return strings.Join(words, " ")
}

// without takes a name out of a text, with what stands before it as labels.
func without(text, name string) string {
	for {
		before, after, found := strings.Cut(text, name)
		if !found {
			return text
		}
		text = strings.TrimRightFunc(before, func(r rune) bool {
			return r == '.' || r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)
		}) + " " + after
	}
}

// says reports that words begin somewhere in a text, but not within a word.
func says(text, words string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], words)
		if i < 0 {
			return false
		}
		at += i
		if r, _ := utf8.DecodeLastRuneInString(text[:at]); at == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return true
		}
		at++
	}
}
