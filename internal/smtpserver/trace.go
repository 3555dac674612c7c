package smtpserver

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"

	"tem/internal/message"
)

// dateLayout is RFC 5322 §3.3's date-time.
const dateLayout = "Mon, 2 Jan 2006 15:04:05 -0700"

func (x *session) date() string { return x.o.Now().Format(dateLayout) }

// received is our trace field (RFC 5321 §4.4), behind b.
func (x *session) received(b []byte, id string) []byte {
	for _, word := range []string{"Received: from ", x.hello, " (", x.address(), ")\r\n\tby ", x.o.Hostname, " with ", x.protocol(), " id ", id} {
		b = append(b, word...)
	}
	if to := x.mail.envelope.Recipients; len(to) == 1 { // more would tell of each other (RFC 5321 §7.2)
		b = append(append(append(b, "\r\n\tfor <"...), to[0].String()...), '>')
	}
	if s := x.c.TLS(); s != nil {
		version := strings.ReplaceAll(strings.ReplaceAll(tls.VersionName(s.Version), " ", ""), ".", "_")
		b = fmt.Appendf(b, "\r\n\t(version=%s cipher=%s)", strings.TrimSuffix(version, "_0"), tls.CipherSuiteName(s.CipherSuite))
	}
	b = x.o.Now().AppendFormat(append(b, ";\r\n\t"...), dateLayout)
	return append(b, "\r\n"...)
}

// protocol is the "with" of RFC 3848 and RFC 6531 §4.3.
func (x *session) protocol() string {
	p := "SMTP"
	switch {
	case x.o.Mode == LMTP && x.mail.envelope.UTF8:
		p = "UTF8LMTP"
	case x.o.Mode == LMTP:
		p = "LMTP"
	case x.mail.envelope.UTF8:
		p = "UTF8SMTP"
	case x.extended:
		p = "ESMTP"
	}
	if x.c.TLS() != nil {
		p += "S"
	}
	if x.principal != "" {
		p += "A"
	}
	return p
}

// header is what begin has to know of a header.
type header struct {
	none       bool // the text begins with something else
	ending     bool // it may have fields that end here
	received   int
	date, from bool
	signed     bool   // by somebody before us, whose hash is of the text as it came
	messageID  string // "": there is none
}

// headerEnd is where the header of text ends, after its empty line; -1: not
// yet. What lies before from has been looked at, and begun says that the first
// line lies there. A first line that is no field, nor a separator, makes it 0.
func headerEnd(text []byte, from int, begun *bool) int {
	if bytes.HasPrefix(text, []byte("\r\n")) {
		return 2
	}
	if i := bytes.IndexByte(text[from:], '\n'); i >= 0 && !*begun {
		if *begun = true; !beginsField(text[:from+i]) && !message.IsSeparator(text) {
			return 0
		}
	}
	from = max(0, from-3)
	if i := bytes.Index(text[from:], []byte("\r\n\r\n")); i >= 0 {
		return from + i + 4
	}
	return -1
}

// behindSeparator leaves a separator out, if a header is behind it; else the
// text is one of somebody who writes so, without any header.
func behindSeparator(text []byte, end int) ([]byte, int) {
	if !message.IsSeparator(text[:end]) {
		return text, end
	}
	n := bytes.IndexByte(text[:end], '\n') + 1
	if next, _, _ := bytes.Cut(text[n:end], []byte("\n")); !beginsField(next) {
		return text, 0
	}
	return text[n:], end - n
}

// beginsField reports that a line begins a field.
func beginsField(l []byte) bool {
	name := nameOf(l)
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// isField reports that a line begins the field of a name.
func isField(l []byte, name string) bool {
	if len(l) <= len(name) || l[0]|0x20 != name[0]|0x20 { // most lines
		return false
	}
	is := nameOf(l)
	return len(is) == len(name) && strings.EqualFold(string(is), name) // of that length it is ASCII
}

// nameOf is what stands before a line's colon.
func nameOf(l []byte) []byte {
	return bytes.TrimRight(l[:max(0, bytes.IndexByte(l, ':'))], " \t") // RFC 5322 §4.5: old programs put spaces there
}

func scan(text []byte) (h header) {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	h.none = len(text) == 0 || text[0] != '\r' && !beginsField(first)
	for l := range bytes.Lines(text) {
		switch {
		case isField(l, "Received"):
			h.received++
		case isField(l, "Date"):
			h.date = true
		case isField(l, "Message-ID"):
			h.messageID = value(l)
		case isField(l, "From"):
			h.from = true
		case isField(l, "DKIM-Signature"):
			h.signed = true
		case isField(l, "Return-Path"), isField(l, "Bcc"), isField(l, "Resent-Bcc"):
			h.ending = true
		}
	}
	return h
}

// value is what a field's first line has behind its name.
func value(l []byte) string {
	_, v, _ := bytes.Cut(l, []byte(":"))
	return string(bytes.TrimSpace(v[:min(len(v), 1000)]))
}

// missing is what a submitted message should have had (RFC 6409 §8.1, §8.2, §8.3).
func (x *session) missing(h *header, id string) (b []byte) {
	if h.messageID == "" {
		h.messageID = "<" + id + "@" + x.o.Hostname + ">"
		b = fmt.Appendf(b, "Message-ID: %s\r\n", h.messageID)
	}
	if !h.date {
		b = fmt.Appendf(b, "Date: %s\r\n", x.date())
	}
	if !h.from {
		b = fmt.Appendf(b, "From: <%s>\r\n", x.user)
	}
	return b
}

// strip takes out the fields that go no further. Return-Path is for the server
// of final delivery to add (RFC 5321 §4.4). Who got a blind copy is nobody's
// business; programs that submit forget to take it out (RFC 5322 §3.6.3).
func (x *session) strip(text message.Header) []byte {
	return text.Without(func(name, _ []byte) bool {
		switch strings.ToLower(string(name)) {
		case "return-path":
			return true
		case "bcc", "resent-bcc":
			return x.principal != ""
		}
		return false
	})
}
