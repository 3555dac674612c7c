package imap

import (
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// URL is what a relative IMAP URL names: a message or some of it (RFC 5092
// §7, RFC 4469 §3).
type URL struct {
	Absolute    bool   // Mailbox counts from the top, not from beside the selected one
	Mailbox     string // UTF-8; "": the selected one
	UIDValidity uint32 // 0: none was said
	UID         uint32
	Section     Item // of Kind Section; Count is MaxInt64 if a partial range has no end
}

var (
	errURLElsewhere = errors.New("the URL is not relative to this connection")
	errURLEncoding  = errors.New("the URL has a % that encodes nothing, or no text")
	errURLMailbox   = errors.New("the URL's mailbox name is malformed")
	errURLOrder     = errors.New("a URL takes ;UIDVALIDITY=, /;UID=, /;SECTION= and /;PARTIAL= in this order, each once")
	errURLNoUID     = errors.New("the URL has no UID")
)

// ParseURL reads a URL that names a message or part in relation to the
// connection: "/mailbox;UIDVALIDITY=1/;UID=2/;SECTION=1.2/;PARTIAL=0.100" or
// some of it. A ";" separates nothing but these (RFC 5092 §11: bchar).
func ParseURL(text string) (u URL, err error) {
	rest, absolute := strings.CutPrefix(text, "/")
	mailbox, params, _ := strings.Cut(rest, ";")
	if strings.HasPrefix(rest, "/") || strings.Contains(mailbox, ":") {
		return u, errURLElsewhere
	}
	u.Absolute, u.Section = absolute, Item{Kind: Section, Label: "BODY", Peek: true}
	if u.Mailbox, err = decodeURL(strings.TrimSuffix(mailbox, "/")); err != nil {
		return u, err
	}
	if u.Mailbox = (&decoder{Mode: Mode{UTF8: true}}).decodeName(u.Mailbox); !wellFormed(u.Mailbox) {
		return u, errURLMailbox
	}
	last := 0
	for params != "" {
		var param string
		param, params, _ = strings.Cut(params, ";")
		if last, err = u.param(strings.TrimSuffix(param, "/"), last); err != nil {
			return u, err
		}
	}
	if u.UID == 0 {
		return u, errURLNoUID
	}
	return u, nil
}

// wellFormed refuses empty and relative levels of a mailbox name.
func wellFormed(name string) bool {
	if name == "" {
		return true
	}
	for level := range strings.SplitSeq(name, "/") {
		if level == "" || level == "." || level == ".." {
			return false
		}
	}
	return true
}

// param reads NAME=value, which must come after the one at place last.
func (u *URL) param(text string, last int) (at int, err error) {
	name, value, _ := strings.Cut(text, "=")
	if value, err = decodeURL(value); err != nil {
		return at, err
	}
	d := &decoder{b: []byte(value)}
	switch strings.ToUpper(name) {
	case "UIDVALIDITY":
		at, u.UIDValidity = 1, d.nonZero()
	case "UID":
		at, u.UID = 2, d.nonZero()
	case "SECTION":
		at = 3
		d.sectionPath(&u.Section)
	case "PARTIAL":
		at = 4
		u.partial(d)
	}
	if at <= last {
		return at, errURLOrder
	}
	d.end()
	return at, d.err
}

// partial reads offset or offset.count (RFC 5092 §11: partial-range).
func (u *URL) partial(d *decoder) {
	it := &u.Section
	it.Partial, it.Offset, it.Count = true, d.number64(), math.MaxInt64
	if d.take('.') {
		if it.Count = d.number64(); it.Count == 0 {
			d.fail("a partial range has at least one octet")
		}
	}
}

// decodeURL undoes %-encoding. The result is UTF-8 without control characters.
func decodeURL(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if len(s) < i+3 || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", errURLEncoding
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return "", errURLEncoding
		}
		b.WriteByte(c)
	}
	if !utf8.ValidString(b.String()) {
		return "", errURLEncoding
	}
	return b.String(), nil
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
