package mail

import (
	"context"
	"io"
	"time"

	"tem/internal/blob"
	"tem/internal/fold"
	"tem/internal/kv"
	"tem/internal/message"
)

// candidate is one message that is tried; what a condition needs of it is read
// once. Its memory serves one message after the other.
type candidate struct {
	ctx     context.Context
	s       *Store
	r       kv.Reader // nil: nothing can be read
	account kv.Part
	box     *Mailbox
	item    Item
	doc     uint32

	m            Meta // valid if r is not nil
	reader       blob.Reader
	text         message.SearchText
	header       message.Header
	body, heads  fold.Text // the text of the body and of all headers
	field        fold.Text
	buf          [3][]byte // memory of these
	hasBody, has bool      // body and heads are of this message
}

func (c *candidate) close() {
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader, c.hasBody, c.has = nil, false, false
}

// open opens the message and reads its header.
func (c *candidate) open() error {
	if c.r == nil {
		return errNeedsMessage
	}
	if c.reader != nil {
		return nil
	}
	root, err := message.DecodePart(c.m.Parts)
	if err != nil {
		return err
	}
	if c.reader, err = c.s.openIn(c.ctx, c.r, c.m.Body); err != nil {
		return err
	}
	c.text = message.SearchText{R: c.reader, Root: root}
	c.header, err = c.text.Header()
	return err
}

// openIn is OpenBody within a snapshot, without a copy: what it gives is valid
// as long as that.
func (s *Store) openIn(ctx context.Context, r kv.Reader, id blob.ID) (blob.Reader, error) {
	val, ok, err := r.Get(bodyPart(id), bodyKey(id))
	if err != nil {
		return nil, err
	}
	if ok {
		return valueReader(val), nil
	}
	return s.OpenBody(ctx, id)
}

// valueReader reads a value.
type valueReader []byte

func (v valueReader) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 || at > int64(len(v)) {
		return 0, io.EOF
	}
	n := copy(p, v[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (v valueReader) Size() int64 { return int64(len(v)) }
func (valueReader) Close() error  { return nil }

func (m *Meta) matches(q Query) bool {
	switch q := q.(type) {
	case Larger:
		return m.Size > int64(q)
	case Smaller:
		return m.Size < int64(q)
	case Before:
		return day(m.Received) < day(q.T)
	case On:
		return day(m.Received) == day(q.T)
	case Since:
		return day(m.Received) >= day(q.T)
	case SentBefore:
		return day(m.sent()) < day(q.T)
	case SentOn:
		return day(m.sent()) == day(q.T)
	case SentSince:
		return day(m.sent()) >= day(q.T)
	case ReceivedBefore:
		return m.Received.Unix() <= q.T.Unix()
	case ReceivedSince:
		return m.Received.Unix() >= q.T.Unix()
	case Attached:
		return m.Attached == bool(q)
	}
	return false
}

// sent is the Date field, or the internal date where that is of no use.
func (m *Meta) sent() time.Time {
	if m.Sent.IsZero() {
		return m.Received
	}
	return m.Sent
}

// day is the date as written, time and zone left out (RFC 9051 §6.4.4).
func day(t time.Time) int {
	y, m, d := t.Date()
	return (y*12+int(m))*31 + d
}
