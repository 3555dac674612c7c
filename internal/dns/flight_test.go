package dns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// gate is a server that answers once it is opened, and counts.
type gate struct {
	asked  atomic.Int32
	first  chan struct{} // closed when somebody asks
	opened chan struct{}
	once   sync.Once
}

func newGate(t *testing.T) (*gate, *Resolver) {
	g := &gate{first: make(chan struct{}), opened: make(chan struct{})}
	z, err := parseZone(labZone)
	if err != nil {
		t.Fatal(err)
	}
	return g, NewResolver(serveHandler(t, func(w dns.ResponseWriter, q *dns.Msg) {
		g.asked.Add(1)
		g.once.Do(func() { close(g.first) })
		<-g.opened
		z.serve(w, q)
	}))
}

// passengers waits until so many wait for a question.
func passengers(t *testing.T, r *Resolver, q ticket, n int) {
	t.Helper()
	for t.Context().Err() == nil {
		r.flights.mu.Lock()
		f := r.flights.under[q]
		ready := f != nil && f.waiting == n
		r.flights.mu.Unlock()
		if ready {
			return
		}
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	t.Parallel()
	g, r := newGate(t)
	q := ticket{question: question{"hanoi.example", dns.TypeMX}}
	dying, kill := context.WithCancel(t.Context())
	died := make(chan error, 1)
	go func() {
		_, err := r.MX(dying, "hanoi.example")
		died <- err
	}()
	<-g.first
	const others = 20
	results := make(chan string, others)
	for range others {
		go func() { results <- show(r.MX(t.Context(), "Hanoi.Example.")) }()
	}
	passengers(t, r, q, 1+others)
	kill() // who asked first goes; nobody else is to notice
	if err := <-died; !errors.Is(err, ErrTemporary) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(g.opened)
	for range others {
		if got := <-results; got != "[{10 mx.hanoi.example} {20 backup.hanoi.example}]" {
			t.Error(got)
		}
	}
	if n := g.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAbandonedQuestionEnds(t *testing.T) {
	t.Parallel()
	g, r := newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r.MX(ctx, "hanoi.example")
	}()
	<-g.first
	r.flights.mu.Lock()
	f := r.flights.under[ticket{question: question{"hanoi.example", dns.TypeMX}}]
	r.flights.mu.Unlock()
	cancel()
	<-left
	<-f.landed // without an answer of the server
	if !errors.Is(f.err, context.Canceled) {
		t.Error(f.err)
	}
	close(g.opened)
	if got := show(r.MX(t.Context(), "hanoi.example")); got == "temporary" {
		t.Error("who asks afterwards is given the abandoned question's error")
	}
}
