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

// lookUp asks for the records at a name in the background, once for each name of a message.
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
	go l.ask(ctx, r, m.slots)
	return l
}

func (l *Lookup) ask(ctx context.Context, r *dns.Resolver, slots chan struct{}) {
	defer close(l.done)
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		l.err = ctx.Err()
		return
	}
	l.records, l.err = r.TXT(ctx, l.Name)
}

// wait returns the records, or the failure of the signature that wanted them.
func (l *Lookup) wait(ctx context.Context) ([]string, error) {
	select {
	case <-l.done:
	case <-ctx.Done():
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
