package webserver

import (
	"net"
	"sync"
)

// lent is the net.Listener of connections that others accept and lend.
type lent struct {
	conns chan net.Conn
	end   sync.Once
	ended chan struct{}

	mu   sync.Mutex
	open map[*loan]struct{}
}

func newLent() *lent {
	return &lent{conns: make(chan net.Conn), ended: make(chan struct{}), open: make(map[*loan]struct{})}
}

// lend has nc served, and returns when that is over and nc closed.
func (l *lent) lend(nc net.Conn) {
	c := &loan{Conn: nc, back: make(chan struct{})}
	l.note(c, true)
	defer l.note(c, false)
	select {
	case l.conns <- c:
		<-c.back
	case <-l.ended:
		c.Close()
	}
}

// note keeps account of what is out.
func (l *lent) note(c *loan, out bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if out {
		l.open[c] = struct{}{}
	} else {
		delete(l.open, c)
	}
}

// cut closes what is out, below TLS: to say goodbye to a client that does not
// read takes seconds, and http.Server would do so with one after the other.
func (l *lent) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Close()
	}
}

// Accept is net.Listener's.
func (l *lent) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (l *lent) Close() error {
	l.end.Do(func() { close(l.ended) })
	return nil
}

// Addr is net.Listener's; there is no address of all.
func (*lent) Addr() net.Addr { return &net.TCPAddr{} }

// loan is a connection that is given back by closing it.
type loan struct {
	net.Conn
	once sync.Once
	back chan struct{}
}

// Close is net.Conn's.
func (c *loan) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.back) })
	return err
}
