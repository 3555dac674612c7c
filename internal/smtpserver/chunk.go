package smtpserver

import (
	"bytes"
	"context"
	"strconv"

	"tem/internal/line"
	"tem/internal/wire/smtp"
)

// bdat is BDAT (RFC 3030 §2). The octets that it announces are read whatever
// becomes of them: what is left of them would be taken for commands.
func (x *session) bdat(ctx context.Context, c *smtp.Command) {
	chunk, err := smtp.ParseChunk(c.Arg)
	if chunk.Size < 0 || chunk.Size > x.patience() {
		if err == nil {
			err = x.tooLarge()
		}
		x.refuse(err)
		x.ended = true // nobody can tell where the next command is, or wait for it
		return
	}
	if err == nil {
		err = x.mayChunk()
	}
	if err != nil {
		x.skip(chunk.Size, err)
		return
	}
	t := x.mail
	if t.text == nil {
		x.open(context.WithoutCancel(ctx)) // see finishing
	}
	if x.feed(chunk.Size) {
		x.chunked(ctx, chunk)
	}
}

// patience is how many octets of a text or a chunk are read to be thrown away.
func (x *session) patience() int64 { return 2 * x.o.MaxSize }

// mayChunk says why there can be no chunk as things stand.
func (x *session) mayChunk() error {
	switch {
	case x.hello == "":
		return smtp.NewReply(503, "5.5.1", "Say HELO or EHLO first")
	case x.mail == nil:
		return smtp.NewReply(503, "5.5.1", "Say MAIL first")
	case x.mail.spoilt:
		return spoilt()
	case len(x.mail.envelope.Recipients) == 0:
		return smtp.NewReply(503, "5.5.1", "No valid recipients")
	}
	return nil
}

// spoilt is what every command of a transaction says after a chunk of it
// failed, and before RSET (RFC 3030 §2).
func spoilt() *smtp.Reply {
	return smtp.NewReply(503, "5.5.1", "A chunk of this message was refused; say RSET")
}

// skip reads the chunk of a BDAT that is refused, and says why.
func (x *session) skip(n int64, why error) {
	for n > 0 {
		some, err := x.c.Octets(n)
		if err != nil {
			x.unreadable(err)
			return
		}
		n -= int64(len(some))
	}
	x.refuse(why)
}

// feed brings a chunk of n octets into the text; false when the connection did
// not come to its end.
func (x *session) feed(n int64) bool {
	for n > 0 {
		some, err := x.c.Octets(n)
		if err != nil {
			x.unreadable(err)
			return false
		}
		n -= int64(len(some))
		x.mail.take(some)
		if x.mail.text.slow() {
			x.unreadable(errSlow)
			return false
		}
	}
	return true
}

// take brings a piece of a chunk into the text.
func (t *transaction) take(p []byte) {
	if !t.envelope.Binary && !t.lines.whole(p) {
		t.text.fail(line.ErrBareNewline)
	}
	t.text.feed(p)
}

// chunked answers a chunk that has been read. One that failed spoils what is
// left of the transaction; the last one ends it, well or badly.
func (x *session) chunked(ctx context.Context, chunk smtp.Chunk) {
	t := x.mail
	switch {
	case chunk.Last:
		if !t.envelope.Binary && t.lines.cr {
			t.text.fail(line.ErrBareNewline)
		}
		x.finish(context.WithoutCancel(ctx), t.text.end())
		x.drop()
	case t.text.failed != nil:
		t.spoil()
		x.refused(t.text.failed)
	default:
		x.reply(250, "2.0.0", strconv.FormatInt(chunk.Size, 10)+" octets received")
	}
}

// spoil gives up what has come of the text.
func (t *transaction) spoil() {
	t.spoilt = true
	t.text.abort()
}

// lines finds a CR or LF that is not part of a CRLF in a text that comes in
// pieces. DATA's reader looks for them, too, but a chunk is not read by lines.
// What is stored may be sent by DATA one day, where others take such an end of
// a line for one, and ". " behind it for the end of the text.
type lines struct{ cr bool }

// whole reports that p, behind what came before, has no bare CR or LF so far.
func (l *lines) whole(p []byte) bool {
	for len(p) > 0 {
		if l.cr {
			if p[0] != '\n' {
				return false
			}
			l.cr, p = false, p[1:]
			continue
		}
		lf := bytes.IndexByte(p, '\n')
		cr := bytes.IndexByte(p[:end(lf, p)], '\r')
		switch {
		case cr >= 0:
			l.cr, p = true, p[cr+1:]
		case lf >= 0:
			return false
		default:
			return true
		}
	}
	return true
}

// end is where an index that may be -1 ends the text.
func end(i int, p []byte) int {
	if i < 0 {
		return len(p)
	}
	return i
}
