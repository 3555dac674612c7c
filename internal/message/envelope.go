package message

import (
	"strconv"

	"golang.org/x/net/idna"
)

// maxAddresses is how many addresses of one field an envelope shows: an
// envelope is kept in a row and sent in one response. Header has them all.
const maxAddresses = 1000

// maxDomain is the longest domain name there is, in octets (RFC 1035 §2.3.4).
const maxDomain = 255

// style is how IMAP's strings are written.
type style bool

const (
	inASCII style = false // 7-bit: what is more becomes words of RFC 2047, values of RFC 2231, A-labels
	inUTF8  style = true  // as it is, in UTF-8 (RFC 6855 §3, RFC 9051 §4.3)
)

// appendEnvelope writes ENVELOPE (RFC 9051 §7.5.2).
func (f *fields) appendEnvelope(dst []byte, as style) []byte {
	dst = append(dst, '(')
	dst = f.appendText(dst, fDate, as)
	dst = f.appendText(append(dst, ' '), fSubject, as)
	from := len(dst) + 1
	dst = appendAddresses(append(dst, ' '), f.value(fFrom), as)
	end := len(dst)
	for _, i := range [...]int{fSender, fReplyTo, fTo, fCc, fBcc} {
		at := len(dst)
		dst = appendAddresses(append(dst, ' '), f.value(i), as)
		if (i == fSender || i == fReplyTo) && string(dst[at:]) == " NIL" {
			dst = append(dst[:at+1], dst[from:end]...) // defaults to From
		}
	}
	dst = f.appendText(append(dst, ' '), fInReplyTo, as)
	dst = f.appendText(append(dst, ' '), fMessageID, as)
	return append(dst, ')')
}

// appendText writes one unstructured value: NIL if absent, "" if empty.
func (f *fields) appendText(dst []byte, i int, as style) []byte {
	if !f.has[i] {
		return append(dst, "NIL"...)
	}
	return appendString(dst, f.value(i), as)
}

// appendAddresses writes a list of address structures, NIL for none.
func appendAddresses(dst []byte, value string, as style) []byte {
	if value == "" {
		return append(dst, "NIL"...)
	}
	group := false
	var buf [8]word
	l := addrList{s: value, words: buf[:0]}
	n := 0
	for a, ok := l.next(); ok && n < maxAddresses; a, ok = l.next() {
		if n == 0 {
			dst = append(dst, '(')
		}
		dst = a.append(dst, as)
		n++
		if a.kind != single {
			group = a.kind == groupStart
		}
	}
	switch {
	case n == 0:
		return append(dst, "NIL"...)
	case group:
		dst = addr{kind: groupEnd}.append(dst, as) // of the group that was cut
	}
	return append(dst, ')')
}

// append writes one address structure. A missing domain must not look like a
// group (NIL host), so it has a name that no host can have.
func (a addr) append(dst []byte, as style) []byte {
	switch a.kind {
	case groupStart:
		dst = appendString(append(dst, "(NIL NIL "...), a.name, as)
		return append(dst, " NIL)"...)
	case groupEnd:
		return append(dst, "(NIL NIL NIL NIL)"...)
	}
	switch {
	case a.local == "":
		a.local = "MISSING_MAILBOX"
	case a.local[0] == '"':
		a.local = unquote(a.local) // RFC 9051 §9 addr-mailbox
	}
	if a.domain == "" {
		a.domain = "MISSING_DOMAIN"
	}
	dst = appendNString(append(dst, '('), a.name, as)
	dst = appendNString(append(dst, ' '), a.route, as)
	dst = appendString(append(dst, ' '), a.local, as)
	if as == inASCII {
		a.domain = asciiDomain(a.domain)
	}
	dst = appendString(append(dst, ' '), a.domain, as)
	return append(dst, ')')
}

// asciiDomain is a domain with A-labels, as it is if that can't be. Punycode
// takes time that grows with the square of a label, hence the bound.
func asciiDomain(domain string) string {
	if isASCII(domain) || len(domain) > maxDomain {
		return domain
	}
	if a, err := idna.Punycode.ToASCII(domain); err == nil {
		return a
	}
	return domain
}

// appendNString writes NIL for an empty string.
func appendNString(dst []byte, s string, as style) []byte {
	if s == "" {
		return append(dst, "NIL"...)
	}
	return appendString(dst, s, as)
}

// appendString writes a quoted string; CR, LF and NUL are left out (RFC 9051 §4.3).
func appendString(dst []byte, s string, as style) []byte {
	if !isASCII(s) {
		if s = toUTF8(s); as == inASCII {
			s = encodeAll(s)
		}
	}
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\r', '\n', 0:
		case '"', '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendNumber writes a number with a space before it.
func appendNumber(dst []byte, n int64) []byte {
	return strconv.AppendInt(append(dst, ' '), n, 10)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
