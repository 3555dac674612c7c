package smtpserver

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/wire/smtp"
)

// data is DATA (RFC 5321 §4.1.1.4).
func (x *session) data(ctx context.Context, _ *smtp.Command) {
	switch {
	case x.mail == nil:
		x.reply(503, "5.5.1", "Say MAIL first")
		return
	case len(x.mail.envelope.Recipients) == 0:
		x.reply(503, "5.5.1", "No valid recipients") // RFC 5321 §3.3
		return
	}
	x.reply(354, "", "Start mail input; end with <CRLF>.<CRLF>")
	// What has begun is ended even while the server shuts down: a client that
	// gets no answer would send the message again.
	ctx = context.WithoutCancel(ctx)
	spool := x.o.Delivery.Spool(ctx, &x.mail.envelope)
	in := &intake{x: x, spool: spool}
	err := in.receive(x.c.DotReader(true))
	if err == nil {
		x.accept(ctx, spool, in)
	} else {
		spool.Abort()
		x.dataRefused(err)
	}
	x.drop()
}

func (x *session) accept(ctx context.Context, spool *mail.Spool, in *intake) {
	id := spool.ID().String()
	body, err := spool.Finish()
	if err != nil {
		x.log.Error("smtp message not stored", "id", id, "err", err)
		x.reply(451, "4.3.0", "Message could not be stored, try again later; id "+id)
		return
	}
	e := &x.mail.envelope
	e.Skip = in.skip
	e.EightBit = e.EightBit || in.eightBit
	status := x.o.Delivery.Accept(ctx, e, body)
	if !status.OK() {
		x.send(smtp.StatusReply(status))
		return
	}
	x.errors = 0
	x.reply(250, "2.0.0", "OK queued as "+id)
}

// dataRefused answers a message that was not taken, or ends the session when
// the text did not come to its end.
func (x *session) dataRefused(err error) {
	var r *smtp.Reply
	switch {
	case errors.As(err, &r):
		x.send(r)
	case errors.Is(err, line.ErrAmbiguousEnd):
		x.reply(550, "5.6.11", "Message ends in CR CRLF . CRLF; closing, since what follows can't be told from text")
		x.ended = true
	case errors.Is(err, line.ErrBareNewline):
		x.reply(550, "5.6.11", "Message holds a CR or LF that is not part of CRLF")
	case errors.Is(err, line.ErrInterrupted), errors.Is(err, os.ErrDeadlineExceeded):
		x.unreadable(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		x.log.Error("smtp message not stored", "err", err)
		x.send(noRoom())
	case errors.Is(err, errStore):
		x.log.Error("smtp message not stored", "err", err)
		x.reply(451, "4.3.0", "Message could not be stored, try again later")
	default:
		x.ended = true
	}
}

// errStore marks a failure of ours, after which the text is read to its end.
var errStore = errors.New("store")

const (
	maxHeader   = 1 << 20
	maxReceived = 100 // RFC 5321 §6.3
)

// intake brings a message's text into a spool, behind our trace fields. The
// header is kept back until it is whole, since what it lacks goes before it.
type intake struct {
	x        *session
	spool    *mail.Spool
	header   []byte
	inBody   bool
	size     int64
	skip     int64
	eightBit bool
	failed   error
}

// receive reads the text to its end, whatever happens, so that the dialogue
// stays in step.
func (in *intake) receive(r io.Reader) error {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && in.failed == nil {
			in.failed = in.take(buf[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if in.failed == nil && !in.inBody {
		in.failed = in.begin(len(in.header))
	}
	return in.failed
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
		return in.write(p)
	}
	from := len(in.header)
	in.header = append(in.header, p...)
	if end := headerEnd(in.header, from); end >= 0 {
		return in.begin(end)
	}
	if len(in.header) > maxHeader {
		return smtp.NewReply(552, "5.3.4", "Header larger than 1048576 octets")
	}
	return nil
}

// begin writes the trace fields, what the header lacks, and what there is of the text.
func (in *intake) begin(end int) error {
	in.inBody = true
	h := scan(in.header[:end])
	if h.received > maxReceived {
		return smtp.NewReply(554, "5.4.6", "Routing loop detected: too many Received fields")
	}
	x := in.x
	first := returnPath(x.mail.envelope.ReturnPath)
	in.skip = int64(len(first))
	trace := append([]byte(first), x.received(in.spool.ID().String())...)
	if x.principal != "" {
		trace = append(trace, x.missing(h, in.spool.ID().String())...)
	}
	if h.none { // a text without any header: it must not be taken for one
		trace = append(trace, "\r\n"...)
	}
	if err := in.write(trace); err != nil {
		return err
	}
	err := in.write(in.header)
	in.header = nil
	return err
}

func (in *intake) write(p []byte) error {
	if _, err := in.spool.Write(p); err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}

func hasEightBit(p []byte) bool {
	for _, c := range p {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
