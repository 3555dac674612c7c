package delivery

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/message/dsn"
)

// notWanted is for a sender whom the recipient has blocked.
var notWanted = dsn.Status{Reply: 550, Code: dsn.Code{5, 7, 1}, Text: "The recipient does not take mail from this sender"}

// maxReason is how much of a reason goes into a reply, whose line has at most 512 octets (RFC 5321 §4.5.3.1.5).
const maxReason = 400

// notForwarded is for what was found to be junk, and whose recipient is elsewhere.
func (e *Envelope) notForwarded() dsn.Status {
	s := dsn.Status{Reply: 550, Code: dsn.Code{5, 7, 1}, Text: "Junk is not forwarded, and this looks like it"}
	if e.Unsure {
		s.Reply, s.Code = 451, dsn.Code{4, 4, 3}
	}
	if why := e.Origin.Reason; why != "" {
		s.Text += ": " + dsn.Clip(why, maxReason)
	}
	return s
}

// withheld reports that somebody elsewhere gets nothing since the message is
// Junk. While that is not sure it waits with its sender, for all: else what
// proves good tomorrow would be lost to them, and nobody told.
func (p *plan) withheld(e *Envelope) bool {
	why := e.notForwarded()
	return slices.ContainsFunc(p.refused, func(r refusal) bool { return r.Status == why })
}

// junkUse is the special use of the mailbox for what is not wanted (RFC 6154
// §2); junkName is its name where there is none yet.
const (
	junkUse  = `\Junk`
	junkName = "Junk"
)

// maxAuthors bounds how many addresses of a From field are looked at.
const maxAuthors = 20

// blocked says whether an account does not want to hear from the sender: the
// return path, or one of the authors.
func (r *route) blocked(s *directory.Settings) bool {
	if len(s.Blocked.Senders) == 0 {
		return false
	}
	if r.from == nil {
		r.from = authors(r.header)
	}
	return s.Blocked.Has(r.e.ReturnPath) || slices.ContainsFunc(r.from, s.Blocked.Has)
}

// authors are the addresses of From; never nil.
func authors(h message.Header) []address.Address { return addresses(h.Values("From"), maxAuthors) }

// addresses reads those of fields that can be read, at most so many; never nil.
func addresses(values []string, most int) []address.Address {
	list := []address.Address{}
	for _, m := range message.Addresses(strings.Join(values, ", ")) {
		if a, err := address.Parse(m.Address); err == nil && len(list) < most {
			list = append(list, a)
		}
	}
	return list
}

// junk is the name of an account's mailbox for junk, which is made if there is none.
func (d *Delivery) junk(ctx context.Context, account *mail.Account) (string, error) {
	boxes, err := account.Mailboxes(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range boxes {
		if strings.EqualFold(m.SpecialUse, junkUse) {
			return m.Name, nil
		}
	}
	if slices.ContainsFunc(boxes, func(m mail.Mailbox) bool { return m.Name == junkName }) {
		return junkName, nil
	}
	_, err = account.Create(ctx, junkName, junkUse)
	var problem *mail.Error
	if errors.As(err, &problem) && problem.Kind == mail.Exists {
		return junkName, nil // another letter was quicker
	}
	return junkName, err
}
