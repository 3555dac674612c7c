package explain

// replies is the whole table of §7 of the source document, historic codes
// included, and what RFC 5321, 4954, 7504 and 5248 have added.
func replies() []Note {
	r := func(code, en, vi string, t Turn, today ...string) Note {
		n := Note{Code: code, Protocol: "SMTP", English: en, Vietnamese: vi, Turn: t}
		if len(today) > 0 {
			n.Today = today[0]
		}
		return n
	}
	ok, on, wait, bad := nobody(), turnOf('3'), later(), fix()
	return []Note{
		r("101", "Cannot connect: wrong server name or port", "Lỗi kết nối máy chủ (sai tên máy chủ hoặc sai cổng)", bad, "no server says it; the client reports a connection error (exit code 5 here)"),
		r("211", "System status, or reply to HELP", "Trạng thái hệ thống (phản hồi HELP)", ok),
		r("214", "Help text", "Thông tin trợ giúp (phản hồi HELP)", ok),
		r("220", "Service ready", "Máy chủ sẵn sàng", ok),
		r("221", "Closing the connection", "Máy chủ đóng kết nối", ok),
		r("235", "Authentication succeeded", "Xác thực thành công", ok),
		r("250", "Requested action completed", "Yêu cầu đã thực hiện xong", ok),
		r("251", "User not local; will forward", "Người nhận không ở máy này, sẽ chuyển tiếp", ok),
		r("252", "Cannot verify the user, but will accept the message and try", "Không kiểm tra được người nhận nhưng sẽ cố gửi", ok),
		r("334", "Continue the authentication (base64 challenge)", "Tiếp tục xác thực (thử thách base64)", on),
		r("354", "Start mail input, end with a line of a lone dot", "Bắt đầu nhập thư, kết thúc bằng dòng chỉ có dấu chấm", on),
		r("421", "Service not available, closing the connection", "Dịch vụ tạm ngưng, đóng kết nối", wait),
		r("422", "The recipient's mailbox is over its storage limit", "Hộp thư của người nhận đã vượt giới hạn lưu trữ", recipient(), "452 4.2.2 or 552 5.2.2"),
		r("431", "Too many messages for one domain, or not enough disk space", "Quá tải: quá nhiều thư gửi đến một miền hoặc thiếu chỗ chứa", wait, "452 4.3.1"),
		r("432", "A password transition is needed", "Cần đổi kiểu mật khẩu", login(), "432 4.7.12"),
		r("441", "The recipient's server does not answer", "Máy chủ của người nhận không phản hồi", wait, "a status of the sending queue: 4.4.1"),
		r("442", "The connection was dropped", "Kết nối bị ngắt", wait, "a status of the sending queue: 4.4.2"),
		r("446", "A mail loop occurred", "Xảy ra vòng lặp chuyển thư", admin(), "554 5.4.6"),
		r("450", "Mailbox unavailable: busy or blocked for now", "Hộp thư tạm thời không dùng được (đang bận hoặc bị chặn tạm)", wait),
		r("451", "Local error in processing", "Lỗi cục bộ khi xử lý", wait),
		r("452", "Insufficient storage, or too many recipients at once", "Thiếu dung lượng, hoặc quá nhiều người nhận một lần", wait),
		r("454", "TLS or authentication is not available for now", "TLS hoặc xác thực tạm thời không dùng được", wait),
		r("455", "Server cannot accommodate the parameters now", "Máy chủ tạm thời không đáp ứng được tham số", wait),
		r("471", "The local spam filter failed", "Lỗi bộ lọc thư rác cục bộ của máy chủ", admin(), "451 4.7.1 or 451 4.3.0"),
		r("500", "Syntax error, command not recognised, or line too long", "Lỗi cú pháp (lệnh không hiểu được hoặc dòng quá dài)", bad),
		r("501", "Syntax error in parameters or arguments", "Lỗi cú pháp trong tham số", bad),
		r("502", "Command not implemented", "Lệnh chưa được hỗ trợ", bad),
		r("503", "Bad sequence of commands", "Sai thứ tự lệnh", bad),
		r("504", "Command parameter not implemented", "Tham số của lệnh chưa được hỗ trợ", bad),
		r("510", "Bad mail address", "Địa chỉ thư không hợp lệ", bad, "553 5.1.3 or 550 5.1.1"),
		r("512", "DNS error: the recipient's domain was not found", "Lỗi DNS: không tìm thấy miền của người nhận", bad, "550 5.1.2"),
		r("521", "The host does not accept mail", "Máy chủ không nhận thư", bad),
		r("523", "The message exceeds the size limit of the recipient's server", "Tổng kích thước thư vượt giới hạn của máy chủ người nhận", bad, "552 5.3.4"),
		r("530", "Authentication required, or STARTTLS first", "Cần xác thực, hoặc phải STARTTLS trước", login()),
		r("534", "Authentication mechanism is too weak", "Cơ chế xác thực quá yếu", login()),
		r("535", "Credentials invalid", "Xác thực thất bại: sai thông tin đăng nhập", login()),
		r("538", "Encryption required for the mechanism", "Cơ chế xác thực này cần mã hoá", login(), "kept for old clients; 530 5.7.0 or 538 5.7.11"),
		r("541", "Rejected by the recipient's spam filter", "Thư bị bộ lọc thư rác phía người nhận từ chối", recipient(), "550 5.7.1 or 554 5.7.1"),
		r("550", "Mailbox unavailable: not found, or refused by policy", "Hộp thư không tồn tại hoặc bị từ chối theo chính sách", bad),
		r("551", "User not local", "Người nhận không ở máy này", bad),
		r("552", "Mailbox over quota, or message too large", "Hộp thư đầy hoặc thư quá lớn", recipient()),
		r("553", "Mailbox name not allowed: bad syntax", "Địa chỉ thư sai cú pháp", bad),
		r("554", "Transaction failed, or no service here", "Giao dịch thất bại", bad),
		r("555", "MAIL or RCPT parameter not recognised", "Tham số của MAIL FROM hoặc RCPT TO không được hỗ trợ", bad),
		r("556", "The domain does not accept mail (null MX)", "Tên miền không nhận thư (null MX)", bad),
	}
}

func firstDigit() map[byte][2]string {
	return map[byte][2]string{
		'2': {"Accepted", "Đã chấp nhận"},
		'3': {"Go on", "Hãy gửi tiếp"},
		'4': {"Refused for now", "Tạm thời từ chối"},
		'5': {"Refused for good", "Từ chối hẳn"},
	}
}

func secondDigit() map[byte][2]string {
	return map[byte][2]string{
		'0': {" (syntax)", " (cú pháp)"},
		'1': {" (information)", " (thông tin)"},
		'2': {" (connection)", " (kết nối)"},
		'3': {" (authentication)", " (xác thực)"},
		'5': {" (mail system)", " (hệ thống thư)"},
	}
}
