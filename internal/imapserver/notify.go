package imapserver

import (
	"context"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// What NOTIFY asks for (RFC 5465). Of the selected mailbox, sync tells what is
// wanted of it; of the others, lookAround does, from what the client was told last
// (watch.go). Both may speak between commands (rest.go).

// maxWatched bounds the mailboxes that a session remembers, and the names that
// a NOTIFY may have.
const maxWatched = 2000

// supported are the events there are; nobody annotates messages here (RFC 5257).
const supported = imap.MessageNew | imap.MessageExpunge | imap.FlagChange | imap.MailboxName |
	imap.SubscriptionChange | imap.MailboxMetadataChange | imap.ServerMetadataChange

// watch is the last NOTIFY of a session.
type watch struct {
	selected imap.Events       // what is wanted of the selected mailbox
	delayed  bool              // SELECTED-DELAYED: expunges only where numbers allow it
	show     []imap.Item       // what to fetch of a message that is new there
	groups   []imap.EventGroup // what is wanted of the others
	own      watched
}

// arrival are messages that one command has added to one mailbox.
type arrival struct {
	owner    mail.AccountID
	validity uint32     // of the mailbox
	uids     []mail.UID // ascending
}

// Notify answers NOTIFY (RFC 5465 §3.1).
func (t *turn) Notify(ctx context.Context, c *imap.Notify) error {
	w, err := newWatch(c)
	if err != nil {
		return err
	}
	if t.view != nil && c.Groups != nil && w.selected == 0 { // what came before is told yet
		if err := t.sync(ctx, t.mayExpunge()); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(w.show, func(it imap.Item) bool { return it.Kind == imap.ItemModSeq }) {
		t.wantModSeq()
	}
	before := t.watch
	t.watch = w
	t.listen()
	if err := t.watchFrom(ctx, c.Status); err != nil {
		t.watch = before
		t.listen()
		return err
	}
	if t.view != nil {
		t.view.rewind(w.selected)
	}
	return nil
}

// newWatch sorts the groups; it refuses what is not done here.
func newWatch(c *imap.Notify) (*watch, error) {
	w, names := &watch{}, 0
	for _, g := range c.Groups {
		if g.Unknown != nil || g.Events&^supported != 0 {
			return nil, no("BADEVENT "+string(imap.AppendEvents(nil, supported)), "there is no such event here")
		}
		if names += len(g.Mailboxes.Names); names > maxWatched {
			return nil, tooMuch
		}
		if slices.ContainsFunc(g.Mailboxes.Names, isOthers) {
			return nil, no("NOTIFICATIONOVERFLOW", "other people's mailboxes can't be watched, but while they are selected")
		}
		switch {
		case g.Mailboxes.Kind <= imap.FilterSelectedDelayed:
			w.selected, w.show = g.Events, peeking(g.New)
			w.delayed = g.Mailboxes.Kind == imap.FilterSelectedDelayed
		case g.Events != 0:
			w.groups = append(w.groups, g)
		}
	}
	return w, nil
}

var tooMuch = &reply{"NO", "NOTIFICATIONOVERFLOW", "too many mailboxes to watch"}

// peeking: what is sent unasked does not make a message \Seen.
func peeking(items []imap.Item) []imap.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Peek = true
	}
	return items
}

// wants reports whether the client wants to know of an event in the selected
// mailbox: of each, until it says NOTIFY.
func (s *session) wants(e imap.Events) bool { return s.watch == nil || s.watch.selected&e != 0 }

// events are those that are wanted of a mailbox that is not selected. A name that
// stands for somebody else's is of none that is watched.
func (w *watch) events(name string, subscribed bool) (e imap.Events) {
	if isOthers(name) {
		return 0
	}
	for i := range w.groups {
		if among(&w.groups[i].Mailboxes, name, subscribed) {
			e |= w.groups[i].Events
		}
	}
	return e
}

// among reports whether a filter picks a mailbox of the person's own (RFC 5465
// §6). What is delivered comes into INBOX.
func among(f *imap.MailboxFilter, name string, subscribed bool) bool {
	switch f.Kind {
	case imap.FilterInboxes:
		return name == "INBOX"
	case imap.FilterPersonal:
		return true
	case imap.FilterSubscribed:
		return subscribed
	case imap.FilterSubtree:
		return slices.ContainsFunc(f.Names, func(top string) bool { return within(name, top) })
	}
	return slices.Contains(f.Names, name)
}

// within reports whether a name is top or below it.
func within(name, top string) bool {
	rest, found := strings.CutPrefix(name, top)
	return found && (rest == "" || rest[0] == '/')
}

// asks reports whether an event is wanted of any mailbox.
func (w *watch) asks(e imap.Events) bool {
	return slices.ContainsFunc(w.groups, func(g imap.EventGroup) bool { return g.Events&e != 0 })
}

// arrived notes which messages this command has added, so that the client is
// not told of them as news (RFC 5465 §5).
func (t *turn) arrived(owner mail.AccountID, validity uint32, uids []mail.UID) {
	t.mine = arrival{owner, validity, slices.Sorted(slices.Values(uids))}
}

// overflow gives up (RFC 5465 §5.8).
func (s *session) overflow() error {
	s.watch = &watch{}
	s.listen()
	return s.say("* OK [NOTIFICATIONOVERFLOW] %s", tooMuch.text)
}
