package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tem/internal/dns"
)

// evaluation is one run of check_host() with all that it includes.
type evaluation struct {
	ctx                         context.Context
	resolver                    *dns.Resolver
	query                       Query
	sender, local, senderDomain string
	record                      string // of the first domain
	steps                       []Step
	lookups, void               int
	names                       *[]string // of the client, confirmed; nil: not asked for yet
}

// What ends an evaluation early; the text is the reason.
type tempError struct{ error }
type permError struct{ error }

// host is check_host() (RFC 7208 §4).
func (e *evaluation) host(domain string, depth int) verdict {
	if !isDomain(domain) {
		return verdictf(None, "%q is not a domain that could have an SPF record", domain)
	}
	text, v := e.find(domain)
	if v.result != "" {
		return v
	}
	if depth == 0 && e.record == "" {
		e.record = text
	}
	r, err := parse(text)
	if err != nil {
		return verdictf(PermError, "the SPF record of %s can't be read: %v", domain, err)
	}
	return e.run(r, domain, depth)
}

// find gets the one SPF record of a domain (RFC 7208 §4.4, §4.5).
func (e *evaluation) find(domain string) (string, verdict) {
	all, err := e.resolver.TXT(e.ctx, escape(domain))
	if errors.Is(err, dns.ErrTemporary) {
		return "", verdictf(TempError, "the SPF record of %s could not be asked for: %v", domain, err)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !isRecord(s) })
	switch len(all) {
	case 0:
		return "", verdictf(None, "%s has no SPF record", domain)
	case 1:
		return all[0], verdict{}
	}
	return "", verdictf(PermError, "%s has %d SPF records, where one is allowed", domain, len(all))
}

// run evaluates the terms in order, then redirect.
func (e *evaluation) run(r record, domain string, depth int) verdict {
	if len(e.steps)+len(r.terms) > maxTerms {
		return verdictf(PermError, "the SPF records that %s leads to have more than %d terms", domain, maxTerms)
	}
	for _, t := range r.terms {
		at := len(e.steps)
		e.steps = append(e.steps, Step{Depth: depth, Domain: domain, Term: t.text})
		match, err := e.match(t, domain, depth, at)
		if err != nil {
			return failed(t.text, domain, err)
		}
		if e.steps[at].Match = match; match {
			v := verdictf(t.result, "%s", sentence(t, domain, e.query.IP))
			v.term, v.domain, v.exp = t.text, domain, r.exp
			return v
		}
	}
	if r.redirect != "" {
		return e.redirect(r.redirect, domain, depth)
	}
	return verdictf(Neutral, "nothing in the SPF record of %s speaks of %s", domain, e.query.IP) // RFC 7208 §4.7
}

// failed is the verdict when a term could not be evaluated.
func failed(term, domain string, err error) verdict {
	var temporary tempError
	v := verdictf(PermError, "%s in the SPF record of %s: %v", term, domain, err)
	if errors.As(err, &temporary) {
		v.result = TempError
	}
	v.term = term
	return v
}

// sentence tells of a match.
func sentence(t term, domain string, ip netip.Addr) string {
	switch t.result {
	case Pass:
		return fmt.Sprintf("%s lets %s send: it matches %s", domain, ip, t.text)
	case Fail:
		return fmt.Sprintf("%s says that %s may not send for it: %s", domain, ip, t.text)
	case SoftFail:
		return fmt.Sprintf("%s says that %s should not send for it: %s", domain, ip, t.text)
	}
	return fmt.Sprintf("%s does not say whether %s may send for it: %s", domain, ip, t.text)
}

// redirect goes on with the record of another domain (RFC 7208 §6.1).
func (e *evaluation) redirect(spec, domain string, depth int) verdict {
	term := "redirect=" + spec
	at := len(e.steps)
	e.steps = append(e.steps, Step{Depth: depth, Domain: domain, Term: term})
	if err := e.count(); err != nil {
		return failed(term, domain, err)
	}
	target, err := e.target(spec, domain)
	if err != nil {
		return failed(term, domain, permError{err})
	}
	e.found(at, "%s", target)
	v := e.host(target, depth)
	if v.result == None {
		return failed(term, domain, permError{errors.New(v.reason)})
	}
	e.steps[at].Match = true
	return v
}

// match evaluates one mechanism (RFC 7208 §5). at is its step.
func (e *evaluation) match(t term, domain string, depth, at int) (bool, error) {
	switch t.name {
	case "all":
		return true, nil
	case "ip4", "ip6":
		return t.prefix.Contains(e.query.IP), nil
	}
	if err := e.count(); err != nil {
		return false, err
	}
	target, err := e.target(t.target, domain)
	if err != nil {
		return false, permError{err}
	}
	if !isASCII(target) { // RFC 8616 §4: %{s} and %{l} of a local part in UTF-8 name nothing in the DNS
		e.found(at, "%s is no name", target)
		return false, nil
	}
	switch t.name {
	case "include":
		return e.include(target, depth, at)
	case "a":
		return e.hasAddress(escape(target), t, at)
	case "mx":
		return e.mx(target, t, at)
	case "ptr":
		return e.ptr(target, at), nil
	}
	found, err := e.addresses(escape(target), e.resolver.A) // exists asks for A only (RFC 7208 §5.7)
	e.found(at, "%s: %v", target, found)
	return len(found) > 0, err
}

// count allows one more term that asks the DNS (RFC 7208 §4.6.4).
func (e *evaluation) count() error {
	if e.lookups++; e.lookups > maxLookups {
		e.lookups = maxLookups
		return permError{fmt.Errorf("more than %d terms that ask the DNS", maxLookups)}
	}
	return nil
}

// found notes what the DNS answered, if that is wanted.
func (e *evaluation) found(at int, format string, args ...any) {
	if e.query.Detail {
		e.steps[at].Found = fmt.Sprintf(format, args...)
	}
}

// include is a match where check_host() of the target passes (RFC 7208 §5.2).
func (e *evaluation) include(target string, depth, at int) (bool, error) {
	v := e.host(target, depth+1)
	e.found(at, "%s: %s", target, v.result)
	switch v.result {
	case Pass:
		return true, nil
	case TempError:
		return false, tempError{errors.New(v.reason)}
	case PermError, None:
		return false, permError{errors.New(v.reason)}
	}
	return false, nil
}

// hasAddress compares the addresses of a host, in presentation form, with the client's (RFC 7208 §5.3).
func (e *evaluation) hasAddress(host string, t term, at int) (bool, error) {
	ask, bits := e.resolver.AAAA, t.v6
	if e.query.IP.Is4() {
		ask, bits = e.resolver.A, t.v4
	}
	found, err := e.addresses(host, ask)
	if e.query.Detail {
		e.steps[at].Found = strings.TrimPrefix(e.steps[at].Found+fmt.Sprintf(", %s: %v", host, found), ", ")
	}
	for _, a := range found {
		if p, err := a.Unmap().Prefix(bits); err == nil && p.Contains(e.query.IP) {
			return true, nil
		}
	}
	return false, err
}

// addresses asks, and counts what finds nothing.
func (e *evaluation) addresses(host string, ask func(context.Context, string) ([]netip.Addr, error)) ([]netip.Addr, error) {
	found, err := ask(e.ctx, host)
	return found, e.look(len(found), err)
}

// look is the error of a look-up that ends the evaluation: none for "there is none", up to the limit (RFC 7208 §4.6.4).
func (e *evaluation) look(found int, err error) error {
	switch {
	case errors.Is(err, dns.ErrTemporary):
		return tempError{err}
	case found > 0:
		return nil
	}
	if e.void++; e.void > maxVoid {
		return permError{fmt.Errorf("more than %d look-ups found nothing", maxVoid)}
	}
	return nil
}

// mx compares the addresses of the mail exchangers (RFC 7208 §5.4).
func (e *evaluation) mx(target string, t term, at int) (bool, error) {
	hosts, err := e.resolver.MX(e.ctx, escape(target))
	if err := e.look(len(hosts), err); err != nil {
		return false, err
	}
	if len(hosts) > maxNames {
		return false, permError{fmt.Errorf("%s has more than %d mail exchangers", target, maxNames)}
	}
	for _, h := range hosts {
		if h.Host == "." { // RFC 7505
			continue
		}
		if match, err := e.hasAddress(h.Host, t, at); match || err != nil {
			return match, err
		}
	}
	return false, nil
}
