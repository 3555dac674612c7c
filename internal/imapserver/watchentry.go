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
	of      map[mail.MailboxID][]entry
	seed    maphash.Seed
	changes uint64 // of those that the server has for everybody, which the account's log does not tell
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
	changes, err := t.o.Mail.ServerChanges(ctx) // before what they made
	if err != nil {
		return err
	}
	w.own.entries = entries{map[mail.MailboxID][]entry{}, maphash.MakeSeed(), changes}
	all, err := w.own.account.AllMetadata(ctx, t.person.ID)
	if err != nil {
		return err
	}
	for id, list := range all {
		w.own.entries.set(id, list)
	}
	list, err := t.allStored(ctx, 0)
	w.own.entries.set(0, list)
	return err
}

// allStored are the annotations of a mailbox of the user's, or of the server, that
// the user sees.
func (t *turn) allStored(ctx context.Context, id mail.MailboxID) ([]mail.Entry, error) {
	at := place{account: t.account, owner: t.person.ID}
	at.box.ID = id
	return t.stored(ctx, &at, []string{"/private", "/shared"}, imap.DepthInfinity)
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
	if err := t.tellServerEntries(ctx, c.Metadata, did); err != nil {
		return err
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

// tellServerEntries tells of those of the server; own says that the user's own may
// be others.
func (t *turn) tellServerEntries(ctx context.Context, own bool, did *imap.Command) error {
	if !t.watch.asks(imap.ServerMetadataChange) {
		return nil
	}
	changes, err := t.o.Mail.ServerChanges(ctx)
	known := &t.watch.own.entries.changes
	if err != nil || changes == *known && !own {
		return err
	}
	*known = changes
	return t.tellEntriesOf(ctx, 0, "", did)
}

func (t *turn) tellEntriesOf(ctx context.Context, id mail.MailboxID, name string, did *imap.Command) error {
	list, err := t.allStored(ctx, id)
	if isKind(err, mail.NotFound) { // deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	changed := slices.DeleteFunc(t.watch.own.entries.set(id, list), func(entry string) bool { return annotates(did, name, entry) })
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
