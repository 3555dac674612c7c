// Package transport has the ways out of the queue: to the mail exchangers of a
// domain, or to a relay.
//
// Invariant: a recipient is called delivered only when a server has said so
// after the text, and failed for good only when a server, or the domain's
// own DNS records, say that it can't be reached, or the sender's own wish for
// TLS can't be met; everything else is temporary. What a domain asks of TLS
// (DANE, MTA-STS) is kept to before anything of a message is said, on a TLS
// session that is resumed as on one that is new.
//
// Remote.Run owns the goroutines that keep idle connections and policies; a
// call of Deliver starts none that outlives it.
package transport

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tem/internal/dns"
	"tem/internal/journey"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/transport/sts"
)

const (
	maxHosts = 5  // mail exchangers tried for one attempt (RFC 5321 §5.1: at least two)
	maxTries = 10 // addresses of them, in all
)

// Remote delivers by MX (RFC 5321 §5.1) or through a relay. Its fields are set before its first use.
type Remote struct {
	Hostname string // our name in EHLO
	Resolver *dns.Resolver
	Mail     *mail.Store
	Log      *slog.Logger
	Tap      line.Tap
	Port     int // 0: 25
	// Ports overrides the port for a mail exchanger by its host name: a lab on
	// one address (localserve).
	Ports    map[string]int
	Timeout  time.Duration  // for each step; 0: 5 minutes
	Roots    *x509.CertPool // that certificates are verified by; nil: those of the system
	Policies *sts.Cache     // nil: MTA-STS is not looked at
	Relays   []*Relay       // the first that fits a message takes it
	Sources  []Source       // the first that fits a sender's domain is the end that we connect from
	Record   journey.Record
	// TLSReport is told of each TLS session that was tried; it returns at once. nil: nobody is told.
	TLSReport func(TLSOutcome)

	pool     pool
	sessions sessions
}

// Run keeps connections for the messages that follow, and policies fresh,
// until ctx ends; then it says goodbye on all connections that are idle.
func (r *Remote) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if r.Policies != nil {
		wg.Go(func() { r.Policies.Run(ctx) })
	}
	r.pool.run(ctx)
	wg.Wait()
	return nil
}

// Deliver is queue.Transport. It tries the ways there are in order until one
// server takes the transaction up; what that one says is the outcome.
func (r *Remote) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	a := &attempt{Remote: r, job: j, to: to, statuses: make([]dsn.Status, len(to))}
	w, failure := r.way(ctx, j)
	if len(w.hosts) == 0 {
		a.nowhere("", failure)
	}
	tries := 0
	for _, host := range w.hosts[:min(len(w.hosts), maxHosts)] {
		n, peers, status := a.approach(ctx, w, host)
		if len(peers) == 0 {
			a.nowhere(host, status)
			failure = worse(failure, status)
		}
		for _, p := range peers {
			if tries++; tries > maxTries || ctx.Err() != nil {
				break
			}
			taken, status := a.try(ctx, p, n)
			if taken {
				return a.statuses
			}
			if failure = worse(failure, status); status.Code == codeLoop { // those behind are no closer than we are
				return slices.Repeat([]dsn.Status{failure}, len(to))
			}
		}
	}
	failure = cmp.Or(failure, dsn.Status{Code: dsn.Code{4, 4, 1}, Text: "broken off before any host was tried"})
	return slices.Repeat([]dsn.Status{failure}, len(to))
}

// approach is what must be known before a host is connected to: what is asked
// of TLS there, and its addresses; or why it can't be.
func (a *attempt) approach(ctx context.Context, w way, host string) (need, []peer, dsn.Status) {
	peers, status := a.peers(ctx, w, host)
	if len(peers) == 0 {
		return need{}, nil, status
	}
	n, status := a.need(ctx, w, host)
	if status != (dsn.Status{}) {
		if !a.lenient(ctx) {
			return need{}, nil, status
		}
		n = n.waived()
	}
	return n, peers, dsn.Status{}
}

// worse is the outcome when one host failed as in old and the next as in new:
// temporary, if either was, since the message may still get through there.
func worse(old, new dsn.Status) dsn.Status {
	if old.Temporary() && new.Permanent() {
		return old
	}
	return new
}
