package journey

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"tem/internal/message/dsn"
)

// How a row of events begins: with its version, which says whether it is compressed.
const (
	plainRow  = 1
	zippedRow = 2
)

// Bounds of what is kept of an event.
const (
	maxRow        = 256 << 10 // octets of a row, not compressed
	fullRow       = 64 << 10  // where the next one begins
	zipFrom       = 400       // octets that are worth compressing
	maxText       = 1 << 10   // octets of most texts
	maxVerdict    = 8 << 10
	maxRecipients = 500
	maxRecipient  = 320 // octets: RFC 5321 §4.5.3.1 allows 64 + 1 + 255
)

// fields are those that are texts, in the order of the row
// (docs/format.md). The order is part of the format: new ones go to the end.
func (e *Event) fields() [18]*string {
	return [...]*string{
		(*string)(&e.Kind), &e.Job, &e.Session, &e.Remote, &e.Hello, &e.Login, &e.TLS, &e.From, &e.MessageID, &e.Mailbox,
		&e.Status.Text, &e.Status.Remote, &e.Reason, &e.Policy, &e.Verdict, &e.Dialogue, &e.Link, &e.ID,
	}
}

// bound cuts what is too long.
func (e *Event) bound() {
	for _, f := range e.fields() {
		most := maxText
		switch f {
		case &e.Verdict, &e.Dialogue:
			most = maxVerdict
		}
		*f = dsn.Clip(*f, most)
	}
	if len(e.To) > maxRecipients {
		e.To = e.To[:maxRecipients:maxRecipients]
	}
}

// appendEvent appends an event that stands behind before in its row (zero: it is the
// first). Of the texts only those that differ are written.
func appendEvent(b []byte, e, before *Event) []byte {
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	mine, theirs := e.fields(), before.fields()
	var differ uint64
	for i := range mine {
		if *mine[i] != *theirs[i] {
			differ |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, differ)
	for i := range mine {
		if differ&(1<<i) != 0 {
			b = appendText(b, *mine[i])
		}
	}
	b = appendRecipients(b, e.To, before.To)
	for _, n := range [...]int64{e.Took.Microseconds(), e.Size, milli(e.Next)} {
		b = binary.AppendVarint(b, n)
	}
	for _, n := range [...]uint64{uint64(e.Status.Reply), uint64(e.Status.Code[0]), uint64(e.Status.Code[1]), uint64(e.Status.Code[2])} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// appendRecipients writes 0 for those of the event before, or their number plus one and each.
func appendRecipients(b []byte, to, before []string) []byte {
	if slices.Equal(to, before) {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(to))+1)
	for _, a := range to {
		b = appendText(b, dsn.Clip(a, maxRecipient))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// decodeRow reads the events of a row.
func (j *Journal) decodeRow(val []byte) (events []Event, err error) {
	if len(val) == 0 {
		return nil, fmt.Errorf("journey: row: %w", errDamaged)
	}
	body := val[1:]
	switch val[0] {
	case plainRow:
	case zippedRow:
		if body, err = j.zap.DecodeAll(body, nil); err != nil {
			return nil, fmt.Errorf("journey: row: %w: %v", errDamaged, err)
		}
	default:
		return nil, fmt.Errorf("journey: row of version %d, this program knows %d", val[0], zippedRow)
	}
	r, before := reader{b: body}, Event{}
	for len(r.b) > 0 && r.err == nil {
		e := r.event(&before)
		events = append(events, e)
		before = e
	}
	if r.err != nil {
		return nil, r.err
	}
	return events, nil
}

// reader takes values off a row; after an error it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.damaged()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) signed() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.damaged()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.damaged()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) damaged() {
	r.b, r.err = nil, fmt.Errorf("journey: row: %w", errDamaged)
}

func (r *reader) event(before *Event) (e Event) {
	e = *before
	e.Time = time.UnixMicro(r.signed())
	differ := r.number()
	for i, f := range e.fields() {
		if differ&(1<<i) != 0 {
			*f = r.text()
		}
	}
	if n := r.number(); n > 0 {
		e.To = nil
		for range min(n-1, uint64(len(r.b))) {
			e.To = append(e.To, r.text())
		}
	}
	e.Took = time.Duration(r.signed()) * time.Microsecond
	e.Size = r.signed()
	e.Next = time.Time{}
	if ms := r.signed(); ms != 0 {
		e.Next = time.UnixMilli(ms)
	}
	e.Status.Reply = int(r.number())
	for i := range e.Status.Code {
		e.Status.Code[i] = uint16(r.number())
	}
	return e
}
