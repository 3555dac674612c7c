package imapserver

import (
	"context"
	"hash/maphash"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

const annotated = imap.MailboxMetadataChange | imap.ServerMetadataChange

// entries are the annotations that a client knows of, by mailbox; 0 are the
// server's.
type entries struct {
	of   map[mail.MailboxID][]entry
	seed maphash.Seed
}

// entry is one annotation and the hash of its value; a list of them is in the
// order of names.
type entry struct {
	name string
	sum  uint64
}

// readEntries begins to watch annotations.
func (t *turn) readEntries(ctx context.Context) error {
	w := t.watch
	if !w.asks(annotated) {
		return nil
	}
	w.own.entries = entries{map[mail.MailboxID][]entry{}, maphash.MakeSeed()}
	all, err := w.own.account.AllMetadata(ctx, t.person.ID)
	for id, list := range all {
		w.own.entries.set(id, list)
	}
	return err
}

// set takes what a mailbox has now, and returns the names of what is different.
func (n *entries) set(id mail.MailboxID, list []mail.Entry) (changed []string) {
	now := make([]entry, len(list))
	for i, e := range list {
		now[i] = entry{e.Name, maphash.Bytes(n.seed, e.Value)}
	}
	before := n.of[id]
	for _, e := range slices.Concat(before, now) {
		if slices.Contains(before, e) != slices.Contains(now, e) && !slices.Contains(changed, e.name) {
			changed = append(changed, e.name)
		}
	}
	if n.of[id] = now; len(now) == 0 {
		delete(n.of, id)
	}
	return changed
}

// tellEntries tells which annotations are others (RFC 5465 §5.6, §5.7).
func (t *turn) tellEntries(ctx context.Context, c *mail.BoxChanges, events []event, did *imap.Command) error {
	w := t.watch
	if c.Metadata && w.asks(imap.ServerMetadataChange) {
		if err := t.tellEntriesOf(ctx, 0, "", did); err != nil {
			return err
		}
	}
	for _, e := range events {
		if e.now == nil {
			delete(w.own.entries.of, e.before.id)
		} else if e.properties && w.ofEvent(&e)&imap.MailboxMetadataChange != 0 {
			if err := t.tellEntriesOf(ctx, e.now.ID, e.now.Name, did); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *turn) tellEntriesOf(ctx context.Context, id mail.MailboxID, name string, did *imap.Command) error {
	a := &t.watch.own
	list, err := a.account.Metadata(ctx, id, t.person.ID, []string{"/private", "/shared"}, mail.Tree)
	if isKind(err, mail.NotFound) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	changed := slices.DeleteFunc(a.entries.set(id, list), func(entry string) bool { return annotates(did, name, entry) })
	if len(changed) == 0 {
		return nil
	}
	return t.line(imap.AppendMetadataChanged([]byte("* "), name, changed, t.r.UTF8))
}

// annotates reports whether a command has set an annotation of a mailbox itself.
func annotates(did *imap.Command, mailbox, name string) bool {
	if did == nil {
		return false
	}
	c, is := did.Args.(*imap.SetMetadata)
	return is && c.Mailbox == mailbox && slices.ContainsFunc(c.Entries, func(e imap.Metadata) bool { return e.Name == name })
}
