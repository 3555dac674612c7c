package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Replace answers REPLACE and UID REPLACE (RFC 8508): the one message comes and
// the other goes in one commit.
func (t *turn) Replace(ctx context.Context, c *imap.Replace) error {
	uid, err := t.replaceable(c)
	if err != nil {
		return err
	}
	in, err := t.intake(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	if err := in.frees(ctx, uid); err != nil {
		return err
	}
	letter, _, err := in.next(ctx)
	if err != nil {
		return err
	}
	if _, err := in.r.NextMessage(); err != nil { // §4.7: there is no other
		return err
	}
	placed, err := t.view.account.Replace(ctx, t.view.box.ID, uid, letter)
	if err != nil {
		return t.notReplaced(ctx, c.Mailbox, err)
	}
	if code := in.appendUID([][]mail.Placed{{placed}}); code != "" {
		t.say("* OK [%s] the new message is there", code) // §4.3: before the EXPUNGE
	}
	if t.enabled.qresync { // §4.5, RFC 7162 §3.2.9
		return t.upTo(ctx)
	}
	return nil
}

// replaceable finds the message that is to go.
func (t *turn) replaceable(c *imap.Replace) (mail.UID, error) {
	if err := t.may(mail.RightDeleteMessage | mail.RightExpunge); err != nil { // §4.1
		return 0, err
	}
	picked, err := t.view.pick(imap.Set{Ranges: []imap.Range{{From: c.Number, To: c.Number}}}, c.UID)
	if err != nil {
		return 0, err
	}
	if len(picked) == 0 {
		return 0, errNotThere
	}
	uid := t.view.items[picked[0]].UID
	if t.view.isGone(uid) {
		return 0, errGone
	}
	return uid, nil
}

var errNotThere = &reply{"NO", "NONEXISTENT", "there is no message with this UID"}

// frees counts what goes against the quota for what comes, as far as it is in the same account.
// Whether it really frees anything is found when it goes.
func (in *intake) frees(ctx context.Context, uid mail.UID) error {
	if in.view.owner != in.to.owner {
		return nil
	}
	return in.view.account.Fetch(ctx, in.view.box.ID, []mail.UID{uid}, func(m *mail.Meta) error {
		in.freed = mail.Quota{Bytes: m.Size, Messages: 1}
		return nil
	})
}

// notReplaced tells a message that went meanwhile from a mailbox that did.
func (t *turn) notReplaced(ctx context.Context, mailbox string, err error) error {
	if !isKind(err, mail.NotFound) {
		return err
	}
	if _, err := t.place(ctx, mailbox, mail.RightInsert); err != nil {
		return tryCreate(err)
	}
	return errGone
}
