package delivery

import (
	"context"
	"io"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/trust/dkim"
)

// Letter is one that the server writes itself.
type Letter struct {
	Path     address.Address // return path; null: nothing comes back
	From     string          // domain in From, which signs it
	To       []address.Address
	Build    func(w io.Writer) error // writes header and text, with CRLF
	EightBit bool                    // there are octets above 127 in the text
}

// Send accepts a letter of our own, with rows to be written in the same commit
// if also is not nil, and returns the id of the message. Nothing was written
// unless the status is OK and there is no error.
func (d *Delivery) Send(ctx context.Context, l *Letter, also func(*kv.Batch)) (id string, status dsn.Status, err error) {
	body, skip, err := d.write(ctx, l)
	if err != nil {
		return "", dsn.Status{}, err
	}
	e := &Envelope{ReturnPath: l.Path, Recipients: l.To, Submitted: true, EightBit: l.EightBit, Skip: skip}
	for _, a := range l.To {
		e.UTF8 = e.UTF8 || !a.ASCII()
	}
	_, status, err = d.accept(ctx, e, body, also)
	return body.ID.String(), status, err
}

// write makes the body of a letter: its text, with the return path before it,
// which is for local delivery only (skip octets), and signatures.
func (d *Delivery) write(ctx context.Context, l *Letter) (body *mail.Body, skip int64, err error) {
	spool := d.o.Mail.NewSpool(ctx)
	signing := d.sign(ctx, l.From)
	to := io.Writer(spool)
	if signing != nil {
		to = io.MultiWriter(spool, signing)
	}
	if err := l.Build(to); err != nil {
		spool.Abort()
		return nil, 0, err
	}
	head := []byte(ReturnPath(l.Path))
	skip = int64(len(head))
	if signing != nil {
		fields, err := signing.Fields()
		if err != nil {
			d.unsigned(l.From, err)
		}
		head = append(head, fields...)
	}
	spool.Head(head)
	body, err = spool.Finish()
	return body, skip, err
}

// ReturnPath is the field of final delivery (RFC 5321 §4.4).
func ReturnPath(a address.Address) string { return "Return-Path: <" + a.String() + ">\r\n" }

// sign begins the signatures of a letter; nil: there are no keys for the domain in From.
func (d *Delivery) sign(ctx context.Context, domain string) *dkim.Signing {
	s, err := d.o.Keys.Sign(ctx, domain, d.o.Now)
	d.unsigned(domain, err)
	return s
}

// unsigned logs why a letter goes on without signatures: better than not at all.
func (d *Delivery) unsigned(domain string, err error) {
	if err != nil {
		d.o.Log.Error("delivery: letter not signed", "domain", domain, "err", err)
	}
}
