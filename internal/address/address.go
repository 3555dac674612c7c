// Package address reads and normalises mailbox addresses.
//
// Invariant: an Address that Parse returned is printed by String in a form
// that Parse reads as the same Address, and holds no control character.
package address

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// RFC 5321 §4.5.3.1.
const (
	maxLocal  = 64
	maxDomain = 255
	// MaxReturnLocal is how long a local part may be that carries another
	// address, as return paths of forwarded mail do (SRS0=…, SRS1=…).
	// DEVIATES(RFC 5321 §4.5.3.1.1): which asks not to rely on a limit.
	MaxReturnLocal = 192
)

// Address is a mailbox: local part (unquoted, as given) and domain (lower
// case, A-labels turned to U-labels never: ASCII stays as IDNA A-label form).
// The zero value is the null reverse path "<>".
type Address struct {
	Local  string
	Domain string
}

// Parse reads local@domain with quoted local parts, UTF-8 (RFC 6531) and
// address literals ([192.0.2.1], [IPv6:…]). Errors say what is wrong.
func Parse(s string) (Address, error) {
	if !utf8.ValidString(s) {
		return Address{}, errors.New("the address is not valid UTF-8")
	}
	local, rest, err := parseLocal(s)
	if err != nil {
		return Address{}, err
	}
	if len(local) > longest(local) {
		return Address{}, fmt.Errorf("the part before @ is longer than %d octets", longest(local))
	}
	if !strings.HasPrefix(rest, "@") {
		return Address{}, errors.New("the address has no @")
	}
	domain, err := Domain(rest[1:])
	if err != nil {
		return Address{}, err
	}
	return Address{local, domain}, nil
}

// longest is how long such a local part may be.
func longest(local string) int {
	if rest, ok := cutPrefixFold(local, "SRS"); ok && len(rest) > 2 && (rest[0] == '0' || rest[0] == '1') && strings.IndexByte("=+-", rest[1]) >= 0 {
		return MaxReturnLocal
	}
	return maxLocal
}

// parseLocal returns the local part without its quotes, and what follows it.
func parseLocal(s string) (local, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		return parseQuoted(s)
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		at = len(s)
	}
	if !isDotString(s[:at]) {
		return "", "", fmt.Errorf("%q is not a local part", s[:at])
	}
	return s[:at], s[at:], nil
}

// parseQuoted reads a Quoted-string (RFC 5321 §4.1.2).
func parseQuoted(s string) (local, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b.Len() == 0 {
				return "", "", errors.New("the local part is empty")
			}
			return b.String(), s[i+1:], nil
		case c == '\\' && i+1 < len(s):
			i++
			c = s[i]
			fallthrough
		default:
			if c = s[i]; c < ' ' || c == 0x7f {
				return "", "", errors.New("the local part holds a control character")
			}
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("the quote of the local part is not closed")
}

// isDotString is RFC 5321 §4.1.2's Dot-string, with RFC 6531 §3.3's UTF-8.
func isDotString(s string) bool {
	empty := true // so far, the atom
	for _, r := range s {
		if r == '.' && empty || r != '.' && notAtext(r) {
			return false
		}
		empty = r == '.'
	}
	return !empty
}

func notAtext(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	case r >= 0x80:
		return r < 0xa0 || r == utf8.RuneError || r == 0x2028 || r == 0x2029
	}
	return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// String is the address as SMTP writes it between angle brackets, the local
// part quoted where it must be; "" for the null path.
func (a Address) String() string {
	if a.IsNull() {
		return ""
	}
	local := a.Local
	if !isDotString(local) {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	return local + "@" + a.Domain
}

// IsNull reports the null reverse path.
func (a Address) IsNull() bool { return a == Address{} }

// Key is the form under which two spellings of one local mailbox are equal:
// case-folded NFC local part, IDNA A-label lower-case domain, joined by @.
func (a Address) Key() string {
	if a.ASCII() {
		return strings.ToLower(a.Local) + "@" + a.Domain
	}
	// Folding can undo the normal form, so that comes again after it.
	local := norm.NFC.String(cases.Fold().String(norm.NFC.String(a.Local)))
	return local + "@" + a.Domain
}

// ASCII reports whether the local part is ASCII (the domain always can be).
func (a Address) ASCII() bool {
	return strings.IndexFunc(a.Local, func(r rune) bool { return r >= 0x80 }) < 0
}

// Domain normalises a domain name to lower-case A-labels. An address literal
// stays one.
func Domain(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return literal(s)
	}
	d := strings.ToLower(s)
	if !plain(d) {
		var err error
		if d, err = profile().ToASCII(s); err != nil {
			return "", fmt.Errorf("%q is not a domain name", s)
		}
		d = strings.ToLower(d)
	}
	if len(d) > maxDomain {
		return "", fmt.Errorf("the domain is longer than %d octets", maxDomain)
	}
	for label := range strings.SplitSeq(d, ".") {
		if !isLabel(label) {
			return "", fmt.Errorf("%q is not a domain name", s)
		}
	}
	return d, nil
}

// plain reports a name that IDNA has nothing to say about.
func plain(lower string) bool {
	return !strings.Contains(lower, "xn--") && strings.IndexFunc(lower, func(r rune) bool { return r >= 0x80 }) < 0
}

func profile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.BidiRule())
}

// isLabel is RFC 5321 §4.1.2's sub-domain; names in use also hold underscores.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// literal reads an address literal (RFC 5321 §4.1.3).
func literal(s string) (string, error) {
	bad := fmt.Errorf("%q is not an address literal", s)
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return "", bad
	}
	six, ok := cutPrefixFold(inner, "IPv6:")
	ip, err := netip.ParseAddr(six)
	if err != nil || ip.Is6() != ok || ip.Zone() != "" {
		return "", bad
	}
	if ok {
		return "[IPv6:" + ip.String() + "]", nil
	}
	return "[" + ip.String() + "]", nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
