package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Select answers SELECT and EXAMINE (RFC 9051 §6.3.2, RFC 3501 §6.3.1).
func (t *turn) Select(ctx context.Context, c *imap.Select) error {
	if c.QResync != nil && !t.enabled.qresync { // RFC 7162 §3.2.5
		return bad("ENABLE QRESYNC comes first")
	}
	if t.view != nil { // also when this fails
		t.deselect()
		t.say("* OK [CLOSED] the mailbox before is closed")
	}
	at, err := t.place(ctx, c.Mailbox, mail.RightRead)
	if err != nil {
		return err
	}
	v := &view{place: at, examined: c.ReadOnly, shared: true}
	v.hold(at.rights)
	if v.box, v.items, err = v.account.List(ctx, v.box.ID); err != nil {
		return err
	}
	v.whole = v.box.HighestModSeq
	t.view, t.state = v, imap.Selected
	t.listen()
	t.enabled.condstore = t.enabled.condstore || c.CondStore
	if err := t.sayOpened(ctx, c); err != nil {
		t.deselect()
		return err
	}
	return ok(v.access(), t.cmd.Row.Name+" done")
}

// sayOpened describes the mailbox that was opened, and what a client that knew
// it has missed.
func (t *turn) sayOpened(ctx context.Context, c *imap.Select) error {
	v := t.view
	t.claimRecent()
	t.sayFlags()
	t.sayExists()
	if err := t.sayFirst(ctx, c.Mailbox); err != nil {
		return err
	}
	t.say("* OK [UIDVALIDITY %d] UIDs valid", v.box.UIDValidity)
	t.say("* OK [UIDNEXT %d] predicted next UID", v.box.UIDNext)
	t.say("* OK [%s] lasting id", v.mailboxID())
	t.sayHighestModSeq() // RFC 7162 §3.1.2.1: to every client
	return t.resync(ctx, c.QResync)
}

// sayFirst is where the revisions differ: the first unseen message in the one
// (RFC 3501 §6.3.1), the mailbox's name in the other (RFC 9051 §6.3.2).
func (t *turn) sayFirst(ctx context.Context, asked string) error {
	v := t.view
	if !t.enabled.rev2 {
		if t.enabled.uidOnly {
			return nil
		}
		if i := slices.IndexFunc(v.items, func(i mail.Item) bool { return i.Flags&mail.Seen == 0 }); i >= 0 {
			return t.say("* OK [UNSEEN %d] first unseen", i+1)
		}
		return nil
	}
	all, err := t.folders(ctx, false)
	if err != nil || all[v.name()] == nil {
		return err
	}
	text := t.appendFolder(nil, &imap.List{}, v.name(), all[v.name()])
	if asked != v.name() {
		text = append(text, t.oldName(asked)...)
	}
	return t.line(text)
}

func (s *session) deselect() {
	if s.view != nil {
		s.view, s.state = nil, imap.Authenticated
		s.listen()
	}
}
