package smtp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DecodeXtext reads xtext (RFC 3461 §4): false for what is not. What it stands
// for may hold any octet.
func DecodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < '!' || c > '~' || c == '=':
			return "", false
		case c != '+':
			b.WriteByte(c)
		case i+2 >= len(s) || !isHex(s[i+1:i+3]):
			return "", false
		default:
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			b.WriteByte(byte(n))
			i += 2
		}
	}
	return b.String(), true
}

// isHex is about digits as the standards that use it have them: in upper case.
func isHex(s string) bool {
	for i := range len(s) {
		if !('0' <= s[i] && s[i] <= '9' || 'A' <= s[i] && s[i] <= 'F') {
			return false
		}
	}
	return s != ""
}

// decodeUnitext reads utf-8-enc-addr, all three forms (RFC 6533 §3).
func decodeUnitext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '\\':
			point, n := embedded(s[i:])
			if n == 0 {
				return "", false
			}
			b.WriteRune(point)
			i += n
		case c <= ' ' || c == 0x7f || c == '+' || c == '=':
			return "", false
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), utf8.ValidString(s)
}

// embedded reads the EmbeddedUnicodeChar that s begins with, and says how long it is; 0: there is none.
func embedded(s string) (rune, int) {
	digits, _, closed := strings.Cut(strings.TrimPrefix(s, `\x{`), "}")
	n, err := strconv.ParseUint(digits, 16, 32)
	point := rune(n)
	switch {
	case !strings.HasPrefix(s, `\x{`) || !closed || err != nil || !isHex(digits),
		len(digits) < 2 || len(digits) > 6 || len(digits) > 2 && digits[0] == '0',
		!utf8.ValidRune(point) || point < 0x80 && !strings.ContainsRune(" +=\\", point):
		return 0, 0 // the other ASCII, controls above all, is of no mailbox, or can be said plainly
	}
	return point, len(`\x{}`) + len(digits)
}

// isPrintable reports that s is ASCII that may stand in a header field.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// xtext writes what is not printable, and + and =, as +XX (RFC 3461 §4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unitext writes what is not printable ASCII, and + and = and \, as \x{X}: the
// form that servers without SMTPUTF8 take, too (RFC 6533 §3).
func unitext(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < '!' || r > '~' || r == '+' || r == '=' || r == '\\' {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
