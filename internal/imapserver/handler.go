package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The commands that take a line or two; the others have files of their own.

func (t *turn) Noop(context.Context, *imap.Noop) error   { return nil }
func (t *turn) Check(context.Context, *imap.Check) error { return nil }

func (t *turn) Logout(context.Context, *imap.Logout) error {
	t.ended, t.view = true, nil
	return t.say("* BYE see you")
}

func (t *turn) ID(context.Context, *imap.ID) error { return t.say(`* ID ("name" "Tem")`) }

func (t *turn) Create(ctx context.Context, c *imap.Create) error {
	made, err := t.account.Create(ctx, c.Mailbox, c.SpecialUse)
	if err != nil {
		return err
	}
	at := place{t.account, t.person.ID, made, mail.AllRights}
	return ok(at.mailboxID(), "CREATE done")
}

func (t *turn) Delete(ctx context.Context, c *imap.Delete) error {
	err := t.account.Delete(ctx, c.Mailbox)
	if !isKind(err, mail.NotFound) {
		return err
	}
	if all, e := t.folders(ctx, false); e == nil && all[c.Mailbox] != nil { // RFC 9051 §6.3.5
		return no("HASCHILDREN", "%s is only the name above other mailboxes", c.Mailbox)
	}
	return err
}

func (t *turn) Rename(ctx context.Context, c *imap.Rename) error {
	return t.account.Rename(ctx, c.From, c.To)
}

func (t *turn) Subscribe(ctx context.Context, c *imap.Subscribe) error {
	return t.account.Subscribe(ctx, c.Mailbox, c.On)
}

func (t *turn) Namespace(context.Context, *imap.Namespace) error {
	return t.say(`* NAMESPACE (("" "/")) NIL NIL`) // RFC 2342 §5
}

func (t *turn) Unselect(context.Context, *imap.Unselect) error {
	t.deselect()
	return nil
}
