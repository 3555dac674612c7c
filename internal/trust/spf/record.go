package spf

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// version is what a record begins with (RFC 7208 §4.5).
const version = "v=spf1"

// isRecord reports that a TXT record is an SPF record.
func isRecord(txt string) bool {
	return len(txt) >= len(version) && strings.EqualFold(txt[:len(version)], version) &&
		(len(txt) == len(version) || txt[len(version)] == ' ')
}

// record is one that was read.
type record struct {
	terms         []term
	redirect, exp string // targets, not expanded; "" if there is none
}

// term is one directive (RFC 7208 §4.6.1).
type term struct {
	text   string // as it is written
	result Result // of a match
	name   string // all include a mx ptr ip4 ip6 exists
	target string // domain-spec, not expanded; "" for the current domain
	prefix netip.Prefix
	v4, v6 int // CIDR lengths of a and mx
}

// parse reads a record whole: one mistake anywhere makes it useless (RFC 7208 §4.6).
func parse(txt string) (record, error) {
	var r record
	for word := range strings.SplitSeq(txt[len(version):], " ") {
		if word == "" {
			continue
		}
		if i := strings.IndexFunc(word, func(c rune) bool { return c <= ' ' || c >= 0x7f }); i >= 0 {
			return r, fmt.Errorf("%q: not ASCII text", word)
		}
		name, value, ok := modifier(word)
		var err error
		if ok {
			err = r.modify(name, value)
		} else {
			err = r.direct(word)
		}
		if err != nil {
			return r, fmt.Errorf("%q: %w", word, err)
		}
	}
	return r, nil
}

// modifier splits name=value; ok is false for what is a directive.
func modifier(word string) (name, value string, ok bool) {
	n := nameLength(word)
	if n == 0 || n == len(word) || word[n] != '=' {
		return "", "", false
	}
	return strings.ToLower(word[:n]), word[n+1:], true
}

// nameLength is the length of the name that a term begins with.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || strings.IndexByte("-_.", c) >= 0)) {
			return i
		}
	}
	return len(s)
}

// modify takes a modifier; unknown ones only have to be well formed (RFC 7208 §6).
func (r *record) modify(name, value string) error {
	var place *string
	switch name {
	case "redirect":
		place = &r.redirect
	case "exp":
		place = &r.exp
	default:
		_, err := scan(value, nil)
		return err
	}
	if *place != "" {
		return errors.New("it stands there twice") // RFC 7208 §6
	}
	*place = value
	return checkSpec(value)
}

// direct takes a directive.
func (r *record) direct(word string) error {
	t := term{text: word, result: Pass, v4: 32, v6: 128}
	switch word[0] {
	case '+':
	case '-':
		t.result = Fail
	case '~':
		t.result = SoftFail
	case '?':
		t.result = Neutral
	default:
		word = "+" + word
	}
	word = word[1:]
	n := nameLength(word)
	t.name = strings.ToLower(word[:n])
	if err := t.arguments(word[n:]); err != nil {
		return err
	}
	r.terms = append(r.terms, t)
	return nil
}

// arguments reads what follows the name of a mechanism (RFC 7208 §5).
func (t *term) arguments(s string) error {
	value, given := strings.CutPrefix(s, ":")
	switch t.name {
	case "all":
		if s != "" {
			return errors.New("all takes nothing behind it")
		}
		return nil
	case "ip4", "ip6":
		if !given {
			return errors.New("it needs a network")
		}
		return t.network(value)
	case "include", "exists":
		t.target = value
		return checkSpec(value)
	case "ptr":
		t.target = value
		if s == "" {
			return nil
		}
		return checkSpec(value)
	case "a", "mx":
		return t.hosts(s, given)
	}
	return errors.New("there is no such mechanism")
}

// hosts reads [":" domain-spec] [dual-cidr-length].
func (t *term) hosts(s string, given bool) error {
	slash := cidrStart(s)
	if err := t.lengths(s[slash:]); err != nil {
		return err
	}
	if s = s[:slash]; s == "" {
		return nil
	}
	if !given {
		return errors.New("there is no such mechanism")
	}
	t.target = s[1:]
	return checkSpec(t.target)
}

// cidrStart is where the CIDR lengths at the end of s begin: "/24", "//64" or "/24//64".
// Other slashes belong to the domain-spec.
func cidrStart(s string) int {
	end := len(s)
	if n := digitsStart(s); n < end && strings.HasSuffix(s[:n], "//") {
		end = n - 2
	}
	if n := digitsStart(s[:end]); n < end && strings.HasSuffix(s[:n], "/") {
		end = n - 1
	}
	return end
}

// digitsStart is where the digits at the end of s begin.
func digitsStart(s string) int { return len(strings.TrimRight(s, "0123456789")) }

// lengths reads ["/" ip4-cidr-length] ["//" ip6-cidr-length].
func (t *term) lengths(s string) (err error) {
	four, six, both := strings.Cut(s, "//")
	if both {
		if t.v6, err = cidr(six, 128); err != nil {
			return err
		}
	}
	if four != "" {
		t.v4, err = cidr(four[1:], 32)
	}
	return err
}

// cidr reads the length of a prefix, without leading zeros.
func cidr(s string, most int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) > most || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%q is not a prefix length up to %d", s, most)
	}
	return int(n), nil
}

// network reads the argument of ip4 and ip6 (RFC 7208 §5.6).
func (t *term) network(s string) error {
	text, length, given := strings.Cut(s, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4() != (t.name == "ip4") {
		return fmt.Errorf("%q is not an address of %s", text, t.name)
	}
	n := a.BitLen()
	if given {
		if n, err = cidr(length, n); err != nil {
			return err
		}
	}
	t.prefix = netip.PrefixFrom(a, n).Masked()
	return nil
}
