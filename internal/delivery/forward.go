package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/message"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

const (
	// maxVisits is how often a message may have come by here, by its Received
	// fields, to be sent on once more. Where A sends on to B elsewhere and B back to
	// A, the third copy stays with A.
	maxVisits = 3
	// maxForwards bounds a chain of accounts that send on to each other.
	maxForwards = 32
)

// route is the making of a plan for one message.
type route struct {
	*plan
	d      *Delivery
	e      *Envelope
	header message.Header
	landed map[kv.Part]bool           // accounts that were met: whether the message got anywhere
	paths  map[string]address.Address // return paths, by the domain that sends on
	from   []address.Address          // authors, once they were asked for
	came   int                        // what visits says, once it was asked; -1 before
	group  bool                       // the recipient that is looked at stands for a group
}

// recipient puts what a recipient stands for into the plan.
func (r *route) recipient(ctx context.Context, rcpt address.Address, found directory.Resolved) error {
	r.group = found.Group
	for _, a := range found.Accounts {
		if _, err := r.account(ctx, a, found, rcpt, 0); err != nil {
			return err
		}
	}
	why, stays := r.stays(found)
	for _, a := range found.Remote {
		if stays {
			if r.first(rcpt, a.Key()) {
				r.refuse(a, original(rcpt, a), why)
				r.lost[a.Key()] = why
			}
			continue
		}
		if err := r.elsewhere(ctx, a, rcpt, found.Local, rcpt.Domain); err != nil {
			return err
		}
	}
	return nil
}

// stays says why a message is not passed on by an alias or a group here.
func (r *route) stays(found directory.Resolved) (why dsn.Status, stays bool) {
	switch {
	case !found.Local: // one of our people writes to somebody elsewhere
		return dsn.Status{}, false
	case r.e.Junk: // others would take us for its source
		return r.e.notForwarded(), true
	case r.visits() > maxVisits:
		return looping, true
	}
	return dsn.Status{}, false
}

// elsewhere sends a message to an address that is not ours; with the return
// path that it has from the domain that sends it on, if one does.
func (r *route) elsewhere(ctx context.Context, a, rcpt address.Address, onward bool, domain string) error {
	if !r.first(rcpt, a.Key()) {
		return nil
	}
	path := r.e.ReturnPath
	if onward {
		var known bool
		if path, known = r.paths[domain]; !known {
			var err error
			if path, err = r.d.returnVia(ctx, r.e, domain); err != nil {
				return err
			}
			if r.paths == nil {
				r.paths = map[string]address.Address{}
			}
			r.paths[domain] = path
		}
	}
	w := r.wishes[rcpt.String()]
	r.remote = append(r.remote, outgoing{queue.Recipient{Address: a.String(), Original: original(rcpt, a), Notify: w.Notify, ORCPT: w.ORCPT}, path})
	return nil
}

// account puts an account that was found into the plan as its settings say. It reports
// whether the message gets to anybody by that: not where a chain of forwards
// comes back to an account that is still being looked at. Whoever finds that none
// of those he sends on to gets it keeps a copy, so that nothing is ever lost.
func (r *route) account(ctx context.Context, a directory.Account, found directory.Resolved, rcpt address.Address, depth int) (bool, error) {
	id := fmt.Sprint(a.ID)
	if landed, met := r.landed[a.ID]; met {
		if r.seen[id] {
			r.first(rcpt, id)
		}
		return landed, nil
	}
	r.landed[a.ID] = false
	s := found.Settings[a.ID]
	if s == nil {
		s = &directory.Settings{}
	}
	blocked := r.blocked(s)
	if blocked && s.Blocked.Refuse {
		r.refuse(a.Address, original(rcpt, a.Address), notWanted)
		r.first(rcpt, id)
		r.lost[id] = notWanted
		r.landed[a.ID] = true
		return true, nil
	}
	l := local{account: a, rcpt: rcpt, junk: blocked || r.e.Junk, tag: found.Tags[a.ID]}
	sent := false
	if !l.junk {
		var err error
		if sent, err = r.forward(ctx, a, s.Forward, rcpt, depth); err != nil {
			return false, err
		}
		if s.Reply.Active(r.d.o.Now()) {
			r.replies = append(r.replies, answer{a, r.own(a, rcpt), s.Reply})
		}
	}
	if !sent || s.Forward.Keep {
		r.first(rcpt, id)
		r.local = append(r.local, l)
	}
	r.landed[a.ID] = true
	return true, nil
}

// own is the address of an account that a message came to.
func (r *route) own(a directory.Account, rcpt address.Address) address.Address {
	if r.group {
		return a.Address
	}
	return rcpt
}

// forward sends on what came to an account, and reports whether anybody gets it.
func (r *route) forward(ctx context.Context, a directory.Account, f directory.Forward, rcpt address.Address, depth int) (sent bool, err error) {
	if len(f.To) == 0 {
		return false, nil
	}
	if r.visits() > maxVisits || depth > maxForwards {
		r.d.o.Log.Warn("not forwarded: it goes round in a loop", "account", a.Address.String(), "visits", r.visits())
		return false, nil
	}
	for _, to := range f.To {
		landed, err := r.forwardTo(ctx, a, to, rcpt, depth)
		if err != nil {
			return false, err
		}
		sent = sent || landed
	}
	return sent, nil
}

func (r *route) forwardTo(ctx context.Context, a directory.Account, to, rcpt address.Address, depth int) (sent bool, err error) {
	found, err := r.d.o.Directory.Resolve(ctx, to)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("resolve %s, to which %s forwards: %w", to, a.Address, err)
	}
	for _, next := range enabled(found.Accounts) {
		landed, err := r.account(ctx, next, found, rcpt, depth+1)
		if err != nil {
			return false, err
		}
		sent = sent || landed
	}
	for _, next := range found.Remote {
		if err := r.elsewhere(ctx, next, rcpt, true, a.Address.Domain); err != nil {
			return false, err
		}
		sent = true
	}
	return sent, nil
}

// visits is how often the message came by here.
func (r *route) visits() int {
	if r.came < 0 {
		r.came = r.d.visits(r.header)
	}
	return r.came
}

// visits counts our Received fields.
func (d *Delivery) visits(h message.Header) (n int) {
	by := "by " + strings.ToLower(d.o.Hostname) + " "
	for _, v := range h.Values("Received") {
		if strings.Contains(strings.ToLower(v), by) {
			n++
		}
	}
	return n
}

// forwardsAway says that nothing of what comes stays with an account.
func forwardsAway(s *directory.Settings) bool {
	return s != nil && len(s.Forward.To) > 0 && !s.Forward.Keep
}
