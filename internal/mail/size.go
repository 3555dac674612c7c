package mail

import (
	"context"
	"io"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/message"
)

// Shape is what is known of a message's octets without reading them: bits.
type Shape uint8

// The bits of a Shape.
const (
	ShapeKnown   Shape = 2 << iota // else it is from before there were shapes, and nothing is known
	ShapeUnended                   // the last octets are not CRLF
	ShapeUTF8                      // a header, its own or of a part, has octets above 127 (RFC 6532)
	ShapeFields                    // it has a row of header fields
)

// shapeOf looks at a body whose index is x.
func shapeOf(r blob.Reader, x *message.Index) (Shape, error) {
	shape := ShapeKnown
	if x.UTF8Header {
		shape |= ShapeUTF8
	}
	var last [2]byte
	n := min(r.Size(), 2)
	if _, err := r.ReadAt(last[:n], r.Size()-n); err != nil && err != io.EOF {
		return 0, err
	}
	if n > 0 && string(last[:]) != "\r\n" {
		shape |= ShapeUnended
	}
	return shape, nil
}

// Sized is the least of a message that a list of sizes needs.
type Sized struct {
	UID   UID
	Shape Shape
	Size  int64
}

// Sizes calls fn for every message of a mailbox from the UID first on, in UID
// order, of one snapshot, and returns the mailbox, which fn is given too.
func (a *Account) Sizes(ctx context.Context, id MailboxID, first UID, fn func(box *Mailbox, s Sized)) (box Mailbox, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		if box, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		_, hi := messageRange(keyMeta, id)
		return r.Scan(a.id, messageKey(keyMeta, id, first), hi, kv.ScanOptions{}, func(key, row []byte) error {
			l, err := decodeSized(uidOf(key), row)
			if err == nil {
				fn(&box, l)
			}
			return err
		})
	})
	return box, err
}

// decodeSized reads the beginning of a row that Meta.append wrote.
func decodeSized(uid UID, row []byte) (Sized, error) {
	d := &decoder{b: row}
	d.take(8 + 8 + 16) // email, thread, body
	l := Sized{UID: uid, Size: int64(d.uint())}
	for range 4 { // the internal date and the Date field
		d.int()
	}
	l.Shape = Shape(d.byte() &^ 1)
	return l, d.err
}

// Text reads a message: a body that lies beside its rows is appended to buf
// and large is nil, else the caller reads and closes large. It costs one
// snapshot and, where buf has room, no memory.
func (a *Account) Text(ctx context.Context, id MailboxID, uid UID, buf []byte) (text []byte, large Reader, err error) {
	var body blob.ID
	found := false
	err = a.read(ctx, func(r kv.Reader) error {
		row, ok, err := r.Get(a.id, messageKey(keyMeta, id, uid))
		switch {
		case err != nil:
			return err
		case !ok:
			return fail(NotFound, "no such message")
		}
		d := &decoder{b: row}
		d.take(8 + 8) // email, thread
		if copy(body[:], d.take(16)); d.err != nil {
			return d.err
		}
		val, ok, err := r.Get(bodyPart(body), bodyKey(body))
		text, found = append(buf, val...), ok
		return err
	})
	if err != nil || found {
		return text, nil, err
	}
	large, err = a.s.OpenBody(ctx, body)
	return buf, large, err
}
