package line

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a net.Listener that accepts what is sent to it.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	nc, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}
func (p pipes) Close() error { close(p); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestDrain stops a listener with a session whose client does not read, and
// with one whose client hears the goodbye.
func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nl := make(pipes)
		l := &Listener{Net: nl, Drain: 20 * time.Second, Handle: func(_ context.Context, c *Conn) {
			c.WriteLine("220 hello")
			c.ReadLine()
			c.WriteLine("421 bye")
		}}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- l.Run(ctx) }()
		deaf, far := net.Pipe()
		defer deaf.Close()
		nl <- far
		near, far := net.Pipe()
		nl <- far
		client := NewConn(near, Client, Options{})
		want(t, client, "220 hello")
		synctest.Wait()
		began := time.Now()
		stop()
		want(t, client, "421 bye")
		client.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("the goodbye took %v", took)
		}
		if err := <-ran; err != nil || time.Since(began) != 20*time.Second {
			t.Errorf("%v after %v, want the 20s of drain", err, time.Since(began))
		}
	})
}

// TestDrainDoesNotHoldUp ends as soon as the sessions have.
func TestDrainDoesNotHoldUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Listener{Net: make(pipes), Drain: 20 * time.Second}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		began := time.Now()
		if err := l.Run(ctx); err != nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// TestSlowReader has a peer that takes an octet a minute: it gets no more than the time for one flush.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		c := NewConn(far, Server, Options{WriteTimeout: 5*time.Minute + time.Second})
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for one := make([]byte, 1); ; time.Sleep(time.Minute) {
				if _, err := near.Read(one); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		c.Write(make([]byte, 1000))
		err := c.Flush()
		if !isTimeout(err) || time.Since(began) != 5*time.Minute+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, again := c.Write(make([]byte, 2*maxBuffer)); again != err || c.WriteLine("* BYE") != err || c.Flush() != err {
			t.Errorf("then %v", again)
		}
		c.Close()
		if took := time.Since(began); took != 5*time.Minute+time.Second {
			t.Errorf("the connection was held for %v", took)
		}
		<-gone
	})
}

// TestHandshakesThatNeverFinish are over after a minute, however long the
// silences are that a session allows, and whether or not octets trickle in.
func TestHandshakesThatNeverFinish(t *testing.T) {
	t.Parallel()
	cfg := testTLS()
	synctest.Test(t, func(t *testing.T) {
		nl := make(pipes)
		l := &Listener{Net: nl, TLS: cfg, Options: func() Options { return Options{ReadTimeout: 30 * time.Minute} },
			Handle: func(context.Context, *Conn) { t.Error("a session without a handshake") }}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- l.Run(ctx) }()
		began := time.Now()
		var all sync.WaitGroup
		for i := range 200 {
			near, far := net.Pipe()
			nl <- far
			if i%2 == 0 {
				all.Go(func() { trickle(near) })
			}
			all.Go(func() {
				defer near.Close()
				io.Copy(io.Discard, near)
				if took := time.Since(began); took != time.Minute {
					t.Errorf("connection %d was held for %v", i, took)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if l.held.all != 0 || len(l.held.conns) != 0 {
			t.Errorf("%d are still held", l.held.all)
		}
		stop()
		<-ran
	})
}

// trickle begins a handshake, an octet every second, and never gets far.
func trickle(nc net.Conn) {
	record := append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, make([]byte, 505)...) // a ClientHello of 512 octets
	for i := range record {
		if _, err := nc.Write(record[i : i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// TestDrainLetsFinish: who is finishing something is interrupted a moment before the end.
func TestDrainLetsFinish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nl := make(pipes)
		l := &Listener{Net: nl, Drain: 20 * time.Second, Handle: func(_ context.Context, c *Conn) {
			c.Finishing(true)
			c.WriteLine("354 go on")
			c.ReadLine()
			c.Finishing(false)
			c.WriteLine("421 bye")
		}}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- l.Run(ctx) }()
		var clients [2]*Conn // one says something, the other never does
		for i := range clients {
			near, far := net.Pipe()
			nl <- far
			clients[i] = NewConn(near, Client, Options{})
			want(t, clients[i], "354 go on")
		}
		synctest.Wait()
		began := time.Now()
		stop()
		time.Sleep(5 * time.Second)
		clients[0].WriteLine(".")
		for i, after := range []time.Duration{5 * time.Second, 19 * time.Second} {
			want(t, clients[i], "421 bye")
			if took := time.Since(began); took != after {
				t.Errorf("client %d: goodbye after %v, want %v", i, took, after)
			}
			clients[i].Close()
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
}
