package dns

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
)

// flights are the questions under way: who asks the same waits for the same answer.
type flights struct {
	mu    sync.Mutex
	under map[question]*flight
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
	f := r.board(q, behalf(ctx))
	select {
	case <-f.landed:
		for _, a := range f.attempts {
			a.tell(ctx)
		}
		return f.answer, f.err
	case <-ctx.Done():
		r.leave(q, f)
		err := describe(q, fmt.Errorf("%w: %w", ErrTemporary, ctx.Err()))
		attempt{question: q, err: err}.tell(ctx)
		return answer{}, err
	}
}

// board is the flight of a question, begun on behalf of a network if there is none.
func (r *Resolver) board(q question, network netip.Prefix) *flight {
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	if f := r.flights.under[q]; f != nil {
		f.waiting++
		return f
	}
	ctx, cancel := context.WithCancel(context.Background()) // of no caller: the others' answer must not end with it
	f := &flight{cancel: cancel, waiting: 1, landed: make(chan struct{})}
	if r.flights.under == nil {
		r.flights.under = make(map[question]*flight)
	}
	r.flights.under[q] = f
	go func() {
		defer close(f.landed)
		defer cancel()
		f.answer, f.err = r.depart(ctx, q, network, func(a attempt) { f.attempts = append(f.attempts, a) })
		r.end(q, f)
	}()
	return f
}

// depart asks a question as soon as there is a place for it.
func (r *Resolver) depart(ctx context.Context, q question, network netip.Prefix, report func(attempt)) (answer, error) {
	leave, err := r.crowd.enter(ctx, network)
	if err != nil {
		err = describe(q, err)
		report(attempt{question: q, err: err})
		return answer{}, err
	}
	defer leave()
	return r.chain(ctx, q, report)
}

// end: whoever asks from now on asks anew.
func (r *Resolver) end(q question, f *flight) {
	r.flights.mu.Lock()
	defer r.flights.mu.Unlock()
	if r.flights.under[q] == f {
		delete(r.flights.under, q)
	}
}

func (r *Resolver) leave(q question, f *flight) {
	r.flights.mu.Lock()
	f.waiting--
	abandoned := f.waiting == 0
	if abandoned && r.flights.under[q] == f {
		delete(r.flights.under, q)
	}
	r.flights.mu.Unlock()
	if abandoned {
		f.cancel()
	}
}
