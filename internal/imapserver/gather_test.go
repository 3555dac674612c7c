package imapserver

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
)

// held runs a FETCH whose answers are not read at first, and returns how much
// memory that takes and how many answers there are in the end.
func held(t *testing.T, fetch string, letters ...string) (octets int64, answers int) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, 0)
		for _, l := range letters {
			deliver(t, s, l, time.Time{})
		}
		near, far := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.Handle(t.Context(), line.NewConn(far, line.Server, s.Options()))
		}()
		p := &peer{t, near, bufio.NewReader(near)}
		p.line()
		p.do(`LOGIN a@x.example "pass word"`)
		p.do("SELECT INBOX")
		before := heap()
		p.send(fetch + "\r\n")
		synctest.Wait()
		octets = heap() - before
		for _, l := range p.until("a OK") {
			if strings.HasPrefix(l, "* ") {
				answers++
			}
		}
		near.Close()
		<-ended
	})
	return octets, answers
}

// TestManySectionsAreNotHeld: a message asked for many times over goes out piece by piece.
func TestManySectionsAreNotHeld(t *testing.T) {
	large := letter + strings.Repeat("* and so on\r\n", 10_000)[2:]
	got, _ := held(t, "a FETCH 1 ("+strings.Repeat("BODY.PEEK[] ", 400)+"UID)", large)
	if got > 4<<20 {
		t.Errorf("%d octets held for one message", got)
	}
}

// TestManyStructuresAreNotHeld: so do large structures of many messages.
func TestManyStructuresAreNotHeld(t *testing.T) {
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n", 5_000) + "--b--\r\n"
	letters := make([]string, 40)
	for i := range letters {
		letters[i] = parts
	}
	got, answers := held(t, "a FETCH 1:40 BODYSTRUCTURE", letters...)
	if got > 4<<20 || answers != len(letters) {
		t.Errorf("%d octets held, %d answers for %d messages", got, answers, len(letters))
	}
}

// TestAskedTwice: what is asked for again is told once, but for sections.
func TestAskedTwice(t *testing.T) {
	t.Parallel()
	p := selectedPeer(t, newServer(t, 1))
	p.want("FETCH 1 (FLAGS UID FLAGS UID)", `* 1 FETCH (FLAGS (\Recent) UID 1)`, "x OK")
	p.want("FETCH 1 (BODY.PEEK[TEXT]<0.1> BODY.PEEK[TEXT]<0.2>)", "* 1 FETCH (BODY[TEXT]<0> {1}", "H BODY[TEXT]<0> {2}", "He)", "x OK")
}
