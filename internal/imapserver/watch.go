package imapserver

import (
	"context"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// watched is what a client was told last of the mailboxes of one account.
type watched struct {
	account *mail.Account
	owner   mail.AccountID
	since   mail.ModSeq // the client was told all that happened up to it
	boxes   []told      // by id
	entries entries
}

// told is one mailbox as the client knows it.
type told struct {
	id                         mail.MailboxID
	name                       string
	validity, messages, unseen uint32
	uidNext                    mail.UID
	subscribed                 bool
}

func newTold(m *mail.Mailbox) told {
	return told{m.ID, m.Name, m.UIDValidity, m.Messages, m.Unseen, m.UIDNext, m.Subscribed}
}

// event is what happened to a mailbox.
type event struct {
	before     *told         // nil: it was not there, or not watched
	now        *mail.Mailbox // nil: it is gone
	properties bool
	first      mail.UID // the lowest UID that is new or has new flags; 0: none
}

// watchFrom begins to watch: what there is now is what will be news no more. It
// tells how the mailboxes are if that is asked for.
func (t *turn) watchFrom(ctx context.Context, tell bool) error {
	w := t.watch
	if len(w.groups) == 0 {
		return nil
	}
	w.own.account, w.own.owner = t.account, t.person.ID
	c, err := w.own.account.BoxChanges(ctx, 0)
	if err != nil {
		return err
	}
	events := w.take(&c)
	if len(w.own.boxes) > maxWatched {
		return tooMuch
	}
	if err := t.readEntries(ctx); err != nil || !tell {
		return err
	}
	slices.SortFunc(events, func(x, y event) int { return strings.Compare(x.now.Name, y.now.Name) })
	for _, e := range events {
		if err := t.sayState(ctx, e.now); err != nil {
			return err
		}
	}
	return nil
}

// lookAfter looks after a command that ended with err.
func (t *turn) lookAfter(ctx context.Context, err error) error {
	defer func() { t.mine = arrival{} }()
	var did *imap.Command
	if endsWell(err) {
		did = t.cmd
	}
	return t.lookAround(ctx, did)
}

// lookAround tells what happened in the mailboxes that are watched, but not of what a
// command that ended well has done itself (RFC 5465 §5).
func (t *turn) lookAround(ctx context.Context, did *imap.Command) error {
	w := t.watch
	if w == nil || len(w.groups) == 0 {
		return nil
	}
	c, err := w.own.account.BoxChanges(ctx, w.own.since)
	if err != nil {
		return err
	}
	if c.ModSeq == w.own.since {
		return t.tellServerEntries(ctx, false, did)
	}
	events := w.take(&c)
	if len(w.own.boxes) > maxWatched {
		return t.overflow()
	}
	if err := t.tellNames(ctx, events, did); err != nil {
		return err
	}
	for _, e := range events {
		if err := t.tellStatus(ctx, &e, did); err != nil {
			return err
		}
	}
	return t.tellEntries(ctx, &c, events, did)
}

// take notes what happened as told, and returns it.
func (w *watch) take(c *mail.BoxChanges) (events []event) {
	a := &w.own
	gone := c.Gone
	if c.All {
		gone = a.missing(c.Changed)
	}
	for _, id := range gone {
		if i, known := a.find(id); known {
			before := a.boxes[i]
			events = append(events, event{before: &before})
			a.boxes = slices.Delete(a.boxes, i, i+1)
		}
	}
	for i := range c.Changed {
		events = append(events, w.note(&c.Changed[i]))
	}
	a.since = c.ModSeq
	return events
}

// note takes one mailbox into the memory, or out if it is watched no more.
func (w *watch) note(b *mail.BoxChange) event {
	e := event{now: &b.Mailbox, properties: b.Properties, first: b.First}
	if b.Mailbox.HighestModSeq <= w.own.since {
		e.first = 0
	}
	i, known := w.own.find(b.Mailbox.ID)
	if known {
		before := w.own.boxes[i]
		e.before = &before
	}
	switch keep := w.keeps(b.Mailbox.Name); {
	case keep && known:
		w.own.boxes[i] = newTold(e.now)
	case keep:
		w.own.boxes = slices.Insert(w.own.boxes, i, newTold(e.now))
	case known:
		w.own.boxes = slices.Delete(w.own.boxes, i, i+1)
	}
	return e
}

// keeps reports whether a mailbox has to be remembered: where names and
// subscriptions decide what is watched, each.
func (w *watch) keeps(name string) bool {
	return slices.ContainsFunc(w.groups, func(g imap.EventGroup) bool {
		return g.Mailboxes.Kind != imap.FilterMailboxes || slices.Contains(g.Mailboxes.Names, name)
	})
}

func (a *watched) find(id mail.MailboxID) (int, bool) {
	return slices.BinarySearchFunc(a.boxes, id, func(b told, id mail.MailboxID) int { return int(int64(b.id) - int64(id)) })
}

// missing are the mailboxes that are not in a list of all.
func (a *watched) missing(all []mail.BoxChange) (gone []mail.MailboxID) {
	for _, b := range a.boxes {
		_, there := slices.BinarySearchFunc(all, b.id, func(c mail.BoxChange, id mail.MailboxID) int { return int(int64(c.Mailbox.ID) - int64(id)) })
		if !there {
			gone = append(gone, b.id)
		}
	}
	return gone
}
