package agent

import "strings"

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
	FilesSent       bool   // the provider keeps a copy of what is sent by itself
	Note            string // what a person must know before it works
}

// Presets are the known providers.
func Presets() []Preset {
	const appPassword = "The account's own password is refused: make an app password "
	return []Preset{
		{ // §15: pop.gmail.com 995, imap.gmail.com 993, smtp.gmail.com 465 (TLS) or 587 (STARTTLS)
			Name: "gmail", Domains: []string{"gmail.com", "googlemail.com"},
			IMAP: implicit("imap.gmail.com:993"), POP: implicit("pop.gmail.com:995"), SMTP: implicit("smtp.gmail.com:465"),
			FilesSent: true,
			Note:      appPassword + "(https://myaccount.google.com/apppasswords; two-step verification must be on). The \"less secure apps\" switch no longer exists. For STARTTLS give --smtp smtp.gmail.com:587 --tls starttls.",
		},
		{
			Name: "outlook", Domains: []string{"outlook.com", "hotmail.com", "live.com", "msn.com"},
			IMAP: implicit("outlook.office365.com:993"), POP: implicit("outlook.office365.com:995"), SMTP: startTLS("smtp.office365.com:587"),
			FilesSent: true,
			Note:      "Microsoft has retired passwords for IMAP and POP; a browser sign-in is needed, which is not offered yet.",
		},
		{
			Name: "yahoo", Domains: []string{"yahoo.com", "yahoo.com.vn", "ymail.com"},
			IMAP: implicit("imap.mail.yahoo.com:993"), POP: implicit("pop.mail.yahoo.com:995"), SMTP: implicit("smtp.mail.yahoo.com:465"),
			Note: appPassword + "in Account Security.",
		},
		{
			Name: "icloud", Domains: []string{"icloud.com", "me.com", "mac.com"},
			IMAP: implicit("imap.mail.me.com:993"), SMTP: startTLS("smtp.mail.me.com:587"),
			Note: appPassword + "at https://account.apple.com. There is no POP3.",
		},
		{
			Name: "fastmail", Domains: []string{"fastmail.com", "fastmail.fm"},
			IMAP: implicit("imap.fastmail.com:993"), POP: implicit("pop.fastmail.com:995"), SMTP: implicit("smtp.fastmail.com:465"),
			Note: appPassword + "in Settings, Privacy & Security.",
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
