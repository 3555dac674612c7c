package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/message/dsn"
)

// The refusals of a recipient. Their codes stand in for those of the source
// document's table (§7): its 422 is 452 with 4.2.2, as RFC 5321 has it.
var (
	accepted  = dsn.Status{Reply: 250, Code: dsn.Code{2, 1, 5}, Text: "Recipient ok"}
	forwarded = dsn.Status{Reply: 251, Code: dsn.Code{2, 1, 5}, Text: "User not local; will forward"} // RFC 5321 §3.4
	unknown   = dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "No such user here"}
	elsewhere = dsn.Status{Reply: 551, Code: dsn.Code{5, 7, 1}, Text: "User not local; relaying denied: submit with authentication"}
	disabled  = dsn.Status{Reply: 450, Code: dsn.Code{4, 2, 1}, Text: "Mailbox is blocked for now"}
	// full is temporary: its owner can make room before the sender gives up.
	full = dsn.Status{Reply: 452, Code: dsn.Code{4, 2, 2}, Text: "Mailbox is full"}
	// tooLarge is final: the message would not fit into the empty mailbox.
	tooLarge = dsn.Status{Reply: 552, Code: dsn.Code{5, 2, 2}, Text: "Message is larger than the whole mailbox may be"}
	looping  = dsn.Status{Reply: 554, Code: dsn.Code{5, 4, 6}, Text: "Too many hops: the message goes round in a loop"}
	internal = dsn.Status{Reply: 451, Code: dsn.Code{4, 3, 0}, Text: "Internal error; try again later"}
)

// Check says whether a message from sender of the given size (0: not known
// yet) could be accepted for one recipient now: 250 or 251, else the refusal:
// 550 5.1.1 unknown user, 551 5.7.1 user elsewhere and no relaying, 450 4.2.1
// account disabled, 452 4.2.2 mailbox full, 552 5.2.2 larger than the mailbox may be.
// It notes in e an account that the message goes to, and whether it goes on elsewhere.
// A group can be written to while one of its members can.
func (d *Delivery) Check(ctx context.Context, e *Envelope, rcpt address.Address, size int64) dsn.Status {
	found, status, err := d.resolve(ctx, e, rcpt)
	if err != nil {
		return d.trouble(err)
	}
	e.Onward = e.Onward || status.OK() && goesOn(found)
	if !status.OK() || len(found.Remote) > 0 {
		return status
	}
	for _, a := range found.Accounts {
		s := found.Settings[a.ID]
		if s != nil && s.Blocked.Refuse && s.Blocked.Has(e.ReturnPath) {
			status = notWanted
			continue
		}
		if forwardsAway(s) {
			return accepted
		}
		quotas, err := d.o.Mail.Account(a.ID).Quotas(ctx)
		if err != nil {
			return d.trouble(fmt.Errorf("quota of %s: %w", a.Address, err))
		}
		if status = room(quotas, size); status.OK() {
			e.Near = cmp.Or(e.Near, a.ID)
			return accepted
		}
	}
	return status
}

// goesOn reports that a message to whom was found leaves this server again.
func goesOn(found directory.Resolved) bool {
	for _, s := range found.Settings {
		if len(s.Forward.To) > 0 {
			return true
		}
	}
	return len(found.Remote) > 0
}

// resolve finds out who a recipient is, and refuses one that nobody can be
// found for. Of the accounts it leaves out those that are disabled.
func (d *Delivery) resolve(ctx context.Context, e *Envelope, rcpt address.Address) (directory.Resolved, dsn.Status, error) {
	if back, err := d.isReturn(ctx, rcpt); err != nil {
		return directory.Resolved{}, dsn.Status{}, fmt.Errorf("resolve %s: %w", rcpt, err)
	} else if back {
		return d.resolveReturn(ctx, e, rcpt)
	}
	found, err := d.o.Directory.Resolve(ctx, rcpt)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return found, unknown, nil
	case err != nil:
		return found, dsn.Status{}, fmt.Errorf("resolve %s: %w", rcpt, err)
	case !found.Local && !e.Submitted:
		return found, elsewhere, nil
	case !found.Local:
		return found, accepted, nil
	}
	found.Accounts = enabled(found.Accounts)
	switch {
	case len(found.Accounts) > 0:
		return found, accepted, nil
	case len(found.Remote) > 0:
		return found, forwarded, nil
	default:
		return found, disabled, nil
	}
}

func enabled(accounts []directory.Account) []directory.Account {
	var list []directory.Account
	for _, a := range accounts {
		if !a.Disabled {
			list = append(list, a)
		}
	}
	return list
}

// room says whether a mailbox with these quotas can take a message of a size
// (0: not known). What can never fit is said first.
func room(quotas []mail.Quota, size int64) dsn.Status {
	status := accepted
	for _, q := range quotas {
		switch {
		case q.BytesLimit > 0 && size > q.BytesLimit:
			return tooLarge
		case q.BytesLimit > 0 && q.Bytes+max(size, 1) > q.BytesLimit, q.MessagesLimit > 0 && q.Messages >= q.MessagesLimit:
			status = full
		}
	}
	return status
}

// trouble logs an error of ours and returns what the client is told instead.
func (d *Delivery) trouble(err error) dsn.Status {
	d.o.Log.Error("delivery: internal error", "err", err)
	return internal
}

// Looping is the refusal of a message that came through more than MaxHops servers.
func Looping() dsn.Status { return looping }
