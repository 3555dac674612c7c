package imapserver

import (
	"context"
	"strings"

	"tem/internal/wire/imap"
)

// ID tells what we are, the version only to those who have logged in, and keeps
// what the client says of itself for the log (RFC 2971). Nothing else is made of it (§3).
func (t *turn) ID(_ context.Context, c *imap.ID) error {
	t.client = clientText(c.Fields)
	if t.state != imap.NotAuthenticated {
		t.logClient()
	}
	out := []byte(`* ID ("name" "Tem"`)
	if t.o.Version != "" && t.state != imap.NotAuthenticated {
		out = imap.AppendString(append(out, ` "version" `...), t.o.Version)
	}
	return t.line(append(out, ')'))
}

// logClient logs once in a session which program the client is, and only of
// people: others could fill the log (RFC 2971 §7).
func (s *session) logClient() {
	if s.client != "" && !s.clientLogged {
		s.clientLogged = true
		s.log.Info("imap client", "user", s.user, "id", s.client)
	}
}

// maxIDValue is how many octets of a value are logged.
const maxIDValue = 64

// clientText is what is worth keeping of what a client says of itself.
func clientText(fields map[string]string) string {
	var said []string
	for _, name := range [...]string{"name", "version", "vendor", "os", "os-version"} {
		if value := fields[name]; value != "" {
			said = append(said, strings.Map(plain, strings.ToValidUTF8(value[:min(len(value), maxIDValue)], "?")))
		}
	}
	return strings.Join(said, "; ")
}

// plain replaces what could disturb a log or a terminal, or end a response.
func plain(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
		return '?'
	}
	return r
}
