package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tem/internal/line"
	"tem/internal/line/linetest"
)

// teller answers commands by telling what it read of them. Messages for
// "refuse" it refuses, and those for "half" after four octets.
type teller struct {
	c *line.Conn
	r *Reader
}

func (s teller) handle(context.Context) error {
	for {
		cmd, err := s.r.Next()
		tag := ""
		if err == nil {
			tag = cmd.Tag
			err = s.run(cmd)
		}
		if e := s.r.Skip(); e != nil {
			err = e
		}
		var bad *SyntaxError
		switch {
		case err == errRefused:
			err = s.say("%s NO", tag)
		case errors.As(err, &bad) && bad.Fatal:
			s.say("* BYE [%s] %s", bad.Code, bad.Text)
			return err
		case errors.As(err, &bad) && bad.Code != "":
			err = s.say("%s BAD [%s] %s", bad.Tag, bad.Code, bad.Text)
		case errors.As(err, &bad):
			err = s.say("%s BAD %s", bad.Tag, bad.Text)
		case err == nil:
			err = s.say("%s OK", tag)
		}
		if err != nil {
			return err
		}
	}
}

var errRefused = errors.New("refused")

func (s teller) say(format string, args ...any) error {
	return s.c.WriteLineBytes(fmt.Appendf(nil, format, args...))
}

func (s teller) run(cmd *Command) error {
	switch c := cmd.Args.(type) {
	case *Append:
		if c.Mailbox == "refuse" {
			return errRefused
		}
		if c.Mailbox == "half" {
			return s.half()
		}
		s.say("* APPEND %s", c.Mailbox)
	case *Replace:
		s.say("* %s %d %s", cmd.Row.Name, c.Number, c.Mailbox)
	}
	for {
		m, err := s.r.NextMessage()
		if m == nil || err != nil {
			return err
		}
		text := fmt.Sprint("* MESSAGE ", m.Flags)
		if !m.Date.IsZero() {
			text += m.Date.Format(" " + time.RFC3339)
		}
		if m.Catenate {
			text += " catenate"
		}
		s.say("%s", text)
		if err := s.parts(); err != nil {
			return err
		}
	}
}

func (s teller) half() error {
	s.r.NextMessage()
	p, err := s.r.NextPart()
	if err != nil {
		return err
	}
	text, err := s.r.Open(p)
	if err != nil {
		return err
	}
	b := make([]byte, 4)
	io.ReadFull(text, b)
	s.say("* PART %s", b)
	return errRefused
}

func (s teller) parts() error {
	for {
		p, err := s.r.NextPart()
		switch {
		case p == nil || err != nil:
			return err
		case p.URL != "":
			s.say("* URL %s", p.URL)
			continue
		}
		octets, err := s.r.Open(p)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(octets)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("* PART %d %s", p.Size, b)
		if p.Binary {
			text += " binary"
		}
		if p.UTF8 {
			text += " utf8"
		}
		s.say("%s", text)
	}
}

func tell(ctx context.Context, c *line.Conn) {
	teller{c, NewReader(c)}.handle(ctx)
}

func TestMessages(t *testing.T) {
	t.Parallel()
	linetest.Replay(t, "testdata/append.txt", tell, linetest.Options{Line: line.Options{MaxLine: MaxLine}, Vars: map[string]string{"BIG": strings.Repeat("x", 200000)}})
}

// A message without its parts being read is the server's mistake, and is told.
func TestUnreadParts(t *testing.T) {
	t.Parallel()
	r := NewReader(line.NewConn(&script{in: bytes.NewReader([]byte("a APPEND x {1+}\r\ny\r\n"))}, line.Server, line.Options{}))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	r.NextMessage()
	r.NextPart()
	if _, err := r.NextPart(); err != errUnread {
		t.Errorf("the octets were not opened: %v", err)
	}
	if err := r.Skip(); err != nil {
		t.Error(err)
	}
}

// As many parts as are allowed, and one more.
func TestTooManyParts(t *testing.T) {
	t.Parallel()
	for parts, ok := range map[int]bool{MaxItems - 1: true, MaxItems: false} {
		text := "a APPEND x CATENATE (URL x" + strings.Repeat(" URL x", parts-1) + ")\r\n"
		r := NewReader(line.NewConn(&script{bytes.NewReader([]byte(text))}, line.Server, line.Options{MaxLine: MaxLine}))
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		_, err := r.NextMessage()
		for err == nil {
			p, e := r.NextPart()
			if err = e; p == nil {
				break
			}
		}
		if (err == nil) != ok {
			t.Errorf("%d parts: %v", parts, err)
		}
	}
}

// script is a connection whose other end has said all there is.
type script struct{ in *bytes.Reader }

func (s *script) Read(p []byte) (int, error)     { return s.in.Read(p) }
func (*script) Write(p []byte) (int, error)      { return len(p), nil }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// FuzzMessages looks for a dialogue that does not end, or that holds more than it may.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		"a APPEND x (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {1+}\r\ny\r\nb NOOP\r\n", "a APPEND {1+}\r\nx {1}\r\ny {1+}\r\nz\r\n", "a APPEND x ~{1+}\r\n\x00 {0+}\r\n\r\n",
		"a APPEND x CATENATE (URL {1+}\r\nu TEXT {1+}\r\nt URL v)\r\n", "a UID REPLACE * x UTF8 (~{1+}\r\nu)\r\n", "a APPEND half {9+}\r\n123456789 {9}\r\n", "a APPEND refuse {9+}\r\n123",
		"a LOGIN {3+}\r\nbob {200000+}\r\n", "a SETMETADATA \"\" (/x ~{2+}\r\n\x00y)\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := line.NewConn(&script{bytes.NewReader(b)}, line.Server, line.Options{MaxLine: MaxLine})
		s := teller{c, NewReader(c)}
		if err := s.handle(t.Context()); err == nil || errors.Is(err, errUnread) {
			t.Fatal(err)
		}
		if len(s.r.buf) > MaxCommand+MaxLine {
			t.Fatalf("%d octets held", len(s.r.buf))
		}
	})
}
