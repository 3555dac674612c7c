package dns

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
)

// flights are the questions under way: who asks the same, on behalf of the same
// network, waits for the same answer. Others do not: a network with many
// questions has its own wait for a place, or be given up (AtMost).
type flights struct {
	mu    sync.Mutex
	under map[ticket]*flight
}

// ticket is what those on one flight have in common.
type ticket struct {
	question question
	network  netip.Prefix // OnBehalf
}

// flight is one question under way. All but waiting is written before landed is closed.
type flight struct {
	cancel   context.CancelFunc
	waiting  int // guarded by flights.mu
	landed   chan struct{}
	answer   answer
	err      error
	attempts []attempt // how it went, in order
}

// fly asks a question or joins those who wait for its answer. Whoever leaves
// leaves alone; when the last one does, the question is given up.
func (r *Resolver) fly(ctx context.Context, q question) (answer, error) {
	t := ticket{q, behalf(ctx)}
	f := r.board(t)
	select {
	case <-f.landed:
		for _, a := range f.attempts {
			a.tell(ctx)
		}
		if f.err != nil {
			noteTurnedAway(ctx, f.err)
		}
		return f.answer, f.err
	case <-ctx.Done():
		r.leave(t, f)
		err := describe(q, fmt.Errorf("%w: %w", ErrTemporary, ctx.Err()))
		attempt{question: q, err: err}.tell(ctx)
		return answer{}, err
	}
}

// board is the flight for a ticket, begun if there is none.
func (r *Resolver) board(t ticket) *flight {
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	if f := r.flights.under[t]; f != nil {
		f.waiting++
		return f
	}
	ctx, cancel := context.WithCancel(context.Background()) // of no caller: the others' answer must not end with it
	f := &flight{cancel: cancel, waiting: 1, landed: make(chan struct{})}
	if r.flights.under == nil {
		r.flights.under = make(map[ticket]*flight)
	}
	r.flights.under[t] = f
	go func() {
		defer close(f.landed)
		defer cancel()
		f.answer, f.err = r.depart(ctx, t, func(a attempt) { f.attempts = append(f.attempts, a) })
		r.end(t, f)
	}()
	return f
}

// depart asks a question as soon as there is a place for it.
func (r *Resolver) depart(ctx context.Context, t ticket, report func(attempt)) (answer, error) {
	leave, err := r.crowd.enter(ctx, t.network)
	if err != nil {
		err = describe(t.question, err)
		report(attempt{question: t.question, err: err})
		return answer{}, err
	}
	defer leave()
	return r.chain(ctx, t.question, report)
}

// end: whoever asks from now on asks anew.
func (r *Resolver) end(t ticket, f *flight) {
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	if r.flights.under[t] == f {
		delete(r.flights.under, t)
	}
}

func (r *Resolver) leave(t ticket, f *flight) {
	r.flights.mu.Lock()
	f.waiting--
	abandoned := f.waiting == 0
	if abandoned && r.flights.under[t] == f {
		delete(r.flights.under, t)
	}
	r.flights.mu.Unlock()
	if abandoned {
		f.cancel()
	}
}
