package dns

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const maxAliases = 8 // CNAMEs followed for one question

// lookup answers a question: from memory, or together with all who ask the
// same just now. An error is ErrTemporary.
func (r *Resolver) lookup(ctx context.Context, name string, kind uint16) (answer, error) {
	q := question{keyName(name), kind}
	if a, ok := r.cache.get(q); ok {
		tellRemembered(ctx, q, a)
		return a, nil
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return answer{err: describe(q, errNoName)}, nil // what can't be asked for can't exist
	}
	if r.zone != nil {
		return r.chain(ctx, q, func(a attempt) { a.tell(ctx) })
	}
	if forbids(ctx) {
		return answer{}, describe(q, ErrTemporary)
	}
	return r.fly(ctx, q)
}

// atHand: the answer takes no time.
func (r *Resolver) atHand(q question) bool {
	if r.zone != nil {
		return true
	}
	_, ok := r.cache.get(q)
	return ok
}

// chain follows aliases until there are records of the kind asked for, and
// remembers what came out. It reports each question that it asks on the way.
func (r *Resolver) chain(ctx context.Context, q question, report func(attempt)) (answer, error) {
	a := answer{authenticated: true, life: maxLifetime}
	step := q
	for range maxAliases {
		reply, err := r.ask(ctx, step, report)
		if err != nil {
			return answer{}, describe(q, err)
		}
		a.authenticated = a.authenticated && reply.AuthenticatedData
		a.life = min(a.life, lifetime(reply))
		var end string
		a.records, end = follow(reply.Answer, dns.Fqdn(step.name), q.kind)
		if len(a.records) == 0 && reply.Rcode != dns.RcodeNameError && keyName(end) != step.name {
			step.name = keyName(end) // the chain leaves what this server knows
			continue
		}
		if end = keyName(end); end != q.name {
			a.end = end
		}
		if len(a.records) == 0 {
			a.err = describe(q, ErrNotFound)
			if reply.Rcode == dns.RcodeNameError && a.end == "" {
				a.err = describe(q, errNoName)
			}
		}
		if r.zone == nil {
			r.cache.put(q, a)
		}
		return a, nil
	}
	return answer{}, describe(q, fmt.Errorf("more than %d aliases: %w", maxAliases, ErrTemporary))
}

// ask asks the zone or the servers one question, without following aliases further than they do.
func (r *Resolver) ask(ctx context.Context, q question, report func(attempt)) (*dns.Msg, error) {
	if r.zone == nil {
		return r.askAll(ctx, q, report)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTemporary, err)
	}
	began := time.Now()
	asked := dns.Question{Name: dns.Fqdn(q.name), Qtype: q.kind, Qclass: dns.ClassINET}
	if r.zone.silent(asked) {
		err := fmt.Errorf("%w: the zone has its servers silent", ErrTemporary)
		report(attempt{question: q, err: err})
		return nil, err
	}
	reply := new(dns.Msg)
	r.zone.answer(reply, asked)
	reply.AuthenticatedData = reply.AuthenticatedData && r.trust
	report(attempt{question: q, reply: reply, took: time.Since(began)})
	return reply, nil
}

// follow walks the CNAME chain within one answer (RFC 1034 §3.6.2) and returns
// the records at its end, and the name of that end. What else a server put
// into its answer is of no interest.
func follow(answer []dns.RR, name string, kind uint16) (records []dns.RR, end string) {
	for range len(answer) + 1 {
		alias := ""
		for _, rr := range answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			if rr.Header().Rrtype == kind {
				records = append(records, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				alias = dns.CanonicalName(c.Target)
			}
		}
		if len(records) > 0 || alias == "" {
			break
		}
		name = alias
	}
	return records, name
}

// keyName is a name as questions have it: in lower case, escaped as little as
// can be, without a final dot.
// A name that is written so already costs nothing.
func keyName(name string) string {
	if dns.IsFqdn(name) {
		name = name[:len(name)-1]
	}
	for i := range len(name) {
		if c := name[i]; 'A' <= c && c <= 'Z' || c == '\\' {
			return strings.TrimSuffix(canonical(name), ".")
		}
	}
	return name
}

// describe says which question an error is about.
func describe(q question, err error) error {
	return fmt.Errorf("%s of %s: %w", Kind(q.kind), q.name, err)
}
