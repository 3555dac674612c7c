package mail

import (
	"context"
	"maps"
	"slices"

	"tem/internal/kv"
)

// BoxChange is what happened to one mailbox.
type BoxChange struct {
	Mailbox    Mailbox // as it is now
	Properties bool    // it was made, renamed, (un)subscribed, shared or annotated otherwise
	First      UID     // the lowest of its messages that is new or has new flags; 0: none
}

// BoxChanges is what happened to the mailboxes of an account after a modseq.
type BoxChanges struct {
	ModSeq   ModSeq      // the next since
	Changed  []BoxChange // in the order of ids
	Gone     []MailboxID // deleted, in the order of ids; maybe some that were deleted before
	Metadata bool        // the account's own annotations are others
	All      bool        // Changed are all there are, and Gone is empty: since was 0, or the log no longer reaches back to it
}

// BoxChanges returns which mailboxes changed after since, or all if that is 0. It
// reads the rows of those alone; see AllChanges for their messages.
func (a *Account) BoxChanges(ctx context.Context, since ModSeq) (c BoxChanges, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		st, err := readState(r, a.id)
		if err != nil {
			return err
		}
		c = BoxChanges{ModSeq: st.modseq, All: since == 0 || since < st.pruned || since > st.modseq}
		switch {
		case c.All:
			return c.readAll(r, a.id)
		case since == st.modseq:
			return nil
		}
		return c.read(r, a.id, since)
	})
	return c, err
}

func (c *BoxChanges) readAll(r kv.Reader, account kv.Part) error {
	boxes, err := readMailboxes(r, account)
	if err != nil {
		return err
	}
	subs := make(map[string]bool)
	for _, m := range boxes {
		c.Changed = append(c.Changed, BoxChange{Mailbox: m, Properties: true, First: 1})
	}
	err = readSubscriptions(r, account, func(name string) { subs[name] = true })
	for i := range c.Changed {
		c.Changed[i].Mailbox.Subscribed = subs[c.Changed[i].Mailbox.Name]
	}
	c.Metadata = true
	return err
}

func (c *BoxChanges) read(r kv.Reader, account kv.Part, since ModSeq) error {
	touched := map[MailboxID]*BoxChange{}
	err := scanLog(r, account, since, func(_ logHead, id MailboxID, properties bool, changed []UIDRange, _ []tombstone) {
		if touched[id] == nil {
			touched[id] = &BoxChange{}
		}
		b := touched[id]
		b.Properties = b.Properties || properties
		if len(changed) > 0 && (b.First == 0 || changed[0].From < b.First) {
			b.First = changed[0].From
		}
	})
	if err != nil {
		return err
	}
	c.Metadata = touched[0] != nil // no mailbox has this number
	delete(touched, 0)
	for _, id := range slices.Sorted(maps.Keys(touched)) {
		if err := c.add(r, account, id, touched[id]); err != nil {
			return err
		}
	}
	return nil
}

// add looks a mailbox up as it is now.
func (c *BoxChanges) add(r kv.Reader, account kv.Part, id MailboxID, b *BoxChange) error {
	row, there, err := r.Get(account, mailboxKey(id))
	switch {
	case err != nil:
		return err
	case !there:
		c.Gone = append(c.Gone, id)
		return nil
	}
	if b.Mailbox, err = decodeMailbox(mailboxKey(id), row); err != nil {
		return err
	}
	_, b.Mailbox.Subscribed, err = r.Get(account, subscribeKey(b.Mailbox.Name))
	c.Changed = append(c.Changed, *b)
	return err
}
