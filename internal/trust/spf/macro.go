package spf

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxDomain is the longest name that is asked for; longer expansions lose labels on the left (RFC 7208 §7.3).
const maxDomain = 253

// maxExpansion bounds what macros may grow to, in octets.
const maxExpansion = 8192

// macro is one %{…} (RFC 7208 §7.1).
type macro struct {
	letter  byte // lower case
	escape  bool // it was written in upper case
	keep    int  // right-hand parts; 0 for all
	reverse bool
	delims  string
}

// scan goes through a macro-string. With a function for the value of a macro
// it returns the expansion, without one it only checks the syntax.
func scan(s string, value func(macro) (string, error)) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 || i+1 == len(s) {
			if i >= 0 {
				return "", errors.New("a lone % at the end")
			}
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case '%':
			b.WriteByte('%')
		case '_':
			b.WriteByte(' ')
		case '-':
			b.WriteString("%20")
		case '{':
			text, rest, ok := strings.Cut(s, "}")
			m, err := parseMacro(text)
			if !ok || err != nil {
				return "", fmt.Errorf("%%{%s is not a macro", text)
			}
			s = rest
			if value == nil {
				continue
			}
			v, err := value(m)
			if err != nil {
				return "", err
			}
			b.WriteString(v)
		default:
			return "", fmt.Errorf("%%%c is not a macro", c)
		}
		if b.Len() > maxExpansion {
			return "", errors.New("the macros expand to too much")
		}
	}
}

func parseMacro(s string) (macro, error) {
	bad := errors.New("not a macro")
	if s == "" {
		return macro{}, bad
	}
	m := macro{letter: s[0] | 0x20, escape: s[0]&0x20 == 0, delims: "."}
	if strings.IndexByte("slodiphvcrt", m.letter) < 0 {
		return m, bad
	}
	s = s[1:]
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	if n > 0 {
		keep, err := strconv.ParseUint(s[:n], 10, 16)
		if err != nil || keep == 0 { // RFC 7208 §7.1: DIGIT can't be zero
			return m, bad
		}
		m.keep = int(keep)
	}
	if s = s[n:]; s != "" && s[0]|0x20 == 'r' {
		m.reverse, s = true, s[1:]
	}
	if strings.Trim(s, ".-+,/_=") != "" {
		return m, bad
	}
	if s != "" {
		m.delims = s
	}
	return m, nil
}

// transform is what digits, r and delimiters do to a value.
func (m macro) transform(v string) string {
	if m.keep > 0 || m.reverse || m.delims != "." {
		parts := splitAny(v, m.delims)
		if m.reverse {
			slices.Reverse(parts)
		}
		if m.keep > 0 && m.keep < len(parts) {
			parts = parts[len(parts)-m.keep:]
		}
		v = strings.Join(parts, ".")
	}
	if m.escape {
		v = escapeURL(v)
	}
	return v
}

// splitAny splits at each of the delimiters; empty parts stay.
func splitAny(s, delims string) (parts []string) {
	for {
		i := strings.IndexAny(s, delims)
		if i < 0 {
			return append(parts, s)
		}
		parts = append(parts, s[:i])
		s = s[i+1:]
	}
}

// escapeURL escapes all but RFC 3986's unreserved characters.
func escapeURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// checkSpec checks a domain-spec (RFC 7208 §7.1): it ends in a macro or a top label.
func checkSpec(s string) error {
	if s == "" {
		return errors.New("a domain is missing")
	}
	if _, err := scan(s, func(m macro) (string, error) {
		if strings.IndexByte("crt", m.letter) >= 0 {
			return "", fmt.Errorf("%%{%c} is for explanations only", m.letter)
		}
		return "", nil
	}); err != nil {
		return err
	}
	if strings.HasSuffix(s, "}") && strings.Contains(s, "%{") {
		return nil
	}
	s = strings.TrimSuffix(s, ".")
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 || !isTopLabel(s[dot+1:]) {
		return errors.New("it does not end in a domain")
	}
	return nil
}

// isTopLabel: letters, digits and inner hyphens, and not digits only.
func isTopLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	digits := true
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && c != '-' {
			return false
		}
		digits = digits && '0' <= c && c <= '9'
	}
	return !digits
}

// expand is the value of a macro-string for the domain whose record it is in.
func (e *evaluation) expand(s, domain string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	return scan(s, func(m macro) (string, error) { return m.transform(e.value(m.letter, domain)), nil })
}

// target is the domain that a term is about, in the form to ask for.
func (e *evaluation) target(spec, domain string) (string, error) {
	if spec == "" {
		return domain, nil
	}
	name, err := e.expand(spec, domain)
	name = strings.TrimSuffix(name, ".")
	for len(name) > maxDomain {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			break
		}
		name = rest
	}
	return name, err
}

// value is what a macro letter stands for (RFC 7208 §7.2).
func (e *evaluation) value(letter byte, domain string) string {
	switch letter {
	case 's':
		return e.sender
	case 'l':
		return e.local
	case 'o':
		return e.senderDomain
	case 'd':
		return domain
	case 'i':
		return dotted(e.query.IP)
	case 'p':
		return e.clientName(domain)
	case 'v':
		if e.query.IP.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'h':
		return e.query.Hello
	case 'c':
		return e.query.IP.String()
	case 'r':
		return cmp.Or(e.query.Receiver, "unknown")
	default: // 't'
		return strconv.FormatInt(e.query.Now.Unix(), 10)
	}
}

// dotted is an address in parts that can be reversed: the nibbles of IPv6 (RFC 7208 §7.3).
func dotted(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	var b strings.Builder
	for i, octet := range a.As16() {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprintf(&b, "%x.%x", octet>>4, octet&15)
	}
	return b.String()
}
