// Package linetest replays transcripts against the server end of a dialogue.
//
// A transcript has one step a line; a blank line and one that begins with #
// say nothing:
//
//	C: EHLO crepes.fr      sent with CRLF; steps of C that follow each other go in one write
//	C! "raw\x00octets\n"   sent as the Go string says, without CRLF
//	S: 250                 the next line begins so
//	S: /^250 2\.\d/        the next line matches so
//	S: ...                 any number of lines, up to the one that the next S step wants
//	S: <EOF>               the server closes
//	W: 5m                  wait (inside testing/synctest)
//
// $NAME stands for Options.Vars["NAME"].
package linetest

import (
	"bufio"
	"context"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tem/internal/line"
)

// Options for Replay.
type Options struct {
	Line    line.Options
	Vars    map[string]string
	Context context.Context // nil: the test's
	Timeout time.Duration   // for each line of the server; 0: a minute
}

// Replay plays the client's part of the transcript in file against handle, and
// fails the test where the server says something else. It returns after handle has.
func Replay(t *testing.T, file string, handle func(context.Context, *line.Conn), o Options) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	Play(t, file, string(text), handle, o)
}

// Play is Replay of a transcript in memory; name is for messages.
func Play(t *testing.T, name, text string, handle func(context.Context, *line.Conn), o Options) {
	t.Helper()
	if o.Context == nil {
		o.Context = t.Context()
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute // on a machine that has much else to do
	}
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := line.NewConn(server, line.Server, o.Line)
		defer c.Close()
		handle(o.Context, c)
	}()
	p := &player{t: t, name: name, nc: client, o: o, lines: make(chan string, 1<<16)}
	received := make(chan struct{})
	go p.receive(received)
	defer func() {
		client.Close()
		<-done
		<-received
	}()
	p.play(text)
}

type player struct {
	t     *testing.T
	name  string
	nc    net.Conn
	o     Options
	lines chan string
	send  strings.Builder
	skip  bool // "S: ..." came before
}

func (p *player) receive(done chan<- struct{}) {
	defer close(done)
	defer close(p.lines)
	in := bufio.NewScanner(p.nc)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		p.lines <- in.Text()
	}
}

func (p *player) play(text string) {
	p.t.Helper()
	n := 0
	for step := range strings.Lines(text) {
		n++
		step = os.Expand(strings.TrimRight(step, "\r\n"), p.variable)
		if step == "" || step[0] == '#' {
			continue
		}
		if !p.step(n, step) {
			return
		}
	}
	p.flush()
}

func (p *player) variable(name string) string {
	if v, ok := p.o.Vars[name]; ok {
		return v
	}
	return "$" + name
}

func (p *player) step(n int, step string) bool {
	p.t.Helper()
	kind, rest := step[:min(2, len(step))], ""
	if len(step) > 3 {
		rest = step[3:]
	}
	switch kind {
	case "C:":
		p.send.WriteString(rest + "\r\n")
	case "C!":
		raw, err := strconv.Unquote(rest)
		if err != nil {
			p.t.Errorf("%s:%d: %s: %v", p.name, n, rest, err)
			return false
		}
		p.send.WriteString(raw)
	case "W:":
		p.flush()
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.t.Errorf("%s:%d: %v", p.name, n, err)
			return false
		}
		time.Sleep(d)
	case "S:":
		p.flush()
		return p.want(n, rest)
	default:
		p.t.Errorf("%s:%d: not a step: %q", p.name, n, step)
		return false
	}
	return true
}

// flush sends what the client has to say. A server that hung up shows in the next S step.
func (p *player) flush() {
	if p.send.Len() == 0 {
		return
	}
	p.nc.SetWriteDeadline(time.Now().Add(p.o.Timeout))
	p.nc.Write([]byte(p.send.String()))
	p.send.Reset()
}

func (p *player) want(n int, want string) bool {
	p.t.Helper()
	if want == "..." {
		p.skip = true
		return true
	}
	skip := p.skip
	p.skip = false
	for {
		got, ok := p.next()
		if matches(got, want) {
			return true
		}
		if !ok || !skip {
			p.t.Errorf("%s:%d: server said %q, want %q", p.name, n, got, want)
			return false
		}
	}
}

func (p *player) next() (string, bool) {
	select {
	case l, ok := <-p.lines:
		if !ok {
			return "<EOF>", false
		}
		return l, true
	case <-time.After(p.o.Timeout):
		return "<nothing>", false
	}
}

func matches(got, want string) bool {
	if len(want) > 1 && want[0] == '/' && want[len(want)-1] == '/' {
		return regexp.MustCompile(want[1 : len(want)-1]).MatchString(got)
	}
	return strings.HasPrefix(got, want)
}
