package smtpserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"tem/internal/delivery"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
	"tem/internal/wire/smtp"
)

const maxHeader = 1 << 20

// intake brings a message's text into a spool. The header is kept back until it
// is whole, since what it lacks goes before it; our trace fields, which tell
// what was found of the whole message, are the spool's head.
type intake struct {
	x         *session
	ctx       context.Context
	begins    time.Time
	spool     *mail.Spool
	exam      *exam         // reads along, as the text came; nil: nobody does
	signing   *dkim.Signing // reads along, as the text will leave; nil: nothing is signed
	header    []byte
	begun     bool // the first line is whole
	inBody    bool
	size      int64
	eightBit  bool
	width     *message.LineMeter // of what our people send; nil: its lines may be as long as they like
	messageID string
	from      []string // of what our people send
	failed    error
}

// textRoom is how many octets of a text are read at a time.
const textRoom = 32 << 10

var textRooms = sync.Pool{New: func() any { return new([textRoom]byte) }}

// receive reads the text to its end, whatever happens, so that the dialogue
// stays in step.
func (in *intake) receive(r io.Reader) error {
	buf := textRooms.Get().(*[textRoom]byte)
	defer textRooms.Put(buf)
	for came := int64(0); ; {
		n, err := r.Read(buf[:])
		in.feed(buf[:n])
		came += int64(n)
		switch {
		case err == io.EOF:
			return in.end()
		case err == nil && in.slow():
			err = errSlow
		case err == nil && came > in.x.patience():
			err = errEndless
		}
		if err != nil {
			return err
		}
	}
}

// feed takes a piece of the text, unless one before it failed.
func (in *intake) feed(p []byte) {
	if in.failed == nil {
		in.fail(in.take(p))
	}
}

// fail remembers why the text is not taken, unless there was a reason before, or there is none.
func (in *intake) fail(err error) {
	if in.failed == nil && err != nil {
		in.failed = err
		in.abort()
	}
}

// end says what went wrong with the text, or that nothing did.
func (in *intake) end() error {
	if in.failed == nil && !in.inBody {
		in.fail(in.begin(in.header, len(in.header)))
	}
	return in.failed
}

// abort leaves nothing behind.
func (in *intake) abort() {
	in.spool.Abort()
	in.header = nil
}

func (in *intake) take(p []byte) error {
	in.size += int64(len(p))
	if in.size > in.x.o.MaxSize {
		return in.x.tooLarge()
	}
	if !in.eightBit {
		in.eightBit = hasEightBit(p)
	}
	if in.inBody {
		in.show(p)
		return in.body(p)
	}
	text, from := p, len(in.header)
	if from > 0 {
		in.header = append(in.header, p...)
		text = in.header
	}
	if end := headerEnd(text, from, &in.begun); end >= 0 {
		return in.begin(text, end)
	}
	if from == 0 {
		in.header = bytes.Clone(p)
	}
	if len(in.header) > maxHeader {
		return smtp.NewReply(552, "5.3.4", "Header larger than 1048576 octets")
	}
	return nil
}

// begin writes what the header, which ends at end, lacks, the header without what
// others pretend to have found out here, and what there is of the text.
func (in *intake) begin(text []byte, end int) error {
	in.inBody = true
	if in.x.mail.envelope.Binary && !new(lines).whole(text[:end]) { // a header has lines, whatever the body has
		return line.ErrBareNewline
	}
	came := text
	text, end = behindSeparator(text, end)
	h := scan(text[:end])
	in.messageID = h.messageID
	if h.received > delivery.MaxHops {
		return smtp.StatusReply(delivery.Looping())
	}
	var lacks []byte
	if in.x.principal != "" {
		lacks = in.x.missing(&h, in.spool.ID().String())
		in.messageID = h.messageID
	}
	if h.none { // a text without any header: it must not be taken for one
		lacks = append(lacks, "\r\n"...)
	}
	in.show(came)
	header := text[:end:end]
	if h.ending {
		header = in.x.strip(header)
	}
	header = trust.StripForged(header, in.x.o.Hostname)
	if len(lacks) > 0 {
		header = append(lacks, header...)
	}
	if in.x.principal != "" {
		in.from = message.Header(header).Values("From")
	}
	if h.signed {
		in.width = nil
	}
	in.signing = in.x.sign(in.ctx, in.from)
	in.header = nil
	return errors.Join(in.write(header), in.body(text[end:]))
}

// body writes what stands behind the header.
func (in *intake) body(p []byte) error {
	if in.width != nil {
		in.width.Write(p)
	}
	return in.write(p)
}

// store makes the message, with what was found out about it.
func (in *intake) store(v *trust.Verdict) (*mail.Body, error) {
	if in.width != nil && in.width.Over {
		if err := in.fold(); err != nil {
			return nil, err
		}
	}
	in.spool.Head(in.head(v))
	return in.spool.Finish()
}

// show has the examination read along.
func (in *intake) show(p []byte) {
	if in.exam != nil {
		in.exam.Write(p)
	}
}

// usualHead is enough for the head of most messages.
const usualHead = 1 << 10

// head is what is put before the message: what only local delivery has
// (delivery.Envelope.Skip), and the fields that tell of its way here.
func (in *intake) head(v *trust.Verdict) []byte {
	x := in.x
	b := append(make([]byte, 0, usualHead), delivery.ReturnPath(x.mail.envelope.ReturnPath)...)
	b = append(append(b, x.stamp(v)...), x.sealed(in.ctx)...)
	b = x.received(b, in.spool.ID().String())
	if in.signing == nil {
		return b
	}
	fields, err := in.signing.Fields()
	if err != nil {
		x.unsigned("", err)
	}
	return append(b, fields...)
}

func (in *intake) write(p []byte) error {
	if in.signing != nil {
		in.signing.Write(p)
	}
	if _, err := in.spool.Write(p); err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}

func hasEightBit(p []byte) bool {
	for len(p) >= 8 {
		if binary.NativeEndian.Uint64(p)&0x8080808080808080 != 0 {
			return true
		}
		p = p[8:]
	}
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
