package smtpserver

import (
	"crypto/tls"
	"errors"

	"tem/internal/address"
	"tem/internal/journey"
	"tem/internal/wire/smtp"
)

// origin is what the journey is told of the session that a message comes by.
func (x *session) origin() journey.Event {
	return journey.Event{
		Session: x.c.Session(), Remote: x.remote.String(), Hello: x.hello, Login: x.principal, TLS: tlsText(x.c.TLS()),
		Dialogue: x.dialogue.Since(),
	}
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
	e.Kind, e.Time, e.From, e.Status = journey.Refused, x.o.Now(), from.String(), r.Status("")
	for _, a := range to {
		e.To = append(e.To, a.String())
	}
	if t := x.mail; t != nil {
		e.Size = t.size
		if t.text != nil {
			e.MessageID = t.text.messageID
		}
	}
	x.o.Record(e)
}
