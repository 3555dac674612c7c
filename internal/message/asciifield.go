package message

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// asciiField writes one raw field, with its line end, in ASCII: addresses with
// encoded words for names, parameters as RFC 2231 has them, any other text as
// encoded words (RFC 2047 §5).
func asciiField(raw []byte) []byte {
	n := nameLength(raw)
	if n == 0 {
		return withoutHigh(raw) // no field at all
	}
	name, value := string(raw[:n]), unfold(fieldValue(raw[:n], raw))
	var out bytes.Buffer
	switch fieldKind(name) {
	case plainField:
		return withoutHigh(raw)
	case addressField:
		writeField(&out, name, asciiAddresses(value))
	case paramField:
		out.WriteString(name + ": " + asciiParams(value) + "\r\n")
	default:
		writeField(&out, name, EncodeWords(DecodeWords(value)))
	}
	return out.Bytes()
}

// The kinds of fields, by where an encoded word may stand in them.
const (
	textField    = iota // anywhere
	addressField        // in names
	paramField          // nowhere, but parameters have a way of their own
	plainField          // nowhere
)

func fieldKind(name string) int {
	switch strings.ToLower(name) {
	case "from", "sender", "reply-to", "to", "cc", "bcc", "resent-from", "resent-sender", "resent-reply-to", "resent-to",
		"resent-cc", "resent-bcc", "disposition-notification-to", "mail-followup-to", "delivered-to":
		return addressField
	case "content-type", "content-disposition":
		return paramField
	case "received", "return-path", "date", "resent-date", "message-id", "resent-message-id", "in-reply-to", "references",
		"mime-version", "content-id", "content-transfer-encoding", "content-language", "content-md5":
		return plainField
	}
	return textField
}

// withoutHigh has a question mark for each character that is not ASCII.
func withoutHigh(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		c, n := raw[0], 1
		if c >= utf8.RuneSelf {
			_, n = utf8.DecodeRune(raw)
			c = '?'
		}
		out, raw = append(out, c), raw[n:]
	}
	return out
}

// noAddress stands for an address whose local part can't be said in ASCII, in a
// domain that nobody has (RFC 2606 §2); the address itself is in the name.
const noAddress = "internationalized-address@utf8.invalid"

// asciiAddresses writes an address list.
func asciiAddresses(value string) string {
	var out strings.Builder
	separate := false
	l := addrList{s: value}
	for a, ok := l.next(); ok; a, ok = l.next() {
		if a.kind == groupEnd {
			out.WriteByte(';')
			continue
		}
		if separate {
			out.WriteString(", ")
		}
		if separate = a.kind == single; separate {
			out.WriteString(a.ascii().String())
		} else {
			out.WriteString(asciiPhrase(a.name) + ": ")
		}
	}
	return out.String()
}

// ascii is an address with nothing but its name not in ASCII.
func (a addr) ascii() Mailbox {
	m, _ := a.mailbox()
	domain := asciiDomain(a.domain)
	switch {
	case !isASCII(a.local + domain):
		m.Name = strings.TrimSpace(m.Name + " " + cleanText(toUTF8(m.Address)))
		m.Address = noAddress
	case domain != "":
		m.Address = a.local + "@" + domain
	}
	return m
}

// asciiPhrase writes the name of a group.
func asciiPhrase(name string) string {
	switch name = DecodeWords(name); {
	case needsWords(name) || hasLongToken(name):
		return EncodeWords(name)
	case isPhrase(name):
		return name
	}
	return quote(name)
}

// asciiParams writes a value and its parameters, each on a line.
func asciiParams(value string) string {
	main, rest, _ := strings.Cut(dropComments(value), ";")
	var out strings.Builder
	out.Write(withoutHigh([]byte(strings.TrimSpace(main))))
	for _, p := range parseParams(rest) {
		out.WriteString(parameter(string(withoutHigh([]byte(p.Name))), p.Value))
	}
	return out.String()
}
