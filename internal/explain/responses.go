package explain

// responses are POP3's (RFC 1939, 2449 §8, 3206, 6856) and IMAP's (RFC 9051
// §7.1, RFC 5530) words.
func responses() []Note {
	r := func(protocol, code, en, vi string, t Turn) Note {
		return Note{Code: code, Protocol: protocol, English: en, Vietnamese: vi, Turn: t}
	}
	ok, wait, bad := nobody(), later(), fix()
	again := Turn{"sender", "Try again in a while, by hand or by the program.", "Hãy thử lại sau ít phút."}
	return []Note{
		r("POP3", "+OK", "Done", "Đã thực hiện", ok),
		r("POP3", "-ERR", "Refused", "Bị từ chối", bad),
		r("POP3", "IN-USE", "Another session holds the mailbox", "Hộp thư đang bị phiên khác giữ", again),
		r("POP3", "LOGIN-DELAY", "You logged in too recently", "Vừa đăng nhập, chưa được đăng nhập lại", again),
		r("POP3", "SYS/TEMP", "System error, likely to pass", "Lỗi hệ thống tạm thời", again),
		r("POP3", "SYS/PERM", "System error that needs somebody to mend it", "Lỗi hệ thống cần người sửa", admin()),
		r("POP3", "AUTH", "The credentials are the trouble", "Sai thông tin đăng nhập", login()),
		r("POP3", "UTF8", "The message needs UTF-8 mode", "Thư này cần chế độ UTF-8", bad),

		r("IMAP", "OK", "Done", "Đã thực hiện", ok),
		r("IMAP", "NO", "The command failed", "Lệnh thất bại", bad),
		r("IMAP", "BAD", "The command was not understood", "Lệnh không hiểu được", bad),
		r("IMAP", "BYE", "The server closes the connection", "Máy chủ đóng kết nối", again),
		r("IMAP", "PREAUTH", "Already authenticated", "Đã được xác thực sẵn", ok),
		r("IMAP", "ALERT", "A message that a person must see", "Thông báo phải cho người dùng đọc", bad),
		r("IMAP", "ALREADYEXISTS", "What should be made exists already", "Đã có sẵn, không tạo được nữa", bad),
		r("IMAP", "APPENDUID", "UID of the message that was filed", "UID của thư vừa lưu", ok),
		r("IMAP", "AUTHENTICATIONFAILED", "Wrong name or password", "Sai tên hoặc mật khẩu", login()),
		r("IMAP", "AUTHORIZATIONFAILED", "May not act as that user", "Không được thay mặt người dùng đó", login()),
		r("IMAP", "BADCHARSET", "Charset not supported in a search", "Bảng mã tìm kiếm không được hỗ trợ", bad),
		r("IMAP", "CANNOT", "What was asked can never succeed", "Yêu cầu không bao giờ thực hiện được", bad),
		r("IMAP", "CAPABILITY", "What the server can do", "Khả năng của máy chủ", ok),
		r("IMAP", "CLIENTBUG", "The client made a mistake", "Chương trình khách có lỗi", bad),
		r("IMAP", "CLOSED", "The previous mailbox was closed", "Hộp thư trước đã đóng", ok),
		r("IMAP", "CONTACTADMIN", "The administrator must be asked", "Phải hỏi người quản trị", admin()),
		r("IMAP", "COPYUID", "UIDs of the messages that were copied", "UID của các thư đã chép", ok),
		r("IMAP", "CORRUPTION", "The server found damaged data", "Dữ liệu trên máy chủ bị hỏng", admin()),
		r("IMAP", "EXPIRED", "The password or account has expired", "Mật khẩu hoặc tài khoản hết hạn", login()),
		r("IMAP", "EXPUNGEISSUED", "Other messages were removed meanwhile", "Có thư khác vừa bị xoá", ok),
		r("IMAP", "HASCHILDREN", "The mailbox has mailboxes below it", "Hộp thư còn hộp thư con", bad),
		r("IMAP", "INUSE", "Another session holds it", "Đang bị phiên khác giữ", again),
		r("IMAP", "LIMIT", "A limit of the server was reached", "Vượt giới hạn của máy chủ", again),
		r("IMAP", "NONEXISTENT", "There is no such mailbox", "Không có hộp thư này", bad),
		r("IMAP", "NOPERM", "Not permitted", "Không có quyền", admin()),
		r("IMAP", "NOTSAVED", "No search result was saved", "Không có kết quả tìm kiếm được lưu", bad),
		r("IMAP", "OVERQUOTA", "The mailbox is over its quota", "Hộp thư vượt dung lượng", recipient()),
		r("IMAP", "PARSE", "A message could not be parsed", "Không phân tích được thư", bad),
		r("IMAP", "PERMANENTFLAGS", "Flags that can be kept", "Các cờ lưu được", ok),
		r("IMAP", "PRIVACYREQUIRED", "TLS is required first", "Phải bật TLS trước", login()),
		r("IMAP", "READ-ONLY", "The mailbox is open for reading only", "Hộp thư mở chỉ để đọc", ok),
		r("IMAP", "READ-WRITE", "The mailbox is open for reading and writing", "Hộp thư mở để đọc và ghi", ok),
		r("IMAP", "SERVERBUG", "The server made a mistake", "Máy chủ có lỗi", admin()),
		r("IMAP", "TOOBIG", "The message is too big", "Thư quá lớn", bad),
		r("IMAP", "TRYCREATE", "The mailbox must be created first", "Phải tạo hộp thư trước", bad),
		r("IMAP", "UIDNEXT", "The next UID", "UID kế tiếp", ok),
		r("IMAP", "UIDNOTSTICKY", "UIDs are not kept", "UID không được giữ lâu dài", ok),
		r("IMAP", "UIDVALIDITY", "UIDs hold as long as this number is the same", "UID còn đúng khi số này không đổi", ok),
		r("IMAP", "UNAVAILABLE", "A part of the system does not answer", "Một phần hệ thống không trả lời", wait),
		r("IMAP", "UNKNOWN-CTE", "The part's transfer encoding is not known", "Không hiểu kiểu mã hoá của phần này", bad),
	}
}
