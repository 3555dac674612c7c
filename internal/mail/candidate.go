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

	m         Meta // valid if r is not nil
	reader    blob.Reader
	text      message.SearchText
	header    message.Header
	hasHeader bool
	heads     soughtText // all headers
	body      soughtText
	field     fold.Text
	buf, room []byte // memory of headers, and of the whole message if it is small
}

// newCandidate tries the conditions of a plan that look for some texts.
func (a *Account) newCandidate(ctx context.Context, box *Mailbox, p *soughtTexts) *candidate {
	return &candidate{
		ctx: ctx, s: a.s, account: a.id, box: box, text: message.SearchText{Room: message.NewTextRoom()},
		heads: soughtText{search: fold.NewSearch(p.heads)}, body: soughtText{search: fold.NewSearch(p.body)},
	}
}

func (c *candidate) close() {
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader, c.hasHeader, c.heads.read, c.body.read = nil, false, false, false
}

// open opens the message.
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
	if c.reader, err = c.s.openIn(c.ctx, c.r, c.m.Body, &c.room); err != nil {
		return err
	}
	c.text.R, c.text.Root = c.reader, root
	return nil
}

// readHeader reads the header of the message, which is open.
func (c *candidate) readHeader() (err error) {
	if !c.hasHeader {
		c.header, err = c.text.Header()
		c.hasHeader = err == nil
	}
	return err
}

// openIn is OpenBody within a snapshot. A body that lies beside the rows is
// copied into room, for which many are read with one iterator.
func (s *Store) openIn(ctx context.Context, r kv.Reader, id blob.ID, room *[]byte) (blob.Reader, error) {
	found := false
	err := r.GetMulti(bodyPart(id), [][]byte{bodyKey(id)}, func(_ int, val []byte) error {
		*room, found = append((*room)[:0], val...), true
		return nil
	})
	if err != nil {
		return nil, err
	}
	if found {
		return valueReader(*room), nil
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

// matches tries a condition; asked is the day that it names, if it names one.
func (m *Meta) matches(q Query, asked int) bool {
	switch q := q.(type) {
	case Larger:
		return m.Size > int64(q)
	case Smaller:
		return m.Size < int64(q)
	case Before:
		return day(m.Received) < asked
	case On:
		return day(m.Received) == asked
	case Since:
		return day(m.Received) >= asked
	case SentBefore:
		return day(m.sent()) < asked
	case SentOn:
		return day(m.sent()) == asked
	case SentSince:
		return day(m.sent()) >= asked
	case ReceivedBefore:
		return m.Received.Unix() <= q.T.Unix()
	case ReceivedSince:
		return m.Received.Unix() >= q.T.Unix()
	case Attached:
		return m.Attached == bool(q)
	}
	return false
}

// askedDay is the day that a condition of metaPlan names, 0 if it names none.
func askedDay(q Query) int {
	switch q := q.(type) {
	case Before:
		return day(q.T)
	case On:
		return day(q.T)
	case Since:
		return day(q.T)
	case SentBefore:
		return day(q.T)
	case SentOn:
		return day(q.T)
	case SentSince:
		return day(q.T)
	}
	return 0
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
