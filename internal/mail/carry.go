package mail

import (
	"context"
	"slices"

	"tem/internal/kv"
)

// What goes from one account to another becomes an email of that account, which
// refers to the same body: no octets are copied.

// carryMost is how many messages one commit brings into another account; the
// metadata of all is held until it is durable.
const carryMost = 10000

// carry copies or moves messages into a mailbox of another account.
func (a *Account) carry(ctx context.Context, from MailboxID, uids []UID, to Destination, move bool) (c Copied, err error) {
	if a.s.old.Load() {
		return c, fail(Busy, "the store is being brought over to a newer format: try again later")
	}
	err = a.s.update(ctx, []AccountID{a.id, to.Account}, func(_ *kv.Batch, edits []*edit) error {
		if edits[0].a.id != a.id {
			slices.Reverse(edits)
		}
		src, dst := edits[0], edits[1]
		box, err := src.mailbox(ctx, from)
		if err != nil {
			return err
		}
		id, err := dst.named(to.Mailbox, to.ID)
		if err != nil {
			return err
		}
		c = Copied{UIDValidity: dst.next.boxes[id].UIDValidity}
		victims, err := src.carriable(ctx, box, uids)
		if err != nil || len(victims) == 0 {
			return err
		}
		x := carried{to: dst, box: dst.box(id), without: to.Without, emails: make(map[EmailID]Meta)}
		if err := x.takeAll(ctx, box, victims, &c); err != nil {
			return err
		}
		if err := src.copyFields(ctx, from, x.copies, dst); err != nil || !move {
			return err
		}
		return src.removeAll(ctx, removal{src.box(from), victims})
	})
	return c, err
}

// carriable reads messages that are to be brought elsewhere. Where they are is
// asserted, so that the bodies that the new emails refer to are still in use then.
func (e *edit) carriable(ctx context.Context, box *Mailbox, uids []UID) ([]victim, error) {
	if e.s.Shared { // a conflict about an account that does not change would be met again and again
		stale, err := e.stale(ctx)
		if err != nil {
			return nil, err
		}
		if stale {
			e.a.cache = nil
			return nil, kv.ErrConflict
		}
	}
	if len(uids) == 0 {
		return nil, nil
	}
	var items []Item
	if err := e.eachItem(ctx, box.ID, uids, func(i Item) { items = append(items, i) }); err != nil || len(items) == 0 {
		return nil, err
	}
	e.b.Assert(e.a.id, stateKey, e.a.cache.row)
	return e.victims(ctx, box, items)
}

// carried is what becomes of messages in another account.
type carried struct {
	to      *edit
	box     *Mailbox
	without Flags
	emails  map[EmailID]Meta // as they are there, by what they are here
	copies  []transferred
}

func (x *carried) takeAll(ctx context.Context, src *Mailbox, victims []victim, c *Copied) error {
	for i := range victims {
		uid, err := x.take(ctx, src, &victims[i])
		if err != nil {
			return err
		}
		c.From, c.To = append(c.From, victims[i].meta.UID), append(c.To, uid)
		x.copies = append(x.copies, transferred{victims[i].meta.UID, Instance{x.box.ID, uid}})
	}
	return nil
}

// take makes the email of one message, unless it has been made for another
// instance of it, and an instance.
func (x *carried) take(ctx context.Context, src *Mailbox, v *victim) (UID, error) {
	m, made := x.emails[v.meta.Email]
	if !made {
		m = v.meta
		if err := x.to.newEmail(ctx, &m, m.seeks()); err != nil {
			return 0, err
		}
		x.emails[v.meta.Email] = m
	}
	flags, err := x.box.arriving(src, v.flags, x.without)
	if err != nil {
		return 0, err
	}
	m.Received = v.meta.Received
	err = x.to.link(x.box, &m, flags)
	return m.UID, err
}

// seeks are the Message-IDs under which a stored message looks for its thread.
func (m *Meta) seeks() []uint64 {
	refs := m.links.refs
	if len(refs) > maxReferences {
		refs = append(refs[:1:1], refs[len(refs)-maxReferences+1:]...)
	}
	return append(slices.Clone(refs), m.hashes...)
}
