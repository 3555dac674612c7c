package agent

import (
	"net"
	"strings"
)

// Endpoint is one server of an account.
type Endpoint struct {
	Host string `toml:"host" json:"host"` // host:port
	TLS  string `toml:"tls" json:"tls"`   // implicit, starttls or none
}

// Preset is what is known of a provider (checked in November 2026).
type Preset struct {
	Name            string
	Domains         []string
	IMAP, POP, SMTP Endpoint
	FilesSent       bool // the SMTP server files a copy of what is sent in Sent by itself
	Note            Note // what a person must know before it works
}

// Note is one text in English and in Vietnamese.
type Note struct{ EN, VI string }

func (n Note) in(lang string) string {
	if lang == "vi" {
		return n.VI
	}
	return n.EN
}

// appPassword is the note of providers that refuse the account's own password.
func appPassword(en, vi string) Note {
	return Note{
		EN: "The account's own password is refused: make an app password " + en,
		VI: "Mật khẩu của chính tài khoản sẽ bị từ chối: hãy tạo mật khẩu ứng dụng " + vi,
	}
}

// Presets are the known providers.
func Presets() []Preset {
	return []Preset{
		{ // §15: pop.gmail.com 995, imap.gmail.com 993, smtp.gmail.com 465 (TLS) or 587 (STARTTLS)
			Name: "gmail", Domains: []string{"gmail.com", "googlemail.com"},
			IMAP: implicit("imap.gmail.com:993"), POP: implicit("pop.gmail.com:995"), SMTP: implicit("smtp.gmail.com:465"),
			FilesSent: true,
			Note: appPassword("(https://myaccount.google.com/apppasswords; two-step verification must be on). The \"less secure apps\" switch no longer exists. For STARTTLS give --smtp smtp.gmail.com:587.",
				"(https://myaccount.google.com/apppasswords; phải bật xác minh hai bước). Mục \"ứng dụng kém an toàn\" không còn nữa. Muốn dùng STARTTLS thì thêm --smtp smtp.gmail.com:587."),
		},
		{
			Name: "outlook", Domains: []string{"outlook.com", "hotmail.com", "live.com", "msn.com"},
			IMAP: implicit("outlook.office365.com:993"), POP: implicit("outlook.office365.com:995"), SMTP: startTLS("smtp.office365.com:587"),
			FilesSent: true,
			Note: Note{
				EN: "Microsoft has retired passwords for IMAP and POP; a browser sign-in is needed, which is not offered yet.",
				VI: "Microsoft đã bỏ đăng nhập bằng mật khẩu cho IMAP và POP; phải đăng nhập qua trình duyệt, điều này chưa được hỗ trợ.",
			},
		},
		{
			Name: "yahoo", Domains: []string{"yahoo.com", "yahoo.com.vn", "ymail.com"},
			IMAP: implicit("imap.mail.yahoo.com:993"), POP: implicit("pop.mail.yahoo.com:995"), SMTP: implicit("smtp.mail.yahoo.com:465"),
			Note: appPassword("in Account Security.", "trong mục Bảo mật tài khoản."),
		},
		{
			Name: "icloud", Domains: []string{"icloud.com", "me.com", "mac.com"},
			IMAP: implicit("imap.mail.me.com:993"), SMTP: startTLS("smtp.mail.me.com:587"),
			Note: appPassword("at https://account.apple.com. There is no POP3.", "tại https://account.apple.com. Không có POP3."),
		},
		{
			Name: "fastmail", Domains: []string{"fastmail.com", "fastmail.fm"},
			IMAP: implicit("imap.fastmail.com:993"), POP: implicit("pop.fastmail.com:995"), SMTP: implicit("smtp.fastmail.com:465"),
			Note: appPassword("in Settings, Privacy & Security.", "trong Settings, Privacy & Security."),
		},
	}
}

func implicit(host string) Endpoint { return Endpoint{host, "implicit"} }
func startTLS(host string) Endpoint { return Endpoint{host, "starttls"} }

// presetFor finds a preset by name, or by the domain of an address when name is "".
func presetFor(name, address string) (Preset, bool) {
	_, domain, _ := strings.Cut(strings.ToLower(address), "@")
	for _, p := range Presets() {
		if p.Name == name {
			return p, true
		}
		for _, d := range p.Domains {
			if name == "" && d == domain {
				return p, true
			}
		}
	}
	return Preset{}, false
}

// filesSent reports whether the provider behind an SMTP server files what it
// sends; a copy of ours would be a second one.
func filesSent(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	for _, p := range Presets() {
		known, _, _ := net.SplitHostPort(p.SMTP.Host)
		if strings.EqualFold(host, known) {
			return p.FilesSent
		}
	}
	return false
}
