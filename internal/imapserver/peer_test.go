package imapserver

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"tem/internal/line"
)

// peer is a client that says what it is told to.
type peer struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

// connect starts a session and reads its greeting; wrap, if not nil, goes
// between the server and its end of the pipe.
func connect(t *testing.T, s *Server, o line.Options, wrap func(net.Conn) net.Conn) *peer {
	t.Helper()
	near, far := net.Pipe()
	if wrap != nil {
		far = wrap(far)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(context.WithoutCancel(t.Context()), line.NewConn(far, line.Server, o))
	}()
	t.Cleanup(func() { near.Close(); <-done })
	p := &peer{t, near, bufio.NewReader(near)}
	if got := p.line(); !strings.HasPrefix(got, "* OK") {
		t.Fatalf("greeting %q", got)
	}
	return p
}

// selected is a session of a@x.example that has INBOX open.
func selectedPeer(t *testing.T, s *Server) *peer {
	t.Helper()
	p := connect(t, s, s.Options(), nil)
	p.do(`LOGIN a@x.example "pass word"`)
	p.do("SELECT INBOX")
	return p
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := p.nc.Write([]byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) line() string {
	p.t.Helper()
	text, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%q and %v", text, err)
	}
	return strings.TrimRight(text, "\r\n")
}

// until reads the lines up to the one that begins so, which is the last.
func (p *peer) until(prefix string) (lines []string) {
	p.t.Helper()
	for {
		lines = append(lines, p.line())
		if strings.HasPrefix(lines[len(lines)-1], prefix) {
			return lines
		}
	}
}

// untilAll reads until there was a line that begins so for each prefix.
func (p *peer) untilAll(prefixes ...string) (lines []string) {
	p.t.Helper()
	for len(prefixes) > 0 {
		l := p.line()
		lines = append(lines, l)
		prefixes = slices.DeleteFunc(slices.Clone(prefixes), func(prefix string) bool { return strings.HasPrefix(l, prefix) })
	}
	return lines
}

// do sends a command and returns the answer.
func (p *peer) do(command string) []string {
	p.t.Helper()
	p.send("x " + command + "\r\n")
	return p.until("x ")
}

// want does a command and compares the answer's lines by how they begin.
func (p *peer) want(command string, want ...string) {
	p.t.Helper()
	got := p.do(command)
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		p.t.Errorf("%s:\n%s\nwant\n%s", command, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
