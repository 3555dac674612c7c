package smtpserver

import (
	"crypto/tls"
	"errors"
	"strings"

	"tem/internal/address"
	"tem/internal/journey"
	"tem/internal/message/dsn"
	"tem/internal/trust"
	"tem/internal/wire/smtp"
)

// origin is what the journey is told of the session that a message comes by.
func (x *session) origin() journey.Event {
	return journey.Event{Session: x.c.Session(), Remote: x.remote.String(), Hello: x.hello, Login: x.principal, TLS: tlsText(x.c.TLS())}
}

// said is the dialogue of a message, to the end that these replies will make.
func (x *session) said(replies []dsn.Status) string {
	lines := make([]string, len(replies))
	for i, s := range replies {
		lines[i] = string(smtp.StatusReply(s).AppendLine(nil, 0))
	}
	return x.dialogue.Since(lines...)
}

// describe notes what the journey is told of the text that has come, and of
// what was found out about it (nil: nothing).
func (x *session) describe(v *trust.Verdict) {
	e := &x.mail.envelope
	e.Origin, e.Dialogue = x.origin(), x.said
	e.Origin.MessageID = x.mail.text.messageID
	if v != nil {
		e.Origin.Verdict, e.Origin.Reason = strings.Join(v.Lines(), "\n"), strings.Join(v.Reasons, "; ")
	}
}

// unfinished tells the log and the journey of a text that had begun and will come no further,
// if there is one: its recipients may ask where it is.
func (x *session) unfinished(why dsn.Status) {
	if !x.finishing() {
		return
	}
	x.describe(nil)
	x.mail.envelope.Origin.Reason = journey.ReasonUnfinished
	in := x.mail.text
	x.o.Delivery.Refused(&x.mail.envelope, in.spool.ID().String(), in.size, why)
}

// tlsText names protocol and cipher; "" in clear.
func tlsText(s *tls.ConnectionState) string {
	if s == nil {
		return ""
	}
	return tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
}

// deny refuses a sender or a recipient with an error that is a reply, and has
// the journey told. What is wrong with the words of a command is not for it.
func (x *session) deny(err error, from address.Address, to ...address.Address) {
	x.refuse(err)
	x.denied(err, from, to...)
}

// maxDenials is of how many refusals, between two messages that were taken, the
// journey is told: those of a client that goes on asking would drive out all else.
const maxDenials = 100

// denied tells the journey of a refusal.
func (x *session) denied(err error, from address.Address, to ...address.Address) {
	var r *smtp.Reply
	if x.o.Record == nil || !errors.As(err, &r) {
		return
	}
	if x.denials++; x.denials > maxDenials {
		return
	}
	e := x.origin()
	e.Dialogue = x.dialogue.Since()
	e.Kind, e.Time, e.From, e.Status = journey.Refused, x.o.Now(), from.String(), r.Status("")
	for _, a := range to {
		e.To = append(e.To, a.String())
	}
	if x.mail != nil {
		e.Size = x.mail.size
	}
	x.o.Record(e)
}
