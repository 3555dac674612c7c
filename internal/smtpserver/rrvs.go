package smtpserver

import (
	"context"
	"errors"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/wire/smtp"
)

// sameOwner is RRVS (RFC 7293): the sender knew the mailbox's owner at a time;
// an account that was made later is somebody else's. Of a group the members
// are not the sender's business, and an account elsewhere can't be asked.
func (x *session) sameOwner(ctx context.Context, rcpt address.Address, value string) error {
	since, mayGoOn, err := smtp.ParseSince(value)
	if err != nil {
		return err
	}
	found, err := x.o.Directory.Resolve(ctx, rcpt)
	if errors.Is(err, directory.ErrNotFound) {
		return nil // who that is, is told elsewhere
	}
	if err != nil {
		return err
	}
	if len(found.Accounts) == 1 && found.Accounts[0].Created.After(since) {
		return smtp.NewReply(550, "5.7.17", "<"+rcpt.String()+">: the mailbox has had another owner since") // RFC 7293 §14.1
	}
	if len(found.Accounts) == 0 && !mayGoOn {
		return smtp.NewReply(550, "5.7.19", "<"+rcpt.String()+">: when the mailbox was made can't be found out here")
	}
	return nil
}
