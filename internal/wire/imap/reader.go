package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tem/internal/line"
)

// Reader reads commands from a connection. It belongs to the session's goroutine.
type Reader struct {
	UTF8       bool  // mailbox names are UTF-8 from now on
	MaxLiteral int64 // of one literal that is not APPEND's message
	MaxSkip    int64 // how much of a refused literal is read to stay in step
	c          *line.Conn
	buf        []byte
}

// NewReader reads from c.
func NewReader(c *line.Conn) *Reader {
	return &Reader{c: c, MaxLiteral: MaxCommand, MaxSkip: 1 << 20}
}

// Next reads one command. A *SyntaxError is the client's mistake; any other
// error is the connection's. After an *Append its message has still to be read.
func (r *Reader) Next() (*Command, error) {
	r.buf = r.buf[:0]
	defer r.c.Secret(false)
	for {
		text, err := r.c.ReadLine()
		if errors.Is(err, line.ErrTooLong) {
			return nil, r.refuse("line too long", true) // its end, now lost, may have announced octets that are no commands
		}
		if err != nil && !errors.Is(err, line.ErrBareNewline) {
			return nil, err
		}
		if r.buf = append(r.buf, text...); len(r.buf) > MaxCommand {
			return nil, r.refuse("command too long", true)
		}
		m, ok := lastMarker(text)
		if !ok {
			return Parse(r.buf, r.UTF8)
		}
		if isCommand(r.buf, "APPEND") {
			if c, err := Parse(r.buf, r.UTF8); err == nil {
				return c, nil
			}
		}
		r.c.Secret(secretive(r.buf))
		if err := r.literal(m); err != nil {
			return nil, err
		}
	}
}

// Ready reports whether a whole command can be read without waiting. One that
// brings a literal counts as one that can't.
func (r *Reader) Ready() bool {
	text, _, whole := bytes.Cut(r.c.Peek(), []byte("\n"))
	_, literal := lastMarker(bytes.TrimSuffix(text, []byte("\r")))
	return whole && !literal
}

// literal takes the octets of a literal into the command.
func (r *Reader) literal(m mark) error {
	if m.size > r.MaxLiteral || int64(len(r.buf))+m.size > MaxCommand {
		return r.tooBig(m)
	}
	if !m.plus {
		if err := r.c.WriteLine("+ go ahead"); err != nil {
			return err
		}
	}
	r.buf = append(r.buf, "\r\n"...)
	at := len(r.buf)
	r.buf = append(r.buf, make([]byte, m.size)...)
	_, err := io.ReadFull(r.c, r.buf[at:])
	return err
}

// tooBig refuses a literal: one that the client holds back by not asking for
// it (RFC 7888 §4), else by skipping it with the rest of its line.
func (r *Reader) tooBig(m mark) error {
	refusal := r.refuse(fmt.Sprintf("literal of %d octets is too large", m.size), false)
	refusal.Code = "TOOBIG"
	if !m.plus {
		return refusal
	}
	if refusal.Fatal = m.size > r.MaxSkip; refusal.Fatal {
		return refusal
	}
	if _, err := io.CopyN(io.Discard, r.c, m.size); err != nil {
		return err
	}
	refusal.Fatal = !r.endOfLine()
	return refusal
}

// endOfLine reads a rest of line that brings no further literal.
func (r *Reader) endOfLine() bool {
	rest, err := r.c.ReadLine()
	_, more := lastMarker(rest)
	return err == nil && !more
}

func (r *Reader) refuse(text string, fatal bool) *SyntaxError {
	tag, _, ok := bytes.Cut(r.buf, []byte(" "))
	if !ok || len(tag) == 0 || len(tag) > 256 {
		tag = []byte("*")
	}
	return &SyntaxError{Tag: string(tag), Text: text, Fatal: fatal}
}

// Message returns the octets of APPEND's message, asking for them if the
// client waits. All must be read, then Done called.
func (r *Reader) Message(a *Append) (io.Reader, error) {
	if !a.NonSync {
		if err := r.c.WriteLine("+ go ahead"); err != nil {
			return nil, err
		}
	}
	return io.LimitReader(r.c, a.Size), nil
}

// Done reads the end of APPEND's line.
func (r *Reader) Done(tag string) error {
	rest, err := r.c.ReadLine()
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	_, more := lastMarker(rest)
	return &SyntaxError{Tag: tag, Text: "one message at a time", Fatal: more}
}

// Skip passes over APPEND's message that was refused: nothing is on its way
// when the client waits.
func (r *Reader) Skip(tag string, a *Append) error {
	if !a.NonSync {
		return nil
	}
	if a.Size > r.MaxSkip {
		return &SyntaxError{Tag: tag, Code: "TOOBIG", Text: "message too large", Fatal: true}
	}
	if _, err := io.CopyN(io.Discard, r.c, a.Size); err != nil {
		return err
	}
	return r.Done(tag)
}

// isCommand reports whether a command's text has that name, however it is spaced.
func isCommand(b []byte, name string) bool {
	_, rest := firstWord(b)
	word, _ := firstWord(rest)
	return strings.EqualFold(string(word), name)
}

func firstWord(b []byte) (word, rest []byte) {
	word, rest, _ = bytes.Cut(bytes.TrimLeft(b, " \t"), []byte(" "))
	return word, rest
}

// Redact hides the secrets of a line that a client sends (line.Options.Redact):
// what follows the first argument of LOGIN and AUTHENTICATE, and all that
// follows when the tag was forgotten.
func Redact(text []byte) []byte {
	word, rest := firstWord(text)
	if !hasSecret(word) {
		if word, rest = firstWord(rest); !hasSecret(word) {
			return text
		}
		_, rest = firstWord(rest)
	}
	if len(rest) == 0 {
		return text
	}
	return append(slices.Clip(text[:len(text)-len(rest)]), "‹secret›"...)
}

// secretive reports whether the literals of a command are to be hidden.
func secretive(b []byte) bool {
	word, rest := firstWord(b)
	next, _ := firstWord(rest)
	return hasSecret(word) || hasSecret(next)
}

func hasSecret(command []byte) bool {
	return bytes.EqualFold(command, []byte("LOGIN")) || bytes.EqualFold(command, []byte("AUTHENTICATE"))
}
