package imapserver

import (
	"context"
	"net"
	"strings"
	"testing"

	"tem/internal/line"
	"tem/internal/line/linetest"
)

// compressing is a client that has logged in and turned COMPRESS on.
func compressing(t *testing.T, s *Server) *line.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(context.WithoutCancel(t.Context()), line.NewConn(far, line.Server, s.Options()))
	}()
	c := line.NewConn(near, line.Client, line.Options{MaxLine: 1 << 16})
	t.Cleanup(func() { near.Close(); <-done })
	readUntil(t, c, "* OK")
	c.WriteLine(`a LOGIN a@x.example "pass word"`)
	readUntil(t, c, "a OK")
	c.WriteLine("b COMPRESS DEFLATE")
	readUntil(t, c, "b OK")
	if err := c.Compress(); err != nil {
		t.Fatal(err)
	}
	return c
}

// readUntil reads up to the line that begins so.
func readUntil(t *testing.T, c *line.Conn, prefix string) (lines []string) {
	t.Helper()
	for {
		text, err := c.ReadLine()
		if err != nil {
			t.Fatalf("waiting for %q: %v", prefix, err)
		}
		lines = append(lines, string(text))
		if strings.HasPrefix(string(text), prefix) {
			return lines
		}
	}
}

func TestCompress(t *testing.T) {
	t.Parallel()
	c := compressing(t, newServer(t, 3))
	c.WriteLine("c COMPRESS DEFLATE") // RFC 4978 §3
	readUntil(t, c, "c BAD [COMPRESSIONACTIVE]")
	c.WriteLine("d SELECT INBOX") // pipelined
	c.WriteLine("e FETCH 1:* (FLAGS BODY.PEEK[])")
	c.WriteLine("f APPEND INBOX {15+}")
	c.WriteString("Subject: x\r\n\r\ny\r\n")
	c.WriteLine("g SEARCH ALL")
	readUntil(t, c, "d OK")
	if got := strings.Join(readUntil(t, c, "e OK"), "\n"); strings.Count(got, "Hello Joe, do you think we can meet?") != 3 {
		t.Errorf("fetched %q", got)
	}
	readUntil(t, c, "f OK [APPENDUID")
	if got := readUntil(t, c, "g OK"); got[0] != "* SEARCH 1 2 3 4" {
		t.Errorf("found %q", got)
	}
}

// A client that sends in clear behind COMPRESS is not heard.
func TestCompressWithPlaintextBehind(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	p := connect(t, s, s.Options(), nil)
	p.do(`LOGIN a@x.example "pass word"`)
	p.send("a COMPRESS DEFLATE\r\nb CREATE sneaked\r\n")
	p.until("a OK")
	if text, err := p.in.ReadString('\n'); err == nil {
		t.Errorf("goes on with %q", text)
	}
	if _, err := accountOf(t, s).Mailbox(t.Context(), "sneaked"); err == nil {
		t.Error("the command was run")
	}
}

func TestCompressStates(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	linetest.Play(t, "states", `
S: * OK
C: a COMPRESS DEFLATE
S: a BAD
C: b LOGIN a@x.example "pass word"
S: /^b OK .*COMPRESS=DEFLATE/
C: c COMPRESS LZW
S: c BAD
C: d NOOP
S: d OK
`, s.Handle, linetest.Options{Line: s.Options()})
}

// RFC 8437 §4.1 would have the next octets in clear; the session ends instead.
func TestUnauthenticateCompressed(t *testing.T) {
	t.Parallel()
	c := compressing(t, newServer(t, 0))
	c.WriteLine("c CAPABILITY")
	if got := readUntil(t, c, "c OK"); strings.Contains(got[0], "UNAUTHENTICATE") {
		t.Errorf("%q", got)
	}
	c.WriteLine("d UNAUTHENTICATE")
	if got := readUntil(t, c, "* BYE"); len(got) != 1 {
		t.Errorf("%q", got)
	}
	if text, err := c.ReadLine(); err == nil {
		t.Errorf("goes on with %q", text)
	}
}

func TestUnauthenticateSwitchedOff(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	s.o.Unauthenticate = false
	p := selectedPeer(t, s)
	if got := p.do("CAPABILITY"); strings.Contains(got[0], "UNAUTHENTICATE") {
		t.Errorf("%q", got)
	}
	p.want("UNAUTHENTICATE", "x BAD")
	p.want("FETCH 1:* UID", "x BAD")
	p.want("CHECK", "x OK")
}
