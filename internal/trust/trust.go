// Package trust judges a message before it is accepted: where it comes from,
// who may send for its domains, who signed it, and what follows from that.
//
// Look-ups begin as early as they can: those about the client in Visit, SPF in
// From, keys and policy at the end of the header. They run while the message
// arrives, and Verdict waits for what is missing, at most until Options.Timeout
// has passed for each: then its result is temperror.
//
// Invariant: nothing that a name server fails to say makes a message refused
// for good; a Verdict is complete and does not change.
//
// Every goroutine is one check of a Visit or an Exam. It ends with the
// context that the check was begun with, or at the time-out.
package trust

import (
	"context"
	"net/netip"
	"time"

	"tem/internal/dns"
	"tem/internal/trust/dkim"
)

// Action is what to do with a message.
type Action uint8

// In the order of weight: the worst of all that speaks against a message is done.
const (
	Accept     Action = iota
	Quarantine        // deliver to Junk
	Defer             // refuse for now
	Reject
)

var actionNames = [...]string{"accept", "quarantine", "defer", "reject"}

func (a Action) String() string { return actionNames[a] }

// MarshalText is the action's name in JSON.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// List is a DNSBL, or with Allow one of senders in good standing.
type List struct {
	Zone   string
	Allow  bool   // a listing undoes those of the others
	Action Action // for who is listed: Accept only notes it
}

// Options are the operator's rules.
type Options struct {
	Hostname        string         // ours, for SPF's macros
	EnforceDMARC    bool           // do as the domain's owner asks
	SPFFail         Action         // on an SPF fail (-all) where no DMARC policy speaks
	DeferTempError  bool           // refuse for now what could not be judged
	Lists           []List         // asked about each client
	TrustedSealers  []string       // domains whose ARC seals are believed
	TrustedNetworks []netip.Prefix // whose mail is not judged
	Timeout         time.Duration  // for each check; 0: 20 seconds
	Now             func() time.Time
	Detail          bool // keep what was asked and hashed, for people
}

const defaultTimeout = 20 * time.Second // RFC 7208 §4.6.4: at least

// Judge judges messages by one set of rules. It is safe for concurrent use.
type Judge struct {
	resolver *dns.Resolver
	options  Options
	zones    []string
	verifier *dkim.Verifier
}

// NewJudge returns a judge that asks the resolver.
func NewJudge(r *dns.Resolver, o Options) *Judge {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &Judge{resolver: r, options: o, verifier: dkim.NewVerifier(r, dkim.Options{Now: o.Now, Detail: o.Detail})}
	for _, l := range o.Lists {
		j.zones = append(j.zones, l.Zone)
	}
	return j
}

// trusts reports a network whose mail is not judged.
func (j *Judge) trusts(a netip.Addr) bool {
	for _, n := range j.options.TrustedNetworks {
		if n.Contains(a.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// task is a value that is being worked out.
type task[T any] struct {
	done  chan struct{} // nil: value is there
	value T
}

// begin works a value out: at once where the DNS has told all of it before,
// else in a goroutine of its own.
func begin[T any](ctx context.Context, limit time.Duration, work func(context.Context) T) *task[T] {
	if known, complete, ok := dns.Remembered(ctx); ok {
		if value := work(known); complete() {
			return &task[T]{value: value}
		}
	}
	t := &task[T]{done: make(chan struct{})}
	go func() {
		defer close(t.done)
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		t.value = work(ctx)
	}()
	return t
}

// wait returns the value; late where nobody waits any longer.
func (t *task[T]) wait(ctx context.Context, late T) T {
	if t.done == nil {
		return t.value
	}
	select {
	case <-t.done:
		return t.value
	default:
	}
	select {
	case <-t.done:
		return t.value
	case <-ctx.Done():
		return late
	}
}
