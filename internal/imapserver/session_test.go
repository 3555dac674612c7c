package imapserver

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"tem/internal/line/linetest"
)

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"login": "S: * OK\nC: a NOOP\nS: a OK\nW: 61s\nS: * BYE no login\nS: <EOF>\n",
		"idle":  "S: * OK\nC: a LOGIN a@x.example \"pass word\"\nS: a OK\nW: 29m\nC: b NOOP\nS: b OK\nW: 31m\nS: * BYE idle\nS: <EOF>\n",
		"line":  "S: * OK\nC: a LOGIN a@x.example \"pass word\"\nS: a OK\nC! \"b NO\"\nW: 20m\nC! \"O\"\nW: 11m\nS: * BYE idle\nS: <EOF>\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, 0)
				linetest.Play(t, name, text, s.Handle, linetest.Options{Line: s.Options()})
			})
		})
	}
}

func TestMaxErrors(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	s.o.MaxErrors = 3
	linetest.Play(t, "errors", "S: * OK\nC: a FROB\nS: a BAD\nC: b SELECT x\nS: b BAD\nC: c NOOP\nS: c OK\nC: d NOOP x\nC: e NOOP\nS: d BAD\nS: * BYE too many\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
	linetest.Play(t, "in a row", "S: * OK\nC: a LOGIN a@x.example \"pass word\"\nS: a OK\nC: b FROB\nS: b BAD\nC: c FETCH 1 FLAGS\nS: c BAD\nC: d NOOP\nS: d OK\n"+
		"C: e FROB\nS: e BAD\nC: f NOOP x\nS: f BAD\nC: g SELECT none\nS: g NO\nC: h FROB\nS: h BAD\nS: * BYE too many\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
}

func TestRenameInbox(t *testing.T) {
	t.Parallel()
	p := selectedPeer(t, newServer(t, 3))
	p.do("UNSELECT")
	p.want("RENAME INBOX Old/1994", "x OK")
	p.want("STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 0)", "x OK")
	p.want("STATUS Old/1994 (MESSAGES)", "* STATUS Old/1994 (MESSAGES 3)", "x OK")
	p.want("RENAME INBOX Old", "x NO [ALREADYEXISTS]")
}

// countingConn counts the writes.
type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestPipelineIsAnsweredInOneWrite(t *testing.T) {
	t.Parallel()
	s := newServer(t, 3)
	counter := &countingConn{}
	p := connect(t, s, s.Options(), func(nc net.Conn) net.Conn { counter.Conn = nc; return counter })
	p.do(`LOGIN a@x.example "pass word"`)
	before := counter.writes.Load()
	p.send("a SELECT INBOX\r\nb FETCH 1:* (FLAGS BODY.PEEK[])\r\nc SEARCH ALL\r\nd NOOP\r\n")
	p.until("d OK")
	if n := counter.writes.Load() - before; n != 1 {
		t.Errorf("%d writes", n)
	}
}
