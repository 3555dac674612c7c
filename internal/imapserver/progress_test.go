package imapserver

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/blob"
	blobmemory "tem/internal/blob/memory"
	"tem/internal/line"
	"tem/internal/mail"
)

// slow is a blob store that takes its time, or as long as whoever asks wants to wait.
type slow struct {
	blob.Store
	time time.Duration
}

func (s *slow) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	if s.time > 0 {
		select {
		case <-time.After(s.time):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Store.Open(ctx, id)
}

// slowly runs a client's part in a session whose mailbox has n letters that take
// a minute each to open; ended is closed when the server's side has ended.
func slowly(t *testing.T, n int, play func(p *peer, ended chan struct{})) {
	synctest.Test(t, func(t *testing.T) {
		blobs := &slow{Store: blobmemory.New()}
		s := newServerOn(t, n, mail.Options{Blobs: blobs, InlineMax: 1})
		blobs.time = time.Minute
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
		play(p, ended)
		near.Close()
		<-ended
	})
}

// RFC 9585 §4
func TestProgress(t *testing.T) {
	t.Parallel()
	slowly(t, 200, func(p *peer, _ chan struct{}) {
		begun := time.Now()
		p.send("q SEARCH RETURN (COUNT) BODY Joe\r\n")
		for n, want := range []string{`* OK [INPROGRESS ("q" NIL NIL)]`, `* OK [INPROGRESS ("q" NIL NIL)]`} {
			if got := p.line(); !strings.HasPrefix(got, want) || time.Since(begun) != time.Duration(n+1)*progressEvery {
				t.Errorf("%q after %v", got, time.Since(begun))
			}
		}
		lines := p.until("q OK")
		told := ""
		for _, l := range lines {
			if strings.Contains(l, " 200)]") && told != l {
				told += l + "\n"
			}
		}
		if !strings.Contains(told, `* OK [INPROGRESS ("q" 64 200)]`) && !strings.Contains(told, `* OK [INPROGRESS ("q" 128 200)]`) {
			t.Errorf("told:\n%s", told)
		}
		p.send("a]b SEARCH RETURN (COUNT) BODY Joe\r\n")
		if got := p.line(); !strings.HasPrefix(got, `* OK [INPROGRESS (NIL NIL NIL)]`) {
			t.Errorf("%q", got)
		}
		p.until("a]b OK")
		p.want("SEARCH RETURN (COUNT) ALL", "* ESEARCH", "x OK") // no more of it
	})
}

// What a client has asked for that has gone ends before long.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	slowly(t, 1000, func(p *peer, ended chan struct{}) {
		begun := time.Now()
		p.send("q SEARCH RETURN (COUNT) BODY Joe\r\n")
		p.line()
		p.nc.Close()
		<-ended
		if lasted := time.Since(begun); lasted > 3*progressEvery {
			t.Errorf("it went on for %v", lasted)
		}
	})
}
