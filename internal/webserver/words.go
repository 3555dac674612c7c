package webserver

// words are the texts of the page in one language.
type words struct {
	Tag, Other, OtherName string // of the language, and of the other one
	Title, About          string
	Field, Button         string
	NoAddress, NotHere    string
	Settings, Found       string
	Kind, Server          string
	Port, Security        string
	IMAP, POP3, SMTP      string
	Login, Password       string
	WholeAddress, Yours   string
	Best                  string
	Apple, AppleText      string
	AppleLink, AppleHow   string
}

var english = words{
	Tag: "en", Other: "vi", OtherName: "Tiếng Việt",
	Title: "Mail settings", About: "This is a mail server. To read and write mail here, use a mail program.",
	Field: "Your address", Button: "Show my settings",
	NoAddress: "This is not a mail address. It looks like name@domain.", NotHere: "Mail of this domain is not kept on this server.",
	Settings: "Settings for a mail program", Found: "Most programs find these by themselves: give your address and your password.",
	Kind: "For", Server: "Server", Port: "Port", Security: "Security",
	IMAP: "Incoming mail (IMAP)", POP3: "Incoming mail (POP3)", SMTP: "Outgoing mail (SMTP)",
	Login: "User name", Password: "Password", WholeAddress: "your whole address", Yours: "that of your mailbox",
	Best:  "Where there are several rows for one thing, take the first.",
	Apple: "iPhone, iPad and Mac", AppleText: "Apple’s devices take all of this from one file. It has no password in it; the device asks for it.",
	AppleLink: "Get the profile for", AppleHow: "Then open Settings (on a Mac: System Settings) and install the profile that was downloaded. The device says that it is not signed: install it only if it came from this page.",
}

var vietnamese = words{
	Tag: "vi", Other: "en", OtherName: "English",
	Title: "Cấu hình thư", About: "Đây là máy chủ thư. Để đọc và viết thư ở đây, hãy dùng phần mềm thư.",
	Field: "Địa chỉ thư của bạn", Button: "Xem cấu hình",
	NoAddress: "Đây không phải địa chỉ thư. Địa chỉ có dạng tên@tên-miền.", NotHere: "Thư của tên miền này không ở trên máy chủ này.",
	Settings: "Cấu hình cho phần mềm thư", Found: "Đa số phần mềm tự tìm được: chỉ cần nhập địa chỉ và mật khẩu.",
	Kind: "Dùng cho", Server: "Máy chủ", Port: "Cổng", Security: "Bảo mật",
	IMAP: "Thư đến (IMAP)", POP3: "Thư đến (POP3)", SMTP: "Thư đi (SMTP)",
	Login: "Tên đăng nhập", Password: "Mật khẩu", WholeAddress: "toàn bộ địa chỉ thư", Yours: "mật khẩu hộp thư của bạn",
	Best:  "Nếu một mục có nhiều dòng, hãy dùng dòng đầu.",
	Apple: "iPhone, iPad và Mac", AppleText: "Thiết bị của Apple nhận mọi cấu hình từ một tệp. Tệp không chứa mật khẩu; thiết bị sẽ hỏi.",
	AppleLink: "Tải hồ sơ cho", AppleHow: "Sau đó mở Cài đặt (trên Mac: Cài đặt hệ thống) và cài hồ sơ vừa tải. Thiết bị báo hồ sơ chưa được ký: chỉ cài nếu bạn tải nó từ trang này.",
}
