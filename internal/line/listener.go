package line

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"tem/internal/throttle"
)

// Limits bound what a Listener holds.
type Limits struct {
	Connections int // in all; 0: no limit
	PerAddress  int // from one IP address (one /64 for IPv6); 0: no limit
	// Exempt tells who is not held to PerAddress; nil: nobody.
	Exempt func(net.Addr) bool
}

// Listener accepts connections and gives each to Handle in its own goroutine.
type Listener struct {
	Net    net.Listener
	TLS    *tls.Config // not nil: TLS from the first octet
	Limits Limits
	// Proxies tells which peers are proxies: those must begin with a PROXY header,
	// and others are not believed. nil: nobody is.
	Proxies func(peer net.Addr) bool
	// Silent is told of a proxy that did not say for whom it speaks, and why its
	// connection was closed; not of one that only looked whether the port is open. nil: nobody is.
	Silent func(proxy net.Addr, err error)
	// Refuse is the line a connection beyond the limits is sent before it is
	// closed (in clear listeners only).
	Refuse  string
	Options func() Options // called for each connection; sets Session and so on
	// Handle runs one session; ctx ends when Run's does, after which c is
	// interrupted, so that the session says goodbye.
	Handle func(ctx context.Context, c *Conn)
	// Raw takes the place of Handle for a protocol that is not of lines and brings
	// its own TLS and buffers (HTTP). It returns when it needs nc no more, and ends
	// itself after ctx has. nil: Handle serves.
	Raw func(ctx context.Context, nc net.Conn)
	// Drain is how long a session may go on after that; then c is closed: one
	// whose client does not read would otherwise hold Run up. What Conn.Finishing
	// protects is interrupted a moment before, so that it too can say goodbye. 0: without end.
	Drain time.Duration

	held held
}

// Run accepts until ctx ends, then waits for every session to end, and
// returns nil; or returns why it could not accept any more.
func (l *Listener) Run(ctx context.Context) error {
	idle := make(chan struct{})
	defer context.AfterFunc(ctx, func() { l.end(idle) })()
	defer close(idle)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	pause := time.Duration(0)
	for {
		nc, err := l.Net.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				nc.Close()
			}
			return nil
		case err == nil:
			pause = 0
		case passing(err):
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			wait(ctx, pause)
			continue
		default:
			return err
		}
		v := &visitor{Conn: nc, from: l.Limits.origin(nc.RemoteAddr())}
		if l.Proxies != nil && l.Proxies(nc.RemoteAddr()) {
			v.proxy, v.from = true, netip.Prefix{} // who it comes from is not known yet
		}
		if !l.held.add(v.from, l.Limits) {
			l.refuse(nc)
			continue
		}
		sessions.Go(func() {
			defer func() { l.held.remove(v.from) }()
			l.serve(ctx, v)
		})
	}
}

// visitor is a connection and the network that it counts for.
type visitor struct {
	net.Conn
	from      netip.Prefix
	proxy     bool // it must say for whom it speaks
	client    net.Addr
	addressed net.Addr // the end of the connection that the client sees
}

// told is a visitor's connection with the ends that its client sees.
type told struct{ *visitor }

// RemoteAddr is the client's.
func (t told) RemoteAddr() net.Addr {
	if t.client != nil {
		return t.client
	}
	return t.Conn.RemoteAddr()
}

// LocalAddr is the end that the client connected to.
func (t told) LocalAddr() net.Addr {
	if t.addressed != nil {
		return t.addressed
	}
	return t.Conn.LocalAddr()
}

// introduce has a proxy say for whom it speaks; from then on the connection counts for that one.
func (l *Listener) introduce(ctx context.Context, v *visitor) bool {
	v.SetReadDeadline(time.Now().Add(proxyTimeout))
	defer context.AfterFunc(ctx, func() { v.SetReadDeadline(past) })()
	var err error
	if v.client, v.addressed, err = readProxy(v.Conn); err != nil {
		if l.Silent != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
			l.Silent(v.RemoteAddr(), err)
		}
		return false
	}
	from := l.Limits.origin(told{v}.RemoteAddr())
	if !l.held.move(v.from, from, l.Limits) {
		l.refuse(v.Conn)
		return false
	}
	v.from = from
	return true
}

// proxyTimeout is how long a proxy may take to say for whom it speaks.
const proxyTimeout = 10 * time.Second

// end has every session say goodbye, and closes those that do not within Drain.
func (l *Listener) end(idle <-chan struct{}) {
	l.Net.Close()
	l.held.interrupt((*Conn).Interrupt)
	if l.Drain <= 0 {
		return
	}
	last := min(lastWords, l.Drain/2)
	for _, step := range []struct {
		after time.Duration
		do    func()
	}{{l.Drain - last, func() { l.held.interrupt((*Conn).InterruptNow) }}, {last, l.held.close}} {
		timer := time.NewTimer(step.after)
		select {
		case <-idle:
			timer.Stop()
			return
		case <-timer.C:
			step.do()
		}
	}
}

// lastWords is how long a session may take to say goodbye that was let finish what it had begun, and did not.
const lastWords = time.Second

// passing reports that a failure to accept is one to wait out.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (l *Listener) serve(ctx context.Context, v *visitor) {
	if v.proxy && !l.introduce(ctx, v) {
		v.Close()
		return
	}
	if l.Raw != nil {
		defer v.Close()
		v.SetReadDeadline(time.Time{})
		l.Raw(ctx, told{v})
		return
	}
	o := Options{}
	if l.Options != nil {
		o = l.Options()
	}
	o.Remote, o.Local = v.client, v.addressed
	c := NewConn(v.Conn, Server, o)
	defer c.Close()
	l.held.open(c)
	defer l.held.forget(c)
	if l.TLS != nil && c.StartTLS(ctx, l.TLS) != nil {
		return
	}
	l.Handle(ctx, c)
}

func (l *Listener) refuse(nc net.Conn) {
	if l.TLS == nil && l.Refuse != "" {
		nc.SetWriteDeadline(time.Now().Add(lingerTimeout))
		nc.Write([]byte(l.Refuse + "\r\n"))
	}
	nc.Close()
}

// held is what a Listener holds: its connections, and how many there are of each origin.
type held struct {
	mu    sync.Mutex
	all   int
	from  map[netip.Prefix]int
	conns map[*Conn]struct{}
	over  bool // all were interrupted, and who comes late will be
}

func (h *held) open(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns == nil {
		h.conns = map[*Conn]struct{}{}
	}
	h.conns[c] = struct{}{}
	if h.over {
		c.Interrupt()
	}
}

func (h *held) forget(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

func (h *held) interrupt(how func(*Conn)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	for c := range h.conns {
		how(c)
	}
}

// close closes what is left, all at once: each may take a moment for its last words.
func (h *held) close() {
	h.mu.Lock()
	left := slices.Collect(maps.Keys(h.conns))
	h.mu.Unlock()
	var closing sync.WaitGroup
	for _, c := range left {
		closing.Go(func() { c.Close() })
	}
	closing.Wait()
}

func (h *held) add(from netip.Prefix, most Limits) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if most.Connections > 0 && h.all >= most.Connections ||
		most.PerAddress > 0 && from.IsValid() && h.from[from] >= most.PerAddress {
		return false
	}
	if h.from == nil {
		h.from = map[netip.Prefix]int{}
	}
	h.all++
	h.from[from]++
	return true
}

// move counts for another origin what counted for one; false leaves it.
func (h *held) move(from, to netip.Prefix, most Limits) bool {
	h.remove(from)
	if h.add(to, most) {
		return true
	}
	h.add(from, Limits{})
	return false
}

func (h *held) remove(from netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.from[from]--; h.from[from] == 0 {
		delete(h.from, from)
	}
}

// origin is what a client counts for; invalid for one that is exempt.
func (l *Limits) origin(a net.Addr) netip.Prefix {
	if l.Exempt != nil && l.Exempt(a) {
		return netip.Prefix{}
	}
	return Origin(a)
}

// Origin is the network that an address counts for (throttle.Origin); invalid
// for what is not TCP.
func Origin(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	return throttle.Origin(t.AddrPort().Addr())
}
