package smtpserver

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/journey"
	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/throttle"
)

// from makes every client come from this address.
func from(s *Server, ip string) func(context.Context, *line.Conn) {
	return func(ctx context.Context, c *line.Conn) {
		x := &session{Server: s, c: c}
		x.dialogue, _ = c.Tap().(*journey.Dialogue)
		x.meet(&net.TCPAddr{IP: net.ParseIP(ip), Port: 4711})
		x.run(ctx)
		c.Close()
	}
}

const hello = "S: 220\nC: HELO x\nS: 250\n"

func TestThrottleByAddress(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o.Throttle = NewThrottle(Limits{
		Connections: throttle.Rate{Count: 4, Per: time.Minute}, Messages: throttle.Rate{Count: 2, Per: time.Minute},
		Recipients: throttle.Rate{Count: 3, Per: time.Minute}, AccountMessages: throttle.Rate{Count: 1, Per: time.Hour},
	}, func() time.Time { return now })
	var told []journey.Event
	o.Record = func(e journey.Event) { told = append(told, e) }
	s := New(o)
	run := func(ip, text string) {
		t.Helper()
		linetest.Play(t, t.Name(), text, from(s, ip), linetest.Options{Line: s.Options()})
	}
	run("192.0.2.1", hello+`C: MAIL FROM:<a@x.example>
S: 250
C: RCPT TO:<an@hanoi.example>
S: 250
C: RCPT TO:<binh@hanoi.example>
S: 250
C: RSET
S: 250
C: MAIL FROM:<a@x.example>
S: 250
C: RCPT TO:<an@hanoi.example>
S: 250
C: RCPT TO:<binh@hanoi.example>
S: 450 4.7.1 Too many recipients from your address; try again in 20s
C: RSET
S: 250
C: MAIL FROM:<a@x.example>
S: 450 4.7.1 Too many messages from your address; try again in 30s
C: QUIT
S: 221
`)
	if len(told) != 2 || told[0].To[0] != "binh@hanoi.example" || told[1].Status.Reply != 450 || told[1].Remote != "192.0.2.1:4711" {
		t.Errorf("the journey was told %+v", told)
	}
	for range 3 {
		run("192.0.2.1", "S: 220\nC: QUIT\nS: 221\n")
	}
	run("192.0.2.1", "S: 421 4.7.1 Too many connections from your address; try again in 15s\n")
	run("192.0.2.2", "S: 220\nC: QUIT\nS: 221\n")
	run("192.0.2.1", "S: 421\n")
	now = now.Add(time.Minute)
	run("192.0.2.1", hello+`C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0
S: 235
C: MAIL FROM:<an@hanoi.example>
S: 250
C: RSET
S: 250
C: MAIL FROM:<an@hanoi.example>
S: 450 4.7.1 Too many messages from your account; try again in 1h0m0s
C: QUIT
S: 221
`)
}

func TestThrottleErrors(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Throttle = NewThrottle(Limits{Errors: throttle.Rate{Count: 2, Per: time.Minute}}, o.Now)
	s := New(o)
	run := func(ip, text string) {
		linetest.Play(t, t.Name(), text, from(s, ip), linetest.Options{Line: s.Options()})
	}
	run("2001:db8::1", hello+"C: FOO\nS: 500\nC: FOO\nS: 500\nC: QUIT\nS: 221\n")
	run("2001:db8::2", "S: 421 4.7.1 Too many errors from your address; try again in 30s\n")
	run("2001:db9::2", "S: 220\nC: QUIT\nS: 221\n")
}

// TestThrottleBehindProxy: who a proxy speaks for is held to the limits like who
// comes by himself, and not for the errors of the client before.
func TestThrottleBehindProxy(t *testing.T) {
	t.Parallel()
	o := proxied(newWorld(t))
	o.MaxErrors = 3
	o.Throttle = NewThrottle(Limits{
		Connections: throttle.Rate{Count: 2, Per: time.Minute}, Errors: throttle.Rate{Count: 2, Per: time.Minute},
		Exempt: func(a net.Addr) bool { return strings.HasPrefix(a.String(), "10.") },
	}, o.Now)
	play := func(text string) {
		t.Helper()
		s := New(o)
		linetest.Play(t, t.Name(), "S: 220\n"+text, from(s, "10.0.0.1"), linetest.Options{Line: s.Options()})
	}
	for range 2 {
		play("C: XCLIENT ADDR=192.0.2.1\nS: 220\nC: XCLIENT NAME=a.example\nS: 220\nC: QUIT\nS: 221\n")
	}
	play("C: XCLIENT ADDR=192.0.2.1\nS: 421 4.7.1 Too many connections\nS: <EOF>\n")
	play("C: XCLIENT ADDR=198.51.100.1\nS: 220\nC: FOO\nS: 500\nC: FOO\nS: 500\nC: XCLIENT ADDR=198.51.100.1\nS: 421 4.7.1 Too many errors\nS: <EOF>\n")
	play("C: FOO\nS: 500\nC: FOO\nS: 500\nC: XCLIENT ADDR=203.0.113.1\nS: 220\nC: FOO\nS: 500\nC: FOO\nS: 500\nC: FOO\nS: 500\nS: 421 4.7.0\nS: <EOF>\n")
}

// TestExempt goes beyond every limit.
func TestExempt(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Throttle = NewThrottle(Limits{
		Connections: throttle.Rate{Count: 1, Per: time.Minute}, Messages: throttle.Rate{Count: 1, Per: time.Minute},
		AccountMessages: throttle.Rate{Count: 1, Per: time.Minute},
		Exempt:          func(net.Addr) bool { return true },
	}, o.Now)
	s := New(o)
	for range 3 {
		linetest.Play(t, t.Name(), hello+"C: MAIL FROM:<a@x.example>\nS: 250\nC: QUIT\nS: 221\n", from(s, "192.0.2.1"), linetest.Options{Line: s.Options()})
	}
}

func TestTarpit(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Throttle = NewThrottle(Limits{Tarpit: time.Second}, o.Now)
	x := &session{Server: New(o), remote: &net.TCPAddr{IP: net.ParseIP("192.0.2.1")}}
	for errors, want := range map[int]time.Duration{0: 0, 3: 0, 4: time.Second, 7: 4 * time.Second, 40: 10 * time.Second} {
		x.errors = errors
		if got := o.Throttle.tarpit(x); got != want {
			t.Errorf("after %d errors: %s, want %s", errors, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		x.c, x.errors = line.NewConn(ours, line.Server, line.Options{}), 5
		defer x.c.Close()
		start := time.Now()
		x.linger(t.Context())
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("it took %s", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		x.linger(ctx)
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("a stopping server waits: %s", d)
		}
	})
}

// TestDeniedAreNotAllTold: a client that is told to come later, and goes on
// asking, does not fill the journey.
func TestDeniedAreNotAllTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told := 0
	w.Record = func(journey.Event) { told++ }
	w.Throttle = NewThrottle(Limits{Recipients: throttle.Rate{Count: 1, Per: time.Hour}}, w.Now)
	const again = "C: RCPT TO:<an@hanoi.example>\nS: 450\n"
	w.from(t, "192.0.2.1", hello+"C: MAIL FROM:<a@x.example>\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\n"+strings.Repeat(again, 3*maxDenials)+"C: QUIT\nS: 221\n")
	if told != maxDenials {
		t.Errorf("the journey was told of %d refusals", told)
	}
}

// TestThrottleUnknownClients: those that a proxy does not know are held together
// to what a network may, and not to what those behind another do.
func TestThrottleUnknownClients(t *testing.T) {
	t.Parallel()
	o := proxied(newWorld(t))
	o.Throttle = NewThrottle(Limits{
		Connections: throttle.Rate{Count: 2, Per: time.Minute},
		Exempt:      func(a net.Addr) bool { return strings.HasPrefix(a.String(), "192.0.2.") },
	}, o.Now)
	s := New(o)
	run := func(proxy, client, text string) {
		t.Helper()
		l := s.Options()
		l.Remote = &net.TCPAddr{IP: net.ParseIP(proxy), Port: 4711}
		linetest.Play(t, t.Name(), "S: 220\nC: XCLIENT ADDR="+client+"\n"+text, s.Handle, linetest.Options{Line: l})
	}
	const in, out = "S: 220\nC: QUIT\nS: 221\n", "S: 421 4.7.1 Too many connections\nS: <EOF>\n"
	for range 2 * throttle.NetworkFactor {
		run("192.0.2.1", "[UNAVAILABLE]", in)
	}
	run("192.0.2.1", "[UNAVAILABLE]", out)
	run("192.0.2.2", "[UNAVAILABLE]", in)
	run("192.0.2.1", "198.51.100.2", in)
}
