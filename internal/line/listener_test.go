package line

import (
	"context"
	"net"
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
