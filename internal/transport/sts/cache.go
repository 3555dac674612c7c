package sts

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tem/internal/dns"
	"tem/internal/kv"
)

const (
	memo       = time.Minute         // how long a domain is not asked again
	memos      = 4096                // domains that are remembered so
	pause      = 5 * time.Minute     // before a policy that could not be had is asked for again (RFC 8461 §3.3)
	round      = time.Hour           // between looks for policies that end
	forgetting = 30 * 24 * time.Hour // a policy that nobody used so long is not fetched again
)

// Cache keeps policies as rows.
type Cache struct {
	KV    kv.Engine
	Text  func(ctx context.Context, name string) ([]string, error) // TXT records
	Fetch func(ctx context.Context, domain string) (*Policy, error)
	Log   *slog.Logger

	mu    sync.Mutex
	known map[string]*domain
}

// domain is what is remembered of one; its lock is held while it is asked.
type domain struct {
	mu      sync.Mutex
	until   time.Time // when to look again
	found   *Policy
	trouble error
	blocked time.Time // no fetching before then
}

// Find returns the policy that holds for a domain now, nil for none. The error
// tells what is wrong with what the domain publishes at present; it may be beside a policy.
func (c *Cache) Find(ctx context.Context, name string) (*Policy, error) {
	d := c.domain(name)
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Before(d.until) {
		return d.found, d.trouble
	}
	found, trouble := c.look(ctx, d, name, now)
	if ctx.Err() == nil { // else nothing was learnt
		d.found, d.trouble, d.until = found, trouble, now.Add(memo)
	}
	return found, trouble
}

func (c *Cache) domain(name string) *domain {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= memos {
		c.known = make(map[string]*domain)
	}
	d := c.known[name]
	if d == nil {
		d = &domain{}
		c.known[name] = d
	}
	return d
}

// look compares what is kept with what is announced (RFC 8461 §3.1, §5.1).
func (c *Cache) look(ctx context.Context, d *domain, name string, now time.Time) (*Policy, error) {
	kept, err := c.load(ctx, name)
	if err != nil {
		c.Log.Error("policy of a domain can't be read", "domain", name, "err", err)
	}
	if !kept.holds(now) {
		kept = row{}
	}
	records, err := c.Text(ctx, "_mta-sts."+name)
	if errors.Is(err, dns.ErrNotFound) {
		err = nil
	}
	id := ""
	if err == nil && len(records) > 0 {
		id, err = ParseRecord(records)
	}
	switch {
	case id == "" || id == kept.ID: // RFC 8461 §3.1: no record is no reason to forget a policy
		c.use(ctx, name, kept, now)
		return kept.Policy, err
	case now.Before(d.blocked):
		return kept.Policy, d.trouble
	}
	p, err := c.Fetch(ctx, name)
	if err != nil {
		d.blocked = now.Add(pause)
		return kept.Policy, err
	}
	c.save(ctx, name, row{ID: id, Policy: p, Fetched: now, Used: now})
	return p, nil
}

// Run fetches policies again before they end, and drops those that have, until ctx ends.
func (c *Cache) Run(ctx context.Context) error {
	tick := time.NewTicker(round)
	defer tick.Stop()
	for {
		if err := c.renew(ctx); err != nil && ctx.Err() == nil {
			c.Log.Error("policies of other domains can't be read", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// renew does one round.
func (c *Cache) renew(ctx context.Context) error {
	now := time.Now()
	kept, err := c.all(ctx)
	if err != nil {
		return err
	}
	for name, r := range kept {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !r.holds(now):
			c.drop(ctx, name)
		case now.Sub(r.Used) < forgetting && now.After(r.Fetched.Add(r.Policy.MaxAge/2)):
			c.again(ctx, name, r, now)
		}
	}
	return nil
}

// again fetches a policy that is still the announced one, or at least published.
func (c *Cache) again(ctx context.Context, name string, r row, now time.Time) {
	p, err := c.Fetch(ctx, name)
	if err != nil {
		c.Log.Info("policy of a domain can't be fetched again; the old one holds", "domain", name, "until", r.Fetched.Add(r.Policy.MaxAge), "err", err)
		return
	}
	r.Policy, r.Fetched = p, now
	c.save(ctx, name, r)
}
