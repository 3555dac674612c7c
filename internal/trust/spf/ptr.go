package spf

import (
	"fmt"
	"slices"
	"strings"
)

// ptr is a match where a confirmed name of the client is the target or below
// it (RFC 7208 §5.5). What the DNS does not answer is no match, and what is
// missing there is the client's doing, not the domain's: it counts as no void look-up.
func (e *evaluation) ptr(target string, at int) bool {
	names := e.confirmed()
	e.found(at, "%s is %v", e.query.IP, names)
	return slices.ContainsFunc(names, func(n string) bool { return isWithin(n, target) })
}

// confirmed are the names of the client that lead back to its address, of the
// first ten. They are asked for once: a record may name them in each of
// thousands of macros.
func (e *evaluation) confirmed() []string {
	if e.names == nil {
		names := e.confirm()
		e.names = &names
	}
	return *e.names
}

func (e *evaluation) confirm() (names []string) {
	all, err := e.resolver.Name(e.ctx, e.query.IP)
	if err != nil {
		return nil
	}
	ask := e.resolver.AAAA
	if e.query.IP.Is4() {
		ask = e.resolver.A
	}
	for _, n := range all[:min(len(all), maxNames)] {
		if found, err := ask(e.ctx, n); err == nil && slices.Contains(found, e.query.IP) {
			names = append(names, n)
		}
	}
	return names
}

// clientName is the value of %{p} (RFC 7208 §7.3): a confirmed name, the
// domain itself or one below it if there is one.
func (e *evaluation) clientName(domain string) string {
	names := e.confirmed()
	for _, better := range []func(string) bool{
		func(n string) bool { return strings.EqualFold(n, domain) },
		func(n string) bool { return isWithin(n, domain) },
		func(string) bool { return true },
	} {
		if i := slices.IndexFunc(names, better); i >= 0 {
			return names[i]
		}
	}
	return "unknown"
}

// isWithin reports that name is domain or below it.
func isWithin(name, domain string) bool {
	domain = strings.TrimSuffix(domain, ".")
	if len(name) == len(domain) {
		return strings.EqualFold(name, domain)
	}
	at := len(name) - len(domain)
	return at > 0 && name[at-1] == '.' && strings.EqualFold(name[at:], domain)
}

// escape writes a name of octets in the form that dns reads (RFC 4343 §2.1):
// what senders choose, as in %{l}, is no syntax there.
func escape(name string) string {
	if strings.IndexFunc(name, isSpecial) < 0 {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03d`, c)
		case isSpecial(rune(c)):
			b.WriteString(`\` + string(rune(c)))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isSpecial(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"();@\`, r) }
