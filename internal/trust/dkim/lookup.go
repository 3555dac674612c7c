package dkim

import (
	"context"
	"errors"
	"fmt"

	"tem/internal/dns"
)

// Lookup is a question for the records at a key's name, under way or answered.
type Lookup struct {
	Name    string
	done    chan struct{}
	records []string
	err     error
}

// lookUp asks for the records at a name in the background, once for each name
// of a message. Those who come first are asked for first: what a stranger adds
// behind cannot keep them waiting.
func (m *Message) lookUp(ctx context.Context, r *dns.Resolver, name string) *Lookup {
	for _, l := range m.lookups {
		if l.Name == name {
			return l
		}
	}
	if m.slots == nil {
		m.slots = make(chan struct{}, lookupsAtOnce)
	}
	l := &Lookup{Name: name, done: make(chan struct{})}
	m.lookups = append(m.lookups, l)
	select {
	case m.slots <- struct{}{}:
		go l.ask(ctx, r, m.slots)
	default:
		go l.queue(ctx, r, m.slots)
	}
	return l
}

// queue asks when there is a free slot.
func (l *Lookup) queue(ctx context.Context, r *dns.Resolver, slots chan struct{}) {
	select {
	case slots <- struct{}{}:
		l.ask(ctx, r, slots)
	case <-ctx.Done():
		l.err = ctx.Err()
		close(l.done)
	}
}

// ask asks, and gives its slot back.
func (l *Lookup) ask(ctx context.Context, r *dns.Resolver, slots chan struct{}) {
	defer close(l.done)
	defer func() { <-slots }()
	l.records, l.err = r.TXT(ctx, l.Name)
}

// wait returns the records, or the failure of the signature that wanted them.
func (l *Lookup) wait(ctx context.Context) ([]string, error) {
	if !l.waited(ctx) {
		return nil, &failure{TempError, fmt.Sprintf("the key at %s was not found in time", l.Name)}
	}
	switch {
	case errors.Is(l.err, dns.ErrNotFound):
		return nil, &failure{PermError, "there is no key at " + l.Name}
	case l.err != nil:
		return nil, &failure{TempError, fmt.Sprintf("the key at %s could not be looked up: %v", l.Name, l.err)}
	}
	return l.records, nil
}

// waited reports that there is an answer; one that is there counts even when
// time is up, since it was another that took it.
func (l *Lookup) waited(ctx context.Context) bool {
	select {
	case <-l.done:
		return true
	default:
	}
	select {
	case <-l.done:
		return true
	case <-ctx.Done():
		return false
	}
}
