package explain

// pop3Codes are the response codes in brackets behind -ERR and +OK
// (RFC 2449 §8, RFC 3206 §4, RFC 6856).
var pop3Codes = map[string]Note{
	"LOGIN-DELAY": {Class: Temporary, Turn: Wait, Raised: []string{"login"}, Reference: "RFC 2449 §8.1.1",
		Meaning: Text{"You logged in too recently.", "Bạn vừa đăng nhập quá gần đây."},
		Next:    Text{"Wait as long as LOGIN-DELAY in CAPA says.", "Chờ đủ thời gian mà LOGIN-DELAY trong CAPA quy định."}},
	"IN-USE": {Class: Temporary, Turn: Client, Raised: []string{"login"}, Reference: "RFC 2449 §8.1.2",
		Meaning: Text{"The password is right, but another session holds the maildrop.", "Đăng nhập đúng, nhưng một phiên khác đang giữ hộp thư."},
		Next:    Text{"End the other session (QUIT), or try again in a moment.", "Kết thúc phiên kia (QUIT), hoặc thử lại sau giây lát."}},
	"SYS/TEMP": {Class: Temporary, Turn: Wait, Raised: []string{"any"}, Reference: "RFC 3206 §4",
		Meaning: Text{"A problem of the server that will probably pass.", "Sự cố của máy chủ, có lẽ chỉ tạm thời."},
		Next:    Text{"Try again later; do not ask for the password again.", "Thử lại sau; không cần nhập lại mật khẩu."}},
	"SYS/PERM": {Class: Permanent, Turn: Receiver, Raised: []string{"any"}, Reference: "RFC 3206 §4",
		Meaning: Text{"A problem of the server that needs somebody to repair it.", "Sự cố của máy chủ, cần có người sửa."}},
	"AUTH": {Class: Permanent, Turn: Client, Raised: []string{"login"}, Reference: "RFC 3206 §4",
		Meaning: Text{"The name or password is wrong, or login is not allowed.", "Sai tên hoặc mật khẩu, hoặc không được phép đăng nhập."},
		Next:    Text{"Check name and password; with two-step sign-in an app password is needed.", "Kiểm tra tên và mật khẩu; nếu bật xác minh hai bước thì cần mật khẩu ứng dụng."}},
	"UTF8": {Class: Permanent, Turn: Client, Raised: []string{"login", "RETR", "TOP"}, Reference: "RFC 6856 §5",
		Meaning: Text{"This needs UTF-8, which the client has not asked for.", "Việc này cần UTF-8 mà máy khách chưa yêu cầu."},
		Next:    Text{"Say UTF8 before logging in.", "Gửi lệnh UTF8 trước khi đăng nhập."}},
}

// pop3Statuses begin every reply of POP3 (RFC 1939 §3).
var pop3Statuses = map[string]Note{
	"+OK": {Class: Success, Raised: []string{"any"}, Reference: "RFC 1939 §3",
		Meaning: Text{"The command succeeded.", "Lệnh thành công."}},
	"-ERR": {Class: Permanent, Turn: Client, Raised: []string{"any"}, Reference: "RFC 1939 §3",
		Meaning: Text{"The command failed.", "Lệnh thất bại."},
		Next:    Text{"Read the text: a wrong command, state, message number or password.", "Đọc phần văn bản: sai lệnh, sai trạng thái, sai số thứ tự thư hoặc sai mật khẩu."}},
	"+": {Class: Continue, Turn: Client, Raised: []string{"AUTH"}, Reference: "RFC 5034 §4",
		Meaning: Text{"Go on with the authentication; what follows is the challenge in base64.", "Tiếp tục xác thực; phần theo sau là thử thách mã hoá base64."},
		Next:    Text{"Send the response in base64, or * to give up.", "Gửi câu trả lời bằng base64, hoặc * để huỷ."}},
}
