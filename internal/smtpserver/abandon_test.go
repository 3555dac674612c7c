package smtpserver

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"tem/internal/dns"
	"tem/internal/line"
	"tem/internal/trust"
)

// TestQuestionsEndWithWhoCausedThem: a client that says its name and begins a
// message, over and over, makes one set of questions wait at a time, and none
// when it has gone.
func TestQuestionsEndWithWhoCausedThem(t *testing.T) {
	t.Parallel()
	silence, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(t, err)
	defer silence.Close()
	w := newWorld(t)
	w.Judge = trust.NewJudge(dns.NewResolver(silence.LocalAddr().String()), trust.Options{Hostname: w.Hostname, Now: w.Now})
	steps := make(chan dns.Step, 1000)
	ctx := dns.WithTrace(t.Context(), func(s dns.Step) { steps <- s })
	const times = 20
	s := New(w.Options)
	text := strings.Repeat("HELO x.example\r\nMAIL FROM:<a@y.example>\r\n", times)
	s.Handle(ctx, line.NewConn(visitor{&script{in: strings.NewReader(text)}}, line.Server, s.Options()))
	for range 3 * times { // the address's name, SPF of the greeting and of the return path
		if step := <-steps; !errors.Is(step.Err, context.Canceled) {
			t.Fatalf("%+v: nobody waits for it any more", step)
		}
	}
}

// visitor is a script from an address that has a name, perhaps.
type visitor struct{ *script }

func (visitor) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711} }
