package smtpserver

import (
	"context"
	"errors"
	"strconv"

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
	t := &transaction{envelope: delivery.Envelope{ReturnPath: c.Path, Submitted: x.principal != ""}}
	if err := x.mailParams(c, t); err != nil {
		x.refuse(err)
		return
	}
	if err := x.mayUse(ctx, c.Path); err != nil {
		x.refuse(err)
		return
	}
	if !x.o.Room(t.size) {
		x.send(noRoom())
		return
	}
	x.mail = t
	x.reply(250, "2.1.0", "<"+c.Path.String()+"> sender OK")
}

// noRoom is about the disk, not about a mailbox (RFC 5321 §4.2.3).
func noRoom() *smtp.Reply {
	return smtp.NewReply(452, "4.3.1", "Insufficient system storage, try again later")
}

func (x *session) mailParams(c *smtp.Command, t *transaction) error {
	for _, p := range c.Params {
		switch {
		case !x.extended: // RFC 5321 §4.1.1.1: HELO offers no extensions
			return smtp.NewReply(555, "5.5.4", p.Name+": parameters need EHLO")
		case p.Name == "SIZE":
			if err := x.declared(p.Value, t); err != nil {
				return err
			}
		case p.Name == "BODY":
			if err := body(p.Value, t); err != nil {
				return err
			}
		case p.Name == "SMTPUTF8" && p.Value == "":
			t.envelope.UTF8 = true
		case p.Name == "AUTH" && x.o.Auth != nil && p.Value != "": // RFC 4954 §5: noted by nobody here
		default:
			return smtp.NewReply(555, "5.5.4", p.Name+": parameter not recognised")
		}
	}
	return needUTF8(c.Path, t)
}

// declared is SIZE (RFC 1870 §6).
func (x *session) declared(value string, t *transaction) error {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) || len(value) > 20 {
		return smtp.NewReply(501, "5.5.4", "SIZE="+value+": not a number of octets")
	}
	if err != nil || int64(n) > x.o.MaxSize {
		return x.tooLarge()
	}
	t.size = int64(n)
	return nil
}

func (x *session) tooLarge() *smtp.Reply {
	return smtp.NewReply(552, "5.3.4", "Message larger than "+strconv.FormatInt(x.o.MaxSize, 10)+" octets")
}

// body is BODY (RFC 6152 §2).
func body(value string, t *transaction) error {
	switch value {
	case "7BIT":
	case "8BITMIME":
		t.envelope.EightBit = true
	default:
		return smtp.NewReply(504, "5.5.4", "BODY="+value+": not implemented")
	}
	return nil
}

// needUTF8 is RFC 6531 §3.5: such an address must be announced.
func needUTF8(a address.Address, t *transaction) error {
	if a.ASCII() || t.envelope.UTF8 {
		return nil
	}
	return smtp.NewReply(553, "5.6.7", "<"+a.String()+">: say SMTPUTF8 at MAIL to use this address")
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
	case len(c.Params) > 0:
		x.reply(555, "5.5.4", c.Params[0].Name+": parameter not recognised")
		return
	case len(x.mail.envelope.Recipients) >= x.o.MaxRecipients:
		x.reply(452, "4.5.3", "Too many recipients") // RFC 5321 §4.5.3.1.10
		return
	}
	rcpt, err := x.recipient(ctx, c.Path)
	if err == nil {
		err = needUTF8(rcpt, x.mail)
	}
	if err != nil {
		x.refuse(err)
		return
	}
	status := x.o.Delivery.Check(ctx, &x.mail.envelope, rcpt, x.mail.size)
	if status.OK() {
		x.mail.envelope.Recipients = append(x.mail.envelope.Recipients, rcpt)
	}
	x.send(smtp.StatusReply(status))
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
