package mail

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tem/internal/kv"
)

// Label makes the emails of uids be in other mailboxes, or no longer. AddFlags
// makes an instance, with the flags and keywords of the message at hand, in each
// of these that has none. RemoveFlags takes all instances out of these; if the
// mailbox at hand is among them, out of it too, and an email that is then in none
// goes the way of all that is removed. SetFlags does either, so that the email
// is in exactly these and in the mailbox at hand, which it leaves alone. It
// returns those of uids for whose email something changed. Very many are
// labelled by several commits.
func (a *Account) Label(ctx context.Context, id MailboxID, uids []UID, op FlagOp, in []MailboxID) (changed []UID, err error) {
	in = slices.Compact(slices.Sorted(slices.Values(in)))
	if len(in) > maxMailboxes {
		return nil, fail(LimitReached, "an account has at most %d mailboxes", maxMailboxes)
	}
	for some := range slices.Chunk(sorted(uids), max(a.s.chunks.remove/(len(in)+1), 1)) {
		part, err := a.labelChunk(ctx, id, some, op, in)
		if changed = append(changed, part...); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func (a *Account) labelChunk(ctx context.Context, id MailboxID, uids []UID, op FlagOp, in []MailboxID) (changed []UID, err error) {
	err = a.update(ctx, func(e *edit) error {
		changed = nil
		l, err := e.labeller(ctx, id, uids)
		if err != nil {
			return err
		}
		for _, other := range in {
			if e.next.boxes[other] == nil {
				return &Error{Kind: NotFound, Text: fmt.Sprintf("there is no mailbox with the number %d", other), Account: a.id}
			}
		}
		for i := range l.messages {
			if err := l.label(&l.messages[i], op, in); err != nil {
				return err
			}
		}
		for i := range l.messages {
			if m := &l.messages[i].meta; l.changed[m.Email] {
				changed = append(changed, m.UID)
			}
		}
		if err := e.copyFields(ctx, id, l.copies, e); err != nil {
			return err
		}
		return l.remove(ctx)
	})
	return changed, err
}

// label does what is asked for one message; in is in order.
func (l *labeller) label(m *victim, op FlagOp, in []MailboxID) error {
	named := func(id MailboxID) bool {
		_, named := slices.BinarySearch(in, id)
		return named
	}
	switch op {
	case RemoveFlags:
		l.leave(m.meta.Email, named)
		return nil
	case SetFlags:
		l.leave(m.meta.Email, func(id MailboxID) bool { return !named(id) && id != l.box.ID })
	}
	return l.enter(m, in)
}

// labeller makes and removes instances of some messages' emails.
type labeller struct {
	e        *edit
	box      *Mailbox
	messages []victim // the messages at hand; they are read like those that leave
	where    map[EmailID][]Instance
	leaving  map[MailboxID][]UID
	changed  map[EmailID]bool
	copies   []transferred // of messages at hand, in their order
}

// labeller reads the messages and where their emails are.
func (e *edit) labeller(ctx context.Context, id MailboxID, uids []UID) (*labeller, error) {
	box, err := e.mailbox(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []Item
	if err := e.eachItem(ctx, id, uids, func(i Item) { items = append(items, i) }); err != nil {
		return nil, err
	}
	l := &labeller{e: e, box: box, where: make(map[EmailID][]Instance), leaving: make(map[MailboxID][]UID), changed: make(map[EmailID]bool)}
	if l.messages, err = e.victims(ctx, box, items); err != nil {
		return nil, err
	}
	for i := range l.messages {
		l.where[l.messages[i].meta.Email] = nil
	}
	return l, e.s.view(ctx, func(r kv.Reader) error {
		return eachInstance(r, e.a.id, l.where, func(email EmailID, in MailboxID, uid UID) error {
			if e.next.boxes[in] != nil { // or else it was deleted and is being emptied
				l.where[email] = append(l.where[email], Instance{in, uid})
			}
			return nil
		})
	})
}

// leave notes that an email leaves those of its mailboxes for which from holds.
func (l *labeller) leave(email EmailID, from func(MailboxID) bool) {
	l.where[email] = slices.DeleteFunc(l.where[email], func(i Instance) bool {
		if !from(i.Mailbox) {
			return false
		}
		l.leaving[i.Mailbox] = append(l.leaving[i.Mailbox], i.UID)
		l.changed[email] = true
		return true
	})
}

// enter puts a message's email into those mailboxes that it is not in.
func (l *labeller) enter(m *victim, in []MailboxID) error {
	for _, id := range in {
		if slices.ContainsFunc(l.where[m.meta.Email], func(i Instance) bool { return i.Mailbox == id }) {
			continue
		}
		dst, meta := l.e.box(id), m.meta
		flags, err := dst.flags(m.flags, l.box.keywordsOf(m.flags), true)
		if err != nil {
			return err
		}
		l.e.modernise(l.box.ID, &meta)
		if err := l.e.link(dst, &meta, flags); err != nil {
			return err
		}
		l.where[meta.Email] = append(l.where[meta.Email], Instance{id, meta.UID})
		l.changed[meta.Email] = true
		l.copies = append(l.copies, transferred{m.meta.UID, Instance{id, meta.UID}})
	}
	return nil
}

// remove takes out what leaves.
func (l *labeller) remove(ctx context.Context) error {
	if len(l.leaving) == 0 {
		return nil
	}
	var from []removal
	for _, id := range slices.Sorted(maps.Keys(l.leaving)) {
		var items []Item
		if err := l.e.eachItem(ctx, id, sorted(l.leaving[id]), func(i Item) { items = append(items, i) }); err != nil {
			return err
		}
		box := l.e.box(id)
		victims, err := l.e.victims(ctx, box, items)
		if err != nil {
			return err
		}
		from = append(from, removal{box, victims})
	}
	return l.e.removeAll(ctx, from...)
}
