package dnsplan

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"tem/internal/dns"
)

const (
	spfLookups = 10 // RFC 7208 §4.6.4: more are a permanent error
	spfBound   = 40 // where counting ends
)

// spfWalk goes through an SPF record and all that it includes. It tells how
// many look-ups that takes at most, and what an address is told; macros are
// counted, and match nothing.
type spfWalk struct {
	resolver *dns.Resolver
	addr     netip.Addr // not valid: of an address that nothing matches
	lookups  int
	broken   string // the name where the record is missing, twice there, or not to be had
	unsure   bool   // a name server did not answer
	all      byte   // the qualifier of the outermost "all"; 0: none
}

// spfRecords are the SPF records of a name (RFC 7208 §4.5).
func spfRecords(ctx context.Context, r *dns.Resolver, name string) ([]string, error) {
	texts, err := r.TXT(ctx, name)
	if err != nil && !errors.Is(err, dns.ErrNotFound) {
		return nil, err
	}
	var found []string
	for _, t := range texts {
		if first, _, _ := strings.Cut(t, " "); strings.EqualFold(first, "v=spf1") {
			found = append(found, t)
		}
	}
	return found, nil
}

// walk returns the qualifier of the term that matches, 0 if none does.
func (w *spfWalk) walk(ctx context.Context, domain, record string, outer bool) byte {
	redirect := ""
	for _, term := range strings.Fields(record)[1:] {
		if to, ok := cutFold(term, "redirect="); ok {
			redirect = to
			continue
		}
		qualifier := byte('+')
		if strings.IndexByte("+-~?", term[0]) >= 0 {
			qualifier, term = term[0], term[1:]
		}
		if strings.EqualFold(term, "all") {
			if outer {
				w.all = qualifier
			}
			return qualifier
		}
		if w.matches(ctx, domain, term) {
			return qualifier
		}
	}
	if redirect != "" {
		w.lookups++
		return w.follow(ctx, redirect, outer)
	}
	return 0
}

// follow goes on with another name's record.
func (w *spfWalk) follow(ctx context.Context, name string, outer bool) byte {
	if w.lookups > spfBound || strings.Contains(name, "%") {
		return 0
	}
	records, err := spfRecords(ctx, w.resolver, name)
	if err != nil {
		w.unsure = true
		return 0
	}
	if len(records) != 1 {
		w.broken = name
		return 0
	}
	return w.walk(ctx, name, records[0], outer)
}

// matches one mechanism (RFC 7208 §5).
func (w *spfWalk) matches(ctx context.Context, domain, term string) bool {
	kind, value, _ := strings.Cut(term, ":")
	kind, bits, _ := strings.Cut(kind, "/")
	host, more, cut := strings.Cut(value, "/")
	if cut {
		bits = more
	}
	switch strings.ToLower(kind) {
	case "ip4", "ip6":
		return w.within(host, bits)
	case "include":
		w.lookups++
		return w.follow(ctx, value, false) == '+'
	case "exists", "ptr":
		w.lookups++
		return false
	case "a":
		w.lookups++
		return w.hasAddress(ctx, or(host, domain), bits)
	case "mx":
		w.lookups++
		return w.hasExchanger(ctx, or(host, domain), bits)
	}
	return false
}

func (w *spfWalk) hasExchanger(ctx context.Context, name, bits string) bool {
	if !w.addr.IsValid() || w.lookups > spfBound {
		return false
	}
	found, err := w.resolver.MX(ctx, name)
	w.unsure = w.unsure || errors.Is(err, dns.ErrTemporary)
	for _, mx := range found[:min(len(found), spfLookups)] {
		if w.hasAddress(ctx, mx.Host, bits) {
			return true
		}
	}
	return false
}

func (w *spfWalk) hasAddress(ctx context.Context, host, bits string) bool {
	if !w.addr.IsValid() || w.lookups > spfBound || strings.Contains(host, "%") {
		return false
	}
	look := w.resolver.AAAA
	if w.addr.Is4() {
		look = w.resolver.A
	}
	found, err := look(ctx, host)
	w.unsure = w.unsure || errors.Is(err, dns.ErrTemporary)
	for _, a := range found {
		if w.within(a.String(), bits) {
			return true
		}
	}
	return false
}

// within: the address is in a network; bits are "24", "24//64", "/64" or "".
func (w *spfWalk) within(network, bits string) bool {
	a, err := netip.ParseAddr(network)
	if err != nil || !w.addr.IsValid() || a.Is4() != w.addr.Is4() {
		return false
	}
	four, six, dual := strings.Cut(bits, "/")
	six = strings.TrimPrefix(six, "/")
	if a.Is6() && !dual && strings.Contains(network, ":") {
		six = four // ip6:…/64
	}
	length := a.BitLen()
	if n, err := strconv.Atoi(map[bool]string{true: four, false: six}[a.Is4()]); err == nil {
		length = n
	}
	p, err := a.Prefix(length)
	return err == nil && p.Contains(w.addr)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
