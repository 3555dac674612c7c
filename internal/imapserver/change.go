package imapserver

import (
	"context"
	"fmt"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Close expunges where that is allowed, and says nothing where it is not
// (RFC 4314 §4).
func (t *turn) Close(ctx context.Context, _ *imap.Close) error {
	if t.may(mail.RightExpunge) == nil {
		if _, err := t.view.account.Expunge(ctx, t.view.box.ID, nil); err != nil {
			return err
		}
	}
	t.deselect()
	return nil
}

// Expunge removes what is marked; sync tells which those were.
func (t *turn) Expunge(ctx context.Context, c *imap.Expunge) error {
	if err := t.may(mail.RightExpunge); err != nil {
		return err
	}
	var uids []mail.UID
	if c.UIDs != nil {
		picked, err := t.pick(*c.UIDs, true)
		if err != nil || len(picked) == 0 {
			return err
		}
		uids = t.view.uids(picked)
	}
	gone, err := t.view.account.Expunge(ctx, t.view.box.ID, uids)
	if err != nil || len(gone) == 0 || !t.enabled.qresync {
		return err
	}
	return t.upTo(ctx)
}

// upTo tells what happened and answers with the modseq up to which the client
// has been told all (RFC 7162 §3.2.7).
func (t *turn) upTo(ctx context.Context) error {
	if err := t.sync(ctx, true); err != nil || t.view == nil {
		return err
	}
	return ok(fmt.Sprintf("HIGHESTMODSEQ %d", t.view.whole), "")
}

// Copy does COPY and MOVE (RFC 9051 §6.4.7, §6.4.8).
func (t *turn) Copy(ctx context.Context, c *imap.Copy) error {
	picked, err := t.view.pick(c.Set, c.UID)
	if err != nil || len(picked) == 0 {
		return err
	}
	do := t.view.account.CopyTo
	if c.Move {
		if err := t.may(mail.RightDeleteMessage | mail.RightExpunge); err != nil { // RFC 6851 §4.1: it is COPY, STORE and EXPUNGE
			return err
		}
		do, picked = t.view.account.MoveTo, t.within(picked)
	} else if err := t.notTooMany(len(picked)); err != nil {
		return err
	}
	at, err := t.place(ctx, c.Mailbox, mail.RightInsert)
	if err != nil {
		return tryCreate(err)
	}
	copied, err := do(ctx, t.view.box.ID, t.view.uids(picked), at.destination())
	if err != nil || len(copied.From) == 0 {
		return tryCreate(err)
	}
	t.arrived(at.owner, copied.UIDValidity, copied.To)
	code := fmt.Appendf(nil, "COPYUID %d ", copied.UIDValidity)
	code = append(imap.AppendNumbers(code, copied.From), ' ')
	code = imap.AppendNumbers(code, copied.To)
	if !c.Move {
		return ok(string(code), "COPY done")
	}
	t.say("* OK [%s] moved", code) // RFC 6851 §4.3: before the EXPUNGEs
	if t.enabled.qresync {         // RFC 6851 §4.4
		return t.upTo(ctx)
	}
	return nil
}
