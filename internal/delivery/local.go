package delivery

import (
	"context"
	"errors"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/message/dsn"
	"tem/internal/queue"
)

// Deliver is the queue's Transport for recipients here: of messages that their
// senders held back, and those whose mailboxes had no room when a letter to
// several came. A crash between its commit and the queue's makes a second copy.
func (d *Delivery) Deliver(ctx context.Context, j *queue.Job, to []queue.Recipient) []dsn.Status {
	if !j.Release.IsZero() {
		return d.deliverHeld(ctx, j, to)
	}
	list := make([]dsn.Status, len(to))
	for i, r := range to {
		list[i] = d.place(ctx, j, r)
	}
	return list
}

// place puts a job's message into the mailbox of one recipient.
func (d *Delivery) place(ctx context.Context, j *queue.Job, r queue.Recipient) dsn.Status {
	a, err := address.Parse(r.Address)
	if err != nil {
		return unknown
	}
	found, status, err := d.resolve(ctx, new(Envelope), a)
	switch {
	case err != nil:
		return d.trouble(err)
	case !status.OK():
		return status
	case len(found.Accounts) == 0: // it was an account
		return unknown
	}
	account := d.o.Mail.Account(found.Accounts[0].ID)
	quotas, err := account.Quotas(ctx)
	if err != nil {
		return d.trouble(err)
	}
	if status := room(quotas, j.Skip+j.Size); !status.OK() {
		return status
	}
	body, err := d.copyOf(ctx, j, account.NewSpool(ctx))
	if err != nil {
		return d.trouble(err)
	}
	target := mail.Target{Account: found.Accounts[0].ID}
	if target.Mailbox, err = d.laterIn(ctx, account, target.Account, r); err != nil {
		return d.trouble(err)
	}
	_, err = d.o.Mail.Deliver(ctx, body, []mail.Target{target}, nil)
	var problem *mail.Error
	switch {
	case errors.As(err, &problem) && problem.Kind == mail.OverQuota:
		return full
	case err != nil:
		return d.trouble(err)
	}
	return arrived
}

// laterIn is the mailbox for a recipient who had no room before: what the
// address that the sender gave says of it.
func (d *Delivery) laterIn(ctx context.Context, account *mail.Account, id mail.AccountID, r queue.Recipient) (string, error) {
	given, err := address.Parse(r.Original)
	if err != nil {
		return "", nil // it is the account's own, which has no tag
	}
	found, err := d.o.Directory.Resolve(ctx, given)
	if errors.Is(err, directory.ErrNotFound) || err == nil && found.Tags[id] == "" {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return filedIn(ctx, account, found.Tags[id])
}
