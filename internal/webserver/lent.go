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
}

func newLent() *lent { return &lent{conns: make(chan net.Conn), ended: make(chan struct{})} }

// lend has nc served, and returns when that is over and nc closed.
func (l *lent) lend(nc net.Conn) {
	c := &loan{Conn: nc, back: make(chan struct{})}
	select {
	case l.conns <- c:
		<-c.back
	case <-l.ended:
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
