package webserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// profilePath is where the profile of an address is; devices go by the end of the name, too.
const profilePath = "/mail/settings.mobileconfig"

// profile is a configuration profile for Apple's devices with one mail account
// (https://developer.apple.com/documentation/devicemanagement/mail), without a
// password, for which the device asks. It is not signed.
func (s *Server) profile(r *http.Request) (answer, error) {
	mailbox := r.URL.Query().Get("emailaddress")
	if mailbox == "" {
		return answer{}, &refusal{http.StatusBadRequest, "a profile without an address"}
	}
	p, err := s.person(r, mailbox, "", "")
	if err != nil {
		return answer{}, err
	}
	in, out, ok := s.account()
	if !ok {
		return answer{}, nothing("no services for a profile")
	}
	account, whole := uuid("account", s.o.Hostname, p.login), uuid("profile", s.o.Hostname, p.login)
	prefix := reversed(s.o.Hostname) + ".mail."
	var d plist
	d.begin()
	d.array("PayloadContent", func() {
		d.text("EmailAccountDescription", p.login)
		d.text("EmailAccountType", accountType(in.Kind))
		d.text("EmailAddress", p.login)
		d.server("Incoming", s.o.Hostname, in.Port, p.login)
		d.server("Outgoing", s.o.Hostname, out.Port, p.login)
		d.truth("OutgoingPasswordSameAsIncomingPassword")
		d.payload("com.apple.mail.managed", prefix+account, account, p.login)
	})
	d.text("PayloadDescription", "Mail settings, without a password. Cấu hình thư, không có mật khẩu.")
	d.text("PayloadOrganization", p.domain)
	d.payload("Configuration", prefix+whole, whole, p.login)
	return answer{kind: "application/x-apple-aspen-config", body: d.end(), what: "Apple profile"}, nil
}

// account chooses the services of a profile, which has one of each kind: the
// best, and IMAP before POP3.
func (s *Server) account() (in, out Service, ok bool) {
	first := func(kind string) int {
		return slices.IndexFunc(s.o.Services, func(v Service) bool { return v.Kind == kind })
	}
	i, o := first("imap"), first("smtp")
	if i < 0 {
		i = first("pop3")
	}
	if i < 0 || o < 0 {
		return in, out, false
	}
	return s.o.Services[i], s.o.Services[o], true
}

func accountType(kind string) string {
	if kind == "pop3" {
		return "EmailTypePOP"
	}
	return "EmailTypeIMAP"
}

// reversed is a name as Apple's identifiers have it, the highest domain first.
func reversed(name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// uuid is always the same for the same names, so that a profile that is
// installed again replaces the one before: of version 8 (RFC 9562 §5.8), from SHA-256.
func uuid(names ...string) string {
	x := sha256.Sum256([]byte(strings.Join(names, "\n")))
	x[6], x[8] = x[6]&0x0f|0x80, x[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", x[:4], x[4:6], x[6:8], x[8:10], x[10:16])
}

// plist writes one of Apple's property lists, a dictionary.
type plist struct{ b bytes.Buffer }

func (d *plist) begin() {
	d.b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n<plist version=\"1.0\">\n<dict>\n")
}

func (d *plist) end() string {
	d.b.WriteString("</dict>\n</plist>\n")
	return d.b.String()
}

// key writes the name of a value, which is one of our words.
func (d *plist) key(name string) { d.b.WriteString("<key>" + name + "</key>\n") }

func (d *plist) text(name, value string) {
	d.key(name)
	d.b.WriteString("<string>")
	xml.EscapeText(&d.b, []byte(value)) // what XML can't have becomes U+FFFD
	d.b.WriteString("</string>\n")
}

func (d *plist) number(name string, n int) {
	d.key(name)
	d.b.WriteString("<integer>" + strconv.Itoa(n) + "</integer>\n")
}

func (d *plist) truth(name string) {
	d.key(name)
	d.b.WriteString("<true/>\n")
}

// array writes an array of one dictionary, whose values fill writes.
func (d *plist) array(name string, fill func()) {
	d.key(name)
	d.b.WriteString("<array>\n<dict>\n")
	fill()
	d.b.WriteString("</dict>\n</array>\n")
}

// payload has what every payload must have.
func (d *plist) payload(kind, identifier, uuid, name string) {
	d.text("PayloadDisplayName", name)
	d.text("PayloadIdentifier", identifier)
	d.text("PayloadType", kind)
	d.text("PayloadUUID", uuid)
	d.number("PayloadVersion", 1)
}

// server has one of the two ways. UseSSL stands for STARTTLS as well, where the
// port is that of a service that begins in clear: nothing is sent without TLS.
func (d *plist) server(way, host string, port uint16, login string) {
	d.text(way+"MailServerAuthentication", "EmailAuthPassword")
	d.text(way+"MailServerHostName", host)
	d.number(way+"MailServerPortNumber", int(port))
	d.truth(way + "MailServerUseSSL")
	d.text(way+"MailServerUsername", login)
}
