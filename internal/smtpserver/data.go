package smtpserver

import (
	"context"
	"errors"
	"syscall"

	"tem/internal/delivery"
	"tem/internal/line"
	"tem/internal/message"
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
	ctx = context.WithoutCancel(ctx) // see finishing
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
	x.c.Finishing(true)
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

// accept judges the text and hands it to delivery.
func (x *session) accept(ctx context.Context, in *intake) {
	verdict, refusal := x.judge(ctx)
	x.describe(verdict)
	if refusal != nil {
		x.turnAway(refusal)
		return
	}
	body, err := in.store(verdict)
	if err != nil {
		x.turnAway(x.notStored(err))
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
	case errors.Is(err, errStore):
		r = x.notStored(err)
	default:
		x.unreadable(err)
		return
	}
	x.describe(nil)
	x.turnAway(r)
}

// notStored logs a failure of ours, and is what the client is told of it.
func (x *session) notStored(err error) *smtp.Reply {
	id := x.mail.text.spool.ID().String()
	x.log.Error("smtp message not stored", "id", id, "err", err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return noRoom()
	}
	return smtp.NewReply(451, "4.3.0", "Message could not be stored, try again later; id "+id)
}

// errStore marks a failure of ours, after which the text is read to its end.
var errStore = errors.New("store")
