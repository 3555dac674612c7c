package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"tem/internal/line"
)

// messages is where a Reader stands among the messages of an APPEND or
// REPLACE. The text between their octets is in the Reader's buffer.
type messages struct {
	one     bool // REPLACE: there may be one message only
	pos     int  // in the buffer: what is before it was understood
	mark    mark // of the literal that the buffer ends with
	more    bool // there is one
	items   int  // messages and parts so far
	within  bool // a message has begun and not ended
	parts   int  // of that message
	list    bool // its parts are in parentheses
	utf8    bool // the last part's parenthesis is open
	waiting bool // the last part's octets were not opened
	open    *octets
}

// octets are those of a literal. A connection that ends before them is
// io.ErrUnexpectedEOF.
type octets struct {
	c    *line.Conn
	left int64
}

func (o *octets) Read(p []byte) (int, error) {
	if o.left == 0 {
		return 0, io.EOF
	}
	n, err := o.c.Read(p[:min(int64(len(p)), o.left)])
	if o.left -= int64(n); err == io.EOF && o.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

var errUnread = errors.New("imap: the parts of a message were not read")

// NextMessage reads what an APPEND or REPLACE says of its next message, after
// all parts of the one before; nil: the command has ended. After an error, or
// when the server refuses, Skip brings the dialogue in step.
func (r *Reader) NextMessage() (*Message, error) {
	s := r.msgs
	if s == nil {
		return nil, nil
	}
	if s.within {
		if p, err := r.NextPart(); err != nil {
			return nil, err
		} else if p != nil {
			return nil, errUnread
		}
	}
	if s.pos == len(r.buf) && s.items > 0 {
		r.msgs = nil
		return nil, nil
	}
	if s.one && s.items > 0 { // RFC 8508 §4.7
		return nil, r.refuse("REPLACE takes one message", false)
	}
	d := r.rest()
	m := d.message()
	s.within, s.parts, s.list = true, 0, m.Catenate
	s.items++
	return m, r.understood(d)
}

// NextPart reads which part of the message is next; nil: it has no more. The
// octets of the one before, if any, must have been opened: what was not read
// of them is passed over.
func (r *Reader) NextPart() (*Part, error) {
	s := r.msgs
	if s == nil || !s.within {
		return nil, nil
	}
	if err := r.resume(); err != nil {
		return nil, err
	}
	d := r.rest()
	p := s.part(d)
	return p, r.understood(d)
}

// Open gives the octets of a part, asking for them if the client waits.
func (r *Reader) Open(p *Part) (io.Reader, error) {
	r.msgs.waiting, r.msgs.open = false, &octets{r.c, p.Size}
	if !p.NonSync {
		if err := r.c.WriteLine("+ go ahead"); err != nil {
			return nil, err
		}
	}
	return r.msgs.open, nil
}

// Skip passes over what was not read of the messages of the last command, if
// there is any. The error is fatal where that is too much.
func (r *Reader) Skip() error {
	s := r.msgs
	if s == nil {
		return nil
	}
	r.msgs = nil
	if s.open == nil {
		return r.drain(s.mark, s.more)
	}
	return r.drain(mark{size: s.open.left, plus: true}, true)
}

// drain passes over a literal that was announced and all that follows it,
// unless the client holds it back until it is asked for (RFC 7888 §4).
func (r *Reader) drain(m mark, more bool) error {
	for left := r.MaxSkip; more && m.plus; {
		if left -= m.size; left < 0 {
			e := r.refuse(fmt.Sprintf("more than %d octets to pass over", r.MaxSkip), true)
			e.Code = "TOOBIG"
			return e
		}
		if _, err := io.CopyN(io.Discard, r.c, m.size); err != nil {
			return err
		}
		r.buf = r.buf[:0]
		var err error
		if m, more, err = r.line(); err != nil {
			return err
		}
	}
	return nil
}

// rest is a decoder of the text that was not understood yet.
func (r *Reader) rest() *decoder { return &decoder{Mode: r.Mode, b: r.buf, pos: r.msgs.pos} }

// understood takes what d has read off the text.
func (r *Reader) understood(d *decoder) error {
	s := r.msgs
	if s.items > MaxItems {
		d.fail("more than %d messages and parts in one command", MaxItems)
	}
	if d.err != nil {
		return d.syntax(r.tag)
	}
	s.pos = d.pos
	return nil
}

// resume reads on behind the octets of a part, and takes the URLs that are
// literals into the text.
func (r *Reader) resume() error {
	s := r.msgs
	if s.waiting {
		return errUnread
	}
	var err error
	if s.open != nil {
		if _, err := io.Copy(io.Discard, s.open); err != nil {
			return err
		}
		s.open, s.pos, r.buf = nil, 0, r.buf[:0]
		if s.mark, s.more, err = r.line(); err != nil {
			return err
		}
	}
	for s.list && s.more && r.endsWithURL() {
		if err := r.literal(s.mark); err != nil {
			return err
		}
		if s.mark, s.more, err = r.line(); err != nil {
			return err
		}
	}
	return nil
}

// endsWithURL reports whether the literal that the text announces is a URL.
func (r *Reader) endsWithURL() bool {
	text := r.buf[r.msgs.pos : len(r.buf)-r.msgs.mark.len]
	return len(text) >= 4 && bytes.EqualFold(text[len(text)-4:], []byte("URL "))
}

// part reads the next part; nil: the message has ended.
func (s *messages) part(d *decoder) (p *Part) {
	if s.utf8 {
		d.want(')')
		s.utf8 = false
	}
	switch {
	case !s.list && s.parts > 0, s.list && s.parts > 0 && d.take(')'):
		s.within = false
		return nil
	case !s.list && d.keyword("UTF8"):
		p = d.utf8Part()
	case !s.list:
		p = d.octetsPart()
	default:
		if s.parts > 0 {
			d.sp()
		}
		p = d.namedPart()
	}
	s.parts++
	s.items++
	s.utf8, s.waiting = p.UTF8, p.URL == ""
	return p
}
