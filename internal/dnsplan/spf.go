package dnsplan

import (
	"context"
	"strings"

	"tem/internal/dns"
)

const (
	spfLookups = 10 // RFC 7208 §4.6.4: more are a permanent error
	spfBound   = 40 // where counting ends
)

// spfWalk goes through an SPF record and all that it includes, as it is for an
// address that nothing matches: that takes the most look-ups, which a check of
// one address does not show.
type spfWalk struct {
	resolver *dns.Resolver
	lookups  int
	broken   string // the name where the record is missing, twice there, or not to be had
	unsure   bool   // a name server did not answer
	all      byte   // the qualifier of "all"; 0: none
}

// spfRecords are the SPF records of a name (RFC 7208 §4.5).
func spfRecords(ctx context.Context, r *dns.Resolver, name string) ([]string, error) {
	all, err := texts(ctx, r, name)
	var found []string
	for _, t := range all {
		if first, _, _ := strings.Cut(t, " "); strings.EqualFold(first, "v=spf1") {
			found = append(found, t)
		}
	}
	return found, err
}

// walk counts one record. outer: it is the domain's own, or what that is redirected to.
func (w *spfWalk) walk(ctx context.Context, record string, outer bool) {
	redirect := ""
	for term := range strings.SplitSeq(record[len("v=spf1"):], " ") {
		if to, ok := cutFold(term, "redirect="); ok {
			redirect = to
			continue
		}
		bare := strings.TrimLeft(term, "+-~?")
		kind, _, _ := strings.Cut(bare, ":")
		kind, _, _ = strings.Cut(kind, "/")
		switch strings.ToLower(kind) {
		case "all":
			if outer {
				w.all = qualifier(term)
			}
			return // what follows is never reached, nor a redirect (RFC 7208 §5.1)
		case "a", "mx", "ptr", "exists":
			w.lookups++
		case "include":
			w.lookups++
			_, name, _ := strings.Cut(bare, ":")
			w.follow(ctx, name, false)
		}
	}
	if redirect != "" {
		w.lookups++
		w.follow(ctx, redirect, outer)
	}
}

// follow goes on with another name's record; one with macros depends on the address.
func (w *spfWalk) follow(ctx context.Context, name string, outer bool) {
	if w.lookups > spfBound || strings.Contains(name, "%") {
		return
	}
	records, err := spfRecords(ctx, w.resolver, name)
	switch {
	case err != nil:
		w.unsure = true
	case len(records) != 1:
		w.broken = name
	default:
		w.walk(ctx, records[0], outer)
	}
}

// qualifier of a term (RFC 7208 §4.6.2): + where none is written.
func qualifier(term string) byte {
	if strings.IndexByte("-~?", term[0]) >= 0 {
		return term[0]
	}
	return '+'
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}
