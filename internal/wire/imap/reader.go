package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"tem/internal/line"
)

// Reader reads commands from a connection. It belongs to the session's goroutine.
type Reader struct {
	Mode             // of the commands from now on
	MaxLiteral int64 // of one literal that is not part of a message
	MaxSkip    int64 // how much that was refused is read to stay in step
	c          *line.Conn
	buf        []byte
	tag        string    // of the command; "*" while it has none
	msgs       *messages // of the last command that are still to be read; nil: none
}

// NewReader reads from c.
func NewReader(c *line.Conn) *Reader {
	return &Reader{c: c, MaxLiteral: MaxCommand, MaxSkip: 1 << 20}
}

// Next reads one command. A *SyntaxError is the client's mistake; any other
// error is the connection's. After an *Append or *Replace its messages have
// still to be read: NextMessage, NextPart and Open give them; what is left of
// them Next passes over.
func (r *Reader) Next() (*Command, error) {
	if err := r.Skip(); err != nil {
		return nil, err
	}
	r.buf, r.tag = r.buf[:0], "*"
	defer r.c.Secret(false)
	for {
		m, more, err := r.line()
		if err != nil {
			return nil, err
		}
		r.tag = tagOf(r.buf)
		if bringsMessages(r.buf) {
			if c, rest, err := parse(r.buf, r.Mode); err == nil {
				_, one := c.Args.(*Replace)
				r.msgs = &messages{one: one, pos: len(r.buf) - len(rest), mark: m, more: more}
				return c, nil
			}
		}
		if !more {
			return Parse(r.buf, r.Mode)
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

// line reads a line into the buffer, and the marker of the literal that it
// ends with, if there is more to come.
func (r *Reader) line() (m mark, more bool, err error) {
	text, err := r.c.ReadLine()
	if errors.Is(err, line.ErrTooLong) {
		return m, false, r.refuse("line too long", true) // its end, now lost, may have announced octets that are no commands
	}
	if err != nil && !errors.Is(err, line.ErrBareNewline) {
		return m, false, err
	}
	if r.buf = append(r.buf, text...); len(r.buf) > MaxCommand {
		return m, false, r.refuse("command too long", true)
	}
	m, more = lastMarker(text)
	return m, more, nil
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
// it (RFC 7888 §4), else by passing over it with the rest of the command.
func (r *Reader) tooBig(m mark) error {
	r.msgs = nil
	if err := r.drain(m, true); err != nil {
		return err
	}
	refusal := r.refuse(fmt.Sprintf("literal of %d octets is too large", m.size), false)
	refusal.Code = "TOOBIG"
	return refusal
}

func (r *Reader) refuse(text string, fatal bool) *SyntaxError {
	return &SyntaxError{Tag: r.tag, Text: text, Fatal: fatal}
}

// tagOf is the tag of a command's text, or "*".
func tagOf(b []byte) string {
	tag, _, ok := bytes.Cut(b, []byte(" "))
	if !ok || len(tag) == 0 || len(tag) > 256 {
		return "*"
	}
	return string(tag)
}

// bringsMessages reports whether a command's text is one of those that bring
// messages, however it is spaced.
func bringsMessages(b []byte) bool {
	_, rest := firstWord(b)
	word, rest := firstWord(rest)
	if bytes.EqualFold(word, []byte("UID")) {
		word, _ = firstWord(rest)
	}
	return bytes.EqualFold(word, []byte("APPEND")) || bytes.EqualFold(word, []byte("REPLACE"))
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

// Release lets go of the memory that the last command took.
func (r *Reader) Release() { r.buf = nil }
