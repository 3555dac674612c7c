package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ownShare = 8               // the part of all places that one network's questions may take: an eighth
	queuers  = 8               // times as many questions as there are places may wait for one
	turnTime = 2 * time.Second // that a question waits for a place
)

// errCrowded: the question was not asked.
var errCrowded = fmt.Errorf("%w: too many look-ups at once", ErrTemporary)

type turnedAwayKey struct{}

// NoteTurnedAway returns a context that has noted whether a question under it was not asked
// because too many were under way (AtMost): then it was not the name servers that failed.
func NoteTurnedAway(ctx context.Context, noted *atomic.Bool) context.Context {
	return context.WithValue(ctx, turnedAwayKey{}, noted)
}

// noteTurnedAway notes what became of a question, if ctx is one of NoteTurnedAway.
func noteTurnedAway(ctx context.Context, err error) {
	if noted, ok := ctx.Value(turnedAwayKey{}).(*atomic.Bool); ok && errors.Is(err, errCrowded) {
		noted.Store(true)
	}
}

type behalfKey struct{}

// OnBehalf returns a context whose questions are asked because of what a
// network sent us: they compete with each other before they do with those of others.
func OnBehalf(ctx context.Context, network netip.Prefix) context.Context {
	return context.WithValue(ctx, behalfKey{}, network)
}

// behalf is the network that OnBehalf was told; zero: nobody was.
func behalf(ctx context.Context) netip.Prefix {
	network, _ := ctx.Value(behalfKey{}).(netip.Prefix)
	return network
}

// AtMost lets so many questions be under way at a time, and an eighth as many
// of one network (OnBehalf). Further ones wait for a place, but not for long and
// not too many of them; else the answer is ErrTemporary. It must be called before
// the first look-up and returns r.
func (r *Resolver) AtMost(questions int) *Resolver {
	r.crowd = &crowd{places: make(places, questions), patience: turnTime, networks: map[netip.Prefix]*tenant{}}
	return r
}

// crowd are the questions under way and those that wait; nil: there may be any number.
type crowd struct {
	places
	patience time.Duration

	mu       sync.Mutex
	present  int
	networks map[netip.Prefix]*tenant // with questions that are present
}

// tenant is a network with its share of the places.
type tenant struct {
	places
	present int
}

// places hold one value for each question that has one.
type places chan struct{}

// enter waits for a place, which leave gives back. An error is ErrTemporary.
func (c *crowd) enter(ctx context.Context, network netip.Prefix) (leave func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	t := c.join(network)
	if t == nil {
		return nil, errCrowded
	}
	if err := t.take(ctx, c.patience); err != nil {
		c.part(network, t)
		return nil, err
	}
	if err := c.take(ctx, c.patience); err != nil {
		<-t.places
		c.part(network, t)
		return nil, err
	}
	return func() {
		<-c.places
		<-t.places
		c.part(network, t)
	}, nil
}

// join is the tenant of one question more; nil: too many wait.
func (c *crowd) join(network netip.Prefix) *tenant {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.networks[network]
	if t == nil {
		t = &tenant{places: make(places, c.share(network))}
	}
	if c.present >= (1+queuers)*cap(c.places) || t.present >= (1+queuers)*cap(t.places) {
		return nil
	}
	c.networks[network] = t
	t.present++
	c.present++
	return t
}

func (c *crowd) share(network netip.Prefix) int {
	if !network.IsValid() { // these are nobody's
		return cap(c.places)
	}
	return max(1, cap(c.places)/ownShare)
}

// part forgets a question of a tenant, and the tenant with the last one.
func (c *crowd) part(network netip.Prefix, t *tenant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present--
	if t.present--; t.present == 0 {
		delete(c.networks, network)
	}
}

func (p places) take(ctx context.Context, patience time.Duration) error {
	select {
	case p <- struct{}{}: // nearly always
		return nil
	default:
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case p <- struct{}{}:
		return nil
	case <-late.C:
		return errCrowded
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrTemporary, ctx.Err())
	}
}
