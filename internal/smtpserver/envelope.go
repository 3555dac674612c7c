package smtpserver

import (
	"context"
	"errors"

	"tem/internal/address"
	"tem/internal/delivery"
	"tem/internal/directory"
	"tem/internal/wire/smtp"
)

// from is MAIL (RFC 5321 §4.1.1.2).
func (x *session) from(ctx context.Context, c *smtp.Command) {
	switch {
	case x.mail != nil:
		x.reply(503, "5.5.1", "A transaction is open already")
		return
	case x.o.Mode == Submission && x.principal == "":
		x.reply(530, "5.7.0", "Authentication required") // RFC 6409 §4.3
		return
	}
	t := &transaction{envelope: delivery.Envelope{ReturnPath: c.Path, Submitted: x.principal != "", Submitter: x.principal}}
	if err := x.mailParams(c, t); err != nil {
		x.refuse(err)
		return
	}
	if err := x.mayUse(ctx, c.Path); err != nil {
		x.deny(err, c.Path)
		return
	}
	if r := x.o.Throttle.message(x); r != nil {
		x.deny(r, c.Path)
		return
	}
	if !x.o.Room(t.size) {
		x.deny(noRoom(), c.Path)
		return
	}
	x.mail = t
	x.examine(ctx)
	if t.lowered { // RFC 6710 §4.1, §9.1
		x.reply(250, "2.3.6", "<"+c.Path.String()+"> sender OK, but the priority becomes 0")
		return
	}
	x.reply(250, "2.1.0", "<"+c.Path.String()+"> sender OK")
}

// noRoom is about the disk, not about a mailbox (RFC 5321 §4.2.3).
func noRoom() *smtp.Reply {
	return smtp.NewReply(452, "4.3.1", "Insufficient system storage, try again later")
}

// needUTF8 is RFC 6531 §3.5: such an address must be announced. The code is 550 for a
// sender, 553 for a recipient.
func needUTF8(a address.Address, t *transaction, code int) error {
	if a.ASCII() || t.envelope.UTF8 {
		return nil
	}
	return smtp.NewReply(code, "5.6.7", "<"+a.String()+">: say SMTPUTF8 at MAIL to use this address")
}

// mayUse holds who has logged in to their own addresses (RFC 6409 §6.1).
func (x *session) mayUse(ctx context.Context, from address.Address) error {
	if x.principal == "" || from.IsNull() || from.Key() == x.user.Key() {
		return nil
	}
	owns, err := x.owns(ctx, from)
	if err != nil || owns {
		return err
	}
	return smtp.NewReply(553, "5.7.1", "<"+from.String()+">: sender address is not yours")
}

// owns reports that an alias leads to the user; belonging to a group gives no
// right to its address.
func (x *session) owns(ctx context.Context, a address.Address) (bool, error) {
	lists, err := x.o.Directory.Lists(ctx)
	if err != nil {
		return false, err
	}
	for _, l := range lists {
		if l.Group && l.Address.Key() == a.Key() {
			return false, nil
		}
	}
	r, err := x.o.Directory.Resolve(ctx, a)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	for _, acc := range r.Accounts {
		if acc.Address.Key() == x.user.Key() {
			return true, nil
		}
	}
	return false, err
}

// to is RCPT (RFC 5321 §4.1.1.3).
func (x *session) to(ctx context.Context, c *smtp.Command) {
	switch {
	case x.mail == nil:
		x.reply(503, "5.5.1", "Say MAIL first")
		return
	case x.mail.spoilt:
		x.send(spoilt())
		return
	case x.mail.text != nil:
		x.reply(503, "5.5.1", "BDAT has begun the message")
		return
	case len(x.mail.envelope.Recipients) >= x.o.MaxRecipients:
		x.reply(452, "4.5.3", "Too many recipients") // RFC 5321 §4.5.3.1.10
		return
	}
	rcpt, want, err := x.wanted(ctx, c)
	if err != nil {
		x.refuse(err)
		return
	}
	if r := x.o.Throttle.recipient(x); r != nil {
		x.deny(r, x.mail.envelope.ReturnPath, rcpt)
		return
	}
	status := x.o.Delivery.Check(ctx, &x.mail.envelope, rcpt, x.mail.size)
	if !status.OK() {
		x.deny(smtp.StatusReply(status), x.mail.envelope.ReturnPath, rcpt)
		return
	}
	x.mail.add(rcpt, want.wish)
	x.idle = 0
	x.send(smtp.StatusReply(status))
}

// wanted is the recipient of a RCPT and what is asked about it, so far as that
// can be told without asking for the mailbox.
func (x *session) wanted(ctx context.Context, c *smtp.Command) (rcpt address.Address, w wanted, err error) {
	if w, err = x.rcptParams(c); err != nil {
		return rcpt, w, err
	}
	if rcpt, err = x.recipient(ctx, c.Path); err != nil {
		return rcpt, w, err
	}
	if err = needUTF8(rcpt, x.mail, 553); err == nil && w.rrvs != "" {
		err = x.sameOwner(ctx, rcpt, w.rrvs)
	}
	return rcpt, w, err
}

// recipient gives a bare postmaster a domain of ours.
func (x *session) recipient(ctx context.Context, a address.Address) (address.Address, error) {
	if a.Domain != "" {
		return a, nil
	}
	domains, err := x.o.Directory.Domains(ctx)
	if err != nil || len(domains) == 0 {
		return address.Address{Local: a.Local, Domain: x.o.Hostname}, err
	}
	a.Domain = domains[0]
	for _, d := range domains {
		if d == x.o.Hostname {
			a.Domain = d
		}
	}
	return a, nil
}
