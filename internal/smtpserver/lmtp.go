package smtpserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/smtp"
)

// greets reports that a verb is the greeting of this port's protocol, or none:
// LMTP has LHLO only, SMTP has no LHLO (RFC 2033 §4.1).
func (m Mode) greets(verb string) bool {
	switch verb {
	case "LHLO":
		return m == LMTP
	case "HELO", "EHLO":
		return m != LMTP
	}
	return true
}

// conclude answers a text that has come to its end: once, or in LMTP once for
// each recipient (RFC 2033 §4.2). It counts as one refusal.
func (x *session) conclude(r *smtp.Reply) {
	x.send(r)
	if x.o.Mode == LMTP {
		for range len(x.mail.envelope.Recipients) - 1 {
			x.say(r)
		}
	}
}

// deliverEach hands a message to delivery for recipients who are answered for
// one by one: nothing is left for the queue to report (RFC 2033 §4.2).
func (x *session) deliverEach(ctx context.Context, body *mail.Body) {
	for _, status := range x.o.Delivery.AcceptEach(ctx, &x.mail.envelope, body) {
		x.say(smtp.StatusReply(status))
	}
}
