package imapserver

import (
	"context"
	"slices"
	"strings"

	"tem/internal/wire/imap"
)

// naming is a name to tell of in a LIST response.
type naming struct{ name, old string } // old: what it was called, if that has changed

// tellNames tells which names came, went, or are others, and which are
// subscribed to or no longer (RFC 5465 §5.4, §5.5).
func (t *turn) tellNames(ctx context.Context, events []event, did *imap.Command) error {
	list := t.watch.names(events, did)
	if len(list) == 0 {
		return nil
	}
	all, err := t.folders(ctx, true)
	if err != nil {
		return err
	}
	for _, n := range list {
		f := all[n.name]
		if f == nil {
			f = &folder{}
		}
		if err := t.sayNamed(n, f); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) sayNamed(n naming, f *folder) error {
	text := t.appendFolder(nil, &imap.List{Extended: true, ReturnSubscribed: true}, n.name, f)
	if n.old != "" {
		text = append(text, t.oldName(n.old)...)
	}
	return t.line(text)
}

// names are those to tell of, each once: first what is called otherwise.
func (w *watch) names(events []event, did *imap.Command) (list []naming) {
	moved := renamedBy(did)
	own := len(moved)
	moved = w.renames(events, moved)
	list = moved[own:]
	add := func(name string) {
		if !slices.ContainsFunc(list, func(has naming) bool { return has.name == name }) {
			list = append(list, naming{name: name})
		}
	}
	for i := range events {
		e := &events[i]
		if e.causedBy(did) {
			continue
		}
		wanted := w.ofEvent(e)
		if wanted&imap.MailboxName != 0 && (e.now == nil || e.before == nil) { // RFC 5465 §5.4: the name above is affected too
			name := e.name(moved)
			add(name)
			if up := levelUp(name); up != "" && w.events(up, false)&imap.MailboxName != 0 {
				add(up)
			}
		}
		if wanted&imap.SubscriptionChange != 0 && e.before != nil && e.now != nil && e.before.subscribed != e.now.Subscribed {
			add(e.now.Name)
		}
	}
	return list
}

// renames adds to moved what to tell of mailboxes that are not called what the
// client believes: that those below another move with it (RFC 5465 §5.4).
func (w *watch) renames(events []event, moved []naming) []naming {
	var stay []*event
	for i := range events {
		if e := &events[i]; e.before != nil && e.now != nil {
			stay = append(stay, e)
		}
	}
	slices.SortFunc(stay, func(x, y *event) int { return strings.Compare(x.before.name, y.before.name) })
	for _, e := range stay {
		if old := believed(moved, e.before.name); old != e.now.Name && w.ofEvent(e)&imap.MailboxName != 0 {
			moved = append(moved, naming{e.now.Name, old})
		}
	}
	return moved
}

// believed is what a client calls a mailbox after it knows what was renamed.
func believed(moved []naming, name string) string {
	for _, n := range moved {
		if within(name, n.old) {
			name = n.name + strings.TrimPrefix(name, n.old)
		}
	}
	return name
}

// renamedBy is what a command has renamed, which ended well; nil: none did.
func renamedBy(did *imap.Command) []naming {
	if did != nil {
		if c, is := did.Args.(*imap.Rename); is && c.From != "INBOX" {
			return []naming{{strings.TrimSuffix(c.To, "/"), c.From}}
		}
	}
	return nil
}

// ofEvent are the kinds of events that are wanted of a mailbox, as it was or as it is.
func (w *watch) ofEvent(e *event) (wanted imap.Events) {
	if e.before != nil {
		wanted |= w.events(e.before.name, e.before.subscribed)
	}
	if e.now != nil {
		wanted |= w.events(e.now.Name, e.now.Subscribed)
	}
	return wanted
}

// name is what the mailbox is called, or, if it is gone, what the client calls it.
func (e *event) name(moved []naming) string {
	if e.now != nil {
		return e.now.Name
	}
	return believed(moved, e.before.name)
}

// levelUp is the name one level up, "" if there is none.
func levelUp(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }

// causedBy reports whether a command, which ended well, has done it; nil: none.
func (e *event) causedBy(did *imap.Command) bool {
	if did == nil {
		return false
	}
	switch c := did.Args.(type) {
	case *imap.Create:
		return e.before == nil && within(strings.TrimSuffix(c.Mailbox, "/"), e.now.Name)
	case *imap.Delete:
		return e.now == nil && e.before.name == c.Mailbox
	case *imap.Rename: // and the levels above the new name
		return e.before == nil && within(strings.TrimSuffix(c.To, "/"), e.now.Name)
	case *imap.Subscribe:
		return e.before != nil && e.now != nil && e.now.Name == c.Mailbox && e.now.Subscribed == c.On
	}
	return false
}
