// Package transport has the ways out of the queue: to the mail exchangers of a
// domain, or to a relay.
//
// Invariant: a recipient is called delivered only when a server has said so
// after the final dot, and failed for good only when a server, or the domain's
// own DNS records, say that it can't be reached; everything else is temporary.
//
// It starts no goroutine that outlives a call.
package transport

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"tem/internal/dns"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

const (
	maxHosts = 5  // mail exchangers tried for one attempt (RFC 5321 §5.1: at least two)
	maxTries = 10 // addresses of them, in all
)

// Remote delivers by MX (RFC 5321 §5.1) with opportunistic STARTTLS.
type Remote struct {
	Hostname string // our name in EHLO
	Resolver *dns.Resolver
	Mail     *mail.Store
	Log      *slog.Logger
	Tap      line.Tap
	Port     int // 0: 25
	// Ports overrides the port for a mail exchanger by its host name: a lab on
	// one address (localserve).
	Ports   map[string]int
	Timeout time.Duration // for each step; 0: 5 minutes
}

// Deliver is queue.Transport. It tries the domain's hosts in order until one
// takes the transaction up; what that one says is the outcome.
func (r *Remote) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	hosts, failure := r.route(ctx, j.Domain)
	tries := 0
	for _, host := range hosts[:min(len(hosts), maxHosts)] {
		peers, status := r.peers(ctx, host)
		if len(peers) == 0 {
			failure = worse(failure, status)
		}
		for _, p := range peers {
			if tries++; tries > maxTries || ctx.Err() != nil {
				break
			}
			statuses, status := r.try(ctx, p, j, to)
			if statuses != nil {
				return statuses
			}
			failure = worse(failure, status)
		}
	}
	failure = cmp.Or(failure, dsn.Status{Code: dsn.Code{4, 4, 1}, Text: "broken off before any host was tried"})
	return slices.Repeat([]dsn.Status{failure}, len(to))
}

// worse is the outcome when one host failed as in old and the next as in new:
// temporary, if either was, since the message may still get through there.
func worse(old, new dsn.Status) dsn.Status {
	if old.Temporary() && new.Permanent() {
		return old
	}
	return new
}
