package dmarc

import (
	"context"
	"errors"
	"fmt"

	"tem/internal/dns"
)

// Discovery is what is published for an author domain: all of a verdict that
// can be had before the checks of the message are finished.
type Discovery struct {
	From   string // author domain, in lower-case A-labels
	domain string // whose record applies; "" for none
	org    string // "" if it could not be found out
	record *Record
	policy Policy
	tag    string
	bad    error // the record is of no use
	err    error // the DNS did not answer
}

// Discover looks for the record that applies to an author domain (RFC 9989 §4.10.1).
func Discover(ctx context.Context, r *dns.Resolver, from string) *Discovery {
	d := &Discovery{From: from}
	found, err := walk(ctx, r, from)
	if d.err = err; err == nil {
		d.org = organization(from, found)
	}
	p := d.choose(found)
	if p.domain == "" {
		return d
	}
	if d.domain, d.record, d.bad = p.domain, p.record, p.bad; d.record != nil {
		d.takePolicy(ctx, r)
	}
	return d
}

// choose picks the record of the author domain, of the organizational domain,
// or of the public suffix above it, in this order.
func (d *Discovery) choose(found []published) published {
	for _, domain := range []string{d.From, d.org} {
		for _, p := range found {
			if p.domain == domain {
				return p
			}
		}
	}
	if n := len(found); n > 0 && d.err == nil && found[n-1].record != nil && found[n-1].record.PSD == 'y' {
		return found[n-1]
	}
	return published{}
}

// takePolicy chooses between p, sp and np.
func (d *Discovery) takePolicy(ctx context.Context, r *dns.Resolver) {
	d.policy, d.tag = d.record.P, "p"
	if d.domain == d.From {
		return
	}
	if d.record.SP != "" {
		d.policy, d.tag = d.record.SP, "sp"
	}
	if d.record.NP == "" || d.record.NP == d.policy {
		return
	}
	exists, err := r.Exists(ctx, d.From)
	switch {
	case err != nil:
		d.err = errors.Join(d.err, err)
	case !exists:
		d.policy, d.tag = d.record.NP, "np"
	}
}

// Evaluate comes to the result for the identifiers of a message (RFC 9989 §5.3).
func (d *Discovery) Evaluate(ctx context.Context, r *dns.Resolver, ids []Identifier) *Result {
	res := &Result{From: d.From, Domain: d.domain, Org: d.org, Record: d.record, Policy: d.policy, Tag: d.tag, Apply: PolicyNone}
	switch {
	case d.record == nil && d.bad != nil:
		return res.end(PermError, "the DMARC record of %s is of no use: %v", d.domain, d.bad)
	case d.record == nil && d.err != nil:
		return res.end(TempError, "%v", d.err)
	case d.record == nil:
		return res.end(None, "%s publishes no DMARC policy", d.From)
	}
	temporary := d.err
	for _, id := range ids {
		if !id.Pass && !id.Temporary {
			res.Alignments = append(res.Alignments, Alignment{Identifier: id, Strict: d.strict(id.Method)})
			continue
		}
		a, err := d.align(ctx, r, id)
		res.Alignments = append(res.Alignments, a)
		if err == nil && a.Aligned && id.Temporary {
			err = fmt.Errorf("%s of %s could not be checked for now", id.Method, id.Domain)
		}
		temporary = errors.Join(temporary, err)
	}
	return d.conclude(res, temporary)
}

// conclude turns alignments into the result.
func (d *Discovery) conclude(res *Result, temporary error) *Result {
	for _, a := range res.Alignments {
		if a.Pass && a.Aligned {
			return res.end(Pass, "%s of %s passes and is aligned with %s", a.Method, a.Domain, d.From)
		}
	}
	if temporary != nil {
		return res.end(TempError, "%v", temporary)
	}
	if res.Apply = d.policy; d.record.Testing { // RFC 9989 §4.7: the owner asks not to apply it yet
		res.Apply = PolicyNone
	}
	return res.end(Fail, "neither SPF nor DKIM passes for a domain that is aligned with %s (%s asks with %s=%s%s)",
		d.From, d.domain, d.tag, d.policy, map[bool]string{true: "; t=y"}[d.record.Testing])
}

func (r *Result) end(v Value, format string, args ...any) *Result {
	r.Value, r.Reason = v, fmt.Sprintf(format, args...)
	return r
}

func (d *Discovery) strict(method string) bool {
	return method == "dkim" && d.record.StrictDKIM || method == "spf" && d.record.StrictSPF
}

// align compares an identifier with the author domain (RFC 9989 §4.4). A name
// outside of the organizational domain of From is not looked up at all.
func (d *Discovery) align(ctx context.Context, r *dns.Resolver, id Identifier) (Alignment, error) {
	a := Alignment{Identifier: id, Strict: d.strict(id.Method)}
	switch {
	case id.Domain == d.From:
		a.Aligned = true
		return a, nil
	case a.Strict || d.org == "" || !IsWithin(id.Domain, d.org):
		return a, nil
	}
	found, err := walk(ctx, r, id.Domain)
	if err != nil {
		return a, err
	}
	a.Org = organization(id.Domain, found)
	a.Aligned = a.Org == d.org
	return a, nil
}
