package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"tem/internal/wire/smtp"
)

const (
	idleTime    = 5 * time.Second // that a connection is kept for another message
	maxMessages = 100             // over one connection, unless the server says otherwise (RFC 9422)
	maxIdle     = 1000            // connections
	maxIdleEach = 20              // of them to one peer
	sweepTime   = time.Second
	leaving     = 64 // connections that say goodbye at once
)

// key says which connections may be used in place of each other: same peer,
// same policy of TLS as verified, same source, same login.
type key struct {
	address, name, policy, hello, source, login string
}

// conn is a connection on which EHLO, TLS and AUTH are done.
type conn struct {
	*smtp.Client
	key     key
	tap     *recorder
	tickets *tickets
	tls     string // what TLS is spoken, "" in clear
	since   time.Time
	reused  bool
}

func (c *conn) offers(keyword string) bool {
	_, ok := c.Ext[keyword]
	return ok
}

// full: the server takes no more transactions on this connection.
func (c *conn) full() bool {
	most := maxMessages
	if n := c.Limit("MAILMAX"); n > 0 {
		most = min(most, n)
	}
	return c.Sent >= most
}

// most is how many recipients the server takes at once.
func (c *conn) most() int {
	if n := c.Limit("RCPTMAX"); n > 0 {
		return min(n, maxRecipients)
	}
	return maxRecipients
}

// pool keeps idle connections while run does; the zero value keeps none.
type pool struct {
	mu      sync.Mutex
	running bool
	idle    map[key][]*conn // longest idle first
	count   int
	leave   chan *conn
}

// get takes an idle connection, nil if there is none.
func (p *pool) get(k key) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[k]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	p.set(k, list[:len(list)-1])
	c.reused = true
	return c
}

func (p *pool) set(k key, list []*conn) {
	p.count += len(list) - len(p.idle[k])
	if len(list) == 0 {
		delete(p.idle, k)
		return
	}
	p.idle[k] = list
}

// put keeps a connection, or sees to it that it says goodbye.
func (p *pool) put(c *conn) {
	c.tap.follow(nil, "")
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[c.key]
	switch {
	case p.running && !c.full() && p.count < maxIdle && len(list) < maxIdleEach:
		c.since = time.Now()
		p.set(c.key, append(list, c))
		return
	case p.running:
		select {
		case p.leave <- c:
			return
		default:
		}
	}
	p.mu.Unlock()
	c.goodbye()
	p.mu.Lock()
}

// goodbye says QUIT, to which nobody needs to wait long for the answer.
func (c *conn) goodbye() {
	ctx, cancel := context.WithTimeout(context.Background(), quitTimeout)
	defer cancel()
	c.Quit(ctx) // all is said already
}

// run lets connections go that were idle for long, until ctx ends; then all of them.
func (p *pool) run(ctx context.Context) {
	p.mu.Lock()
	p.running, p.idle, p.leave = true, make(map[key][]*conn), make(chan *conn, leaving)
	p.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(sweepTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, c := range p.stop() {
				wg.Go(c.goodbye)
			}
			return
		case c := <-p.leave:
			wg.Go(c.goodbye)
		case now := <-tick.C:
			for _, c := range p.old(now.Add(-idleTime)) {
				wg.Go(c.goodbye)
			}
		}
	}
}

// old takes out the connections that are idle since before then.
func (p *pool) old(then time.Time) (gone []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, list := range p.idle {
		n := 0
		for n < len(list) && list[n].since.Before(then) {
			n++
		}
		if n == 0 {
			continue
		}
		gone = append(gone, list[:n]...)
		p.set(k, slices.Clone(list[n:]))
	}
	return gone
}

// stop takes out all connections; none is kept from now on.
func (p *pool) stop() (gone []*conn) {
	p.mu.Lock()
	p.running = false
	p.mu.Unlock()
	gone = p.old(time.Now().Add(time.Hour))
	for {
		select {
		case c := <-p.leave:
			gone = append(gone, c)
		default:
			return gone
		}
	}
}
