package smtpserver

import (
	"context"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
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

// TestDrainFinishesTexts: a text that has begun when the server is stopped is taken if its
// end comes within the drain time, by DATA and in chunks; else its client is told at the end of that.
func TestDrainFinishesTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin []string // the last one has no reply
		end   string   // "": it never comes
		want  string
		after time.Duration
	}{
		"data":      {[]string{"DATA", "Subject: a"}, "\r\nb\r\n.\r\nNOOP\r\n", "250 421", 10 * time.Second},
		"chunks":    {[]string{"BDAT 14\r\nSubject: a\r\n", "BDAT 7 LAST\r\nb"}, "cd\r\n", "250 421", 10 * time.Second},
		"in time":   {[]string{"BDAT 14\r\nSubject: a\r\n", "NOOP"}, "BDAT 3 LAST\r\nb\r\n", "250 250 421", 10 * time.Second},
		"never":     {[]string{"DATA", "Subject: a"}, "", "421", 19 * time.Second},
		"not begun": {[]string{"NOOP"}, "", "250 421", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			synctest.Test(t, func(t *testing.T) {
				s := New(w.Options)
				nl := make(pipes)
				l := &line.Listener{Net: nl, Drain: 20 * time.Second, Options: s.Options, Handle: s.Handle}
				ctx, stop := context.WithCancel(t.Context())
				ran := make(chan error)
				go func() { ran <- l.Run(ctx) }()
				near, far := net.Pipe()
				defer near.Close()
				nl <- far
				r := textproto.NewConn(near)
				_, _, err := r.ReadResponse(220)
				check(t, err)
				last := len(c.begin) - 1
				asking(t, r, append([]string{"EHLO a", "MAIL FROM:<x@far.example>", "RCPT TO:<an@hanoi.example>"}, c.begin[:last]...)...)
				check(t, r.PrintfLine("%s", c.begin[last]))
				synctest.Wait()
				began := time.Now()
				stop()
				synctest.Wait()
				defer time.AfterFunc(10*time.Second, func() { near.Write([]byte(c.end)) }).Stop()
				var got []string
				for {
					code, _, err := r.ReadResponse(0)
					if code == 0 {
						break
					}
					if check(t, err); code == 421 && time.Since(began) != c.after {
						t.Errorf("goodbye after %v, want %v", time.Since(began), c.after)
					}
					got = append(got, strconv.Itoa(code))
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("%q, want %s", got, c.want)
				}
				near.Close()
				check(t, <-ran)
			})
			if kept := len(w.inbox(t, "an")); kept != strings.Count(c.want, "250 421")*min(1, len(c.end)) {
				t.Errorf("%d messages", kept)
			}
		})
	}
}
