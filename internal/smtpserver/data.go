package smtpserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"tem/internal/delivery"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
	"tem/internal/wire/smtp"
)

// data is DATA (RFC 5321 §4.1.1.4).
func (x *session) data(ctx context.Context, _ *smtp.Command) {
	switch {
	case x.mail == nil:
		x.reply(503, "5.5.1", "Say MAIL first")
		return
	case x.mail.spoilt:
		x.send(spoilt())
		return
	case x.mail.text != nil: // RFC 3030 §2
		x.mail.spoil()
		x.reply(503, "5.5.1", "BDAT has begun the message; say RSET")
		return
	case x.mail.envelope.Binary: // RFC 3030 §3
		x.reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT")
		return
	case len(x.mail.envelope.Recipients) == 0:
		x.reply(503, "5.5.1", "No valid recipients") // RFC 5321 §3.3
		return
	}
	x.reply(354, "", "Start mail input; end with <CRLF>.<CRLF>")
	// What has begun is ended even while the server shuts down: a client that
	// gets no answer would send the message again.
	ctx = context.WithoutCancel(ctx)
	x.finish(ctx, x.open(ctx).receive(x.c.DotReader(true)))
	x.drop()
}

// open begins the text of a message.
func (x *session) open(ctx context.Context) *intake {
	in := &intake{x: x, ctx: ctx, begins: x.o.Now(), spool: x.o.Delivery.Spool(ctx, &x.mail.envelope), exam: x.mail.exam}
	in.spool.Expect(x.mail.size)
	if x.principal != "" && !x.mail.envelope.Binary {
		in.width = new(message.LineMeter)
	}
	x.mail.text = in
	x.seal(ctx)
	return in
}

// finish accepts the text, which has come whole, or says why it was not taken.
func (x *session) finish(ctx context.Context, err error) {
	if err != nil {
		x.refused(err)
		return
	}
	x.accept(ctx, x.mail.text)
}

func (x *session) accept(ctx context.Context, in *intake) {
	verdict, refusal := x.judge(ctx)
	x.describe(verdict)
	if refusal != nil {
		x.turnAway(refusal)
		return
	}
	body, err := in.store(verdict)
	if err != nil {
		id := in.spool.ID().String()
		x.log.Error("smtp message not stored", "id", id, "err", err)
		x.turnAway(smtp.NewReply(451, "4.3.0", "Message could not be stored, try again later; id "+id))
		return
	}
	e := &x.mail.envelope
	e.Skip = int64(len(delivery.ReturnPath(e.ReturnPath)))
	e.EightBit = e.EightBit || in.eightBit
	if x.o.Mode == LMTP {
		x.deliverEach(ctx, body)
		return
	}
	status := x.o.Delivery.Accept(ctx, e, body)
	if status.OK() {
		x.errors, x.denials = 0, 0
	}
	x.send(smtp.StatusReply(status))
}

// turnAway refuses the text, which has come to its end or will come no further.
func (x *session) turnAway(r *smtp.Reply) {
	in := x.mail.text
	in.abort()
	if x.mail.spoilt { // a chunk that was not the last is answered once, by LMTP too
		x.send(r)
	} else {
		x.conclude(r)
	}
	x.o.Delivery.Refused(&x.mail.envelope, in.spool.ID().String(), in.size, r.Status(""))
}

// refused answers a text, or a chunk, that was not taken, or ends the session
// when the text did not come to its end.
func (x *session) refused(err error) {
	var r *smtp.Reply
	switch {
	case errors.As(err, &r):
	case errors.Is(err, line.ErrAmbiguousEnd):
		r = smtp.NewReply(550, "5.6.11", "Message ends in CR CRLF . CRLF; closing, since what follows can't be told from text")
		x.ended = true
	case errors.Is(err, errEndless):
		r = x.tooLarge()
		x.ended = true
	case errors.Is(err, line.ErrBareNewline):
		r = smtp.NewReply(550, "5.6.11", "Message holds a CR or LF that is not part of CRLF")
	case errors.Is(err, line.ErrInterrupted), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errSlow):
		x.unreadable(err)
		return
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		x.log.Error("smtp message not stored", "err", err)
		r = noRoom()
	case errors.Is(err, errStore):
		x.log.Error("smtp message not stored", "err", err)
		r = smtp.NewReply(451, "4.3.0", "Message could not be stored, try again later")
	default:
		x.ended = true
		return
	}
	x.describe(nil)
	x.turnAway(r)
}

// errStore marks a failure of ours, after which the text is read to its end.
var errStore = errors.New("store")

const (
	maxHeader   = 1 << 20
	maxReceived = 100 // RFC 5321 §6.3
)

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
	h := scan(text[:end])
	in.messageID = h.messageID
	if h.received > maxReceived {
		return smtp.NewReply(554, "5.4.6", "Routing loop detected: too many Received fields")
	}
	var lacks []byte
	if in.x.principal != "" {
		lacks = in.x.missing(&h, in.spool.ID().String())
		in.messageID = h.messageID
	}
	if h.none { // a text without any header: it must not be taken for one
		lacks = append(lacks, "\r\n"...)
	}
	in.show(text)
	header := text[:end:end]
	if h.ending {
		header = in.x.strip(header)
	}
	header = trust.StripForged(header, in.x.o.Hostname)
	if len(lacks) > 0 {
		header = append(lacks, header...)
	}
	in.signing = in.x.sign(in.ctx, header)
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

// fold writes the text anew, with lines that every server takes. Others would
// break them, and with them our signature. What has come before is left to the
// store's sweep, if it is large.
func (in *intake) fold() error {
	body, err := in.spool.Finish()
	if err != nil {
		return err
	}
	text, err := body.Open(in.ctx)
	if err != nil {
		return err
	}
	defer text.Close()
	index, err := message.Parse(io.NewSectionReader(text, 0, text.Size()))
	if err != nil {
		return err
	}
	in.spool = in.x.o.Delivery.Spool(in.ctx, &in.x.mail.envelope)
	in.signing = in.x.sign(in.ctx, index.Header)
	return message.WriteFolded(writer(in.write), text, index.Root)
}

// writer is a function as an io.Writer.
type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

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
