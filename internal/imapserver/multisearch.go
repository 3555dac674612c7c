package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// ESearch answers ESEARCH, which looks in any number of mailboxes and leaves the
// selected one alone (RFC 7377 §2).
func (t *turn) ESearch(ctx context.Context, c *imap.ESearch) error {
	in := c.In
	if in == nil {
		in = []imap.MailboxFilter{{Kind: imap.FilterSelected}}
	}
	selected := slices.ContainsFunc(in, func(f imap.MailboxFilter) bool { return f.Kind == imap.FilterSelected })
	s := search{verb: "ESEARCH", uid: true, want: c.Return, charset: c.Charset, key: &c.Key}
	if s.want == nil {
		s.want = &imap.Return{All: true} // RFC 7377 §2.1
	}
	switch {
	case (selected || s.want.Update) && t.view == nil: // RFC 7377 §2.2
		return bad("no mailbox is selected")
	case s.want.Update && t.view.updates(t.cmd.Tag):
		return bad("the tag is that of a search that is still updated")
	}
	places, err := t.filtered(ctx, in)
	if err == nil {
		err = t.lookIn(ctx, places, s)
	}
	if err != nil && s.want.Save && t.view != nil && !isBad(err) {
		t.view.saved = nil
	}
	return err
}

// lookIn answers for one mailbox after the other.
func (t *turn) lookIn(ctx context.Context, places []place, s search) error {
	kept := false
	s.many = len(places) > 1
	for n, at := range places {
		open := t.view != nil && t.view.is(at)
		v, err := t.viewOf(ctx, at, open, s.key)
		if err == nil {
			err = t.lookInOne(ctx, v, s)
		}
		if isKind(err, mail.NotFound) && !open { // it went meanwhile
			continue
		}
		if err != nil {
			return err
		}
		kept = kept || open
		if s.many {
			t.progressed(n+1, len(places))
		}
	}
	if s.want.Update && !kept {
		return t.noUpdate("only the selected mailbox is kept up to date")
	}
	return nil
}

// viewOf is the selected mailbox as the client knows it, or another as it is now.
func (t *turn) viewOf(ctx context.Context, at place, open bool, key *imap.Key) (*view, error) {
	if open {
		return t.view, nil
	}
	v := &view{place: at, readOnly: true, shared: true}
	var err error
	if v.box, v.items, err = at.account.List(ctx, at.box.ID); err != nil {
		return nil, err
	}
	if has(key, imap.Recent) && !t.enabled.rev2 {
		first := t.recents.claim(recentKey{uint64(at.owner), v.box.ID}, v.box.UIDNext, false)
		v.recent = []mail.UIDRange{{From: first, To: v.box.UIDNext}}
	}
	return v, nil
}

// lookInOne answers for a mailbox that has what is looked for (RFC 7377 §2.1).
func (t *turn) lookInOne(ctx context.Context, v *view, s search) error {
	f, r, err := t.found(ctx, v, s)
	if err != nil {
		return err
	}
	to := imap.Correlator{Tag: t.cmd.Tag, Mailbox: v.name(), UIDValidity: v.box.UIDValidity}
	if len(r.at) > 0 && !onlySaves(s.want) {
		t.sayESearch(to, true, s.want, r)
	}
	if v != t.view {
		return nil
	}
	if s.want.Save {
		v.save(s.want, r.at)
	}
	if s.want.Update {
		return t.keepUpdated(to, s, f, r)
	}
	return nil
}
