package mail

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// What a message is sorted by never changes, so that the order of a mailbox is
// kept, and the next sort reads no rows but those of messages that have come since.

const (
	maxOrdered = 16 << 20 // octets that all orders that are kept have
	orderCosts = 256      // octets of each beside its messages
	orderWorth = 500      // messages; fewer are read and sorted almost at once
	orderShare = 8        // one of so many messages of the mailbox at least is to be sorted, or rows are faster
	orderSpan  = 128      // UIDs for each message, at most: the bit sets stay small
	orderMost  = 1 << 20  // messages of a mailbox
)

// orderShelf keeps the orders that were asked for last.
type orderShelf = shelf[orderAt, *order]

type orderAt struct {
	mailboxAt
	by SortBy
}

func (o *order) cost() int { return orderCosts + 4*len(o.uids) + 16*len(o.values) + len(o.rest) }

func (o *order) newer(than *order) bool { return o.validity == than.validity && o.next > than.next }

// sortKept sorts by one key as sortRows does, out of an order that is kept; not
// done if that is of no use.
func (a *Account) sortKept(ctx context.Context, id MailboxID, uids []UID, by SortKey) (found []UID, done bool, err error) {
	box, items, err := a.List(ctx, id)
	if e := (*Error)(nil); errors.As(err, &e) && e.Kind == NotFound {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	want := wanted(uids, items)
	if want == nil {
		return nil, false, nil
	}
	o, err := a.order(ctx, orderAt{mailboxAt{a.id, id}, by.By}, &box, items)
	if err != nil {
		return nil, false, nil // it may be about a message that was not asked for: the rows tell
	}
	found = o.among(want, by.Reverse)
	// What the order does not have has gone meanwhile, or was brought back by a repair: the rows tell.
	return found, len(found) == want.n, ctx.Err()
}

// wanted is the set of those of uids that exist; nil if they are too few, or
// the messages too many or too far from each other, for an order to be worth it.
func wanted(uids []UID, items []Item) *uidSet {
	uids = sorted(uids)
	if len(items) == 0 || len(items) > orderMost || len(items) > orderShare*len(uids) {
		return nil
	}
	if span := items[len(items)-1].UID - items[0].UID; uint64(span) > orderSpan*uint64(len(items)) {
		return nil
	}
	s := newUIDSet(items[0].UID, items[len(items)-1].UID)
	for _, i := range items {
		for len(uids) > 0 && uids[0] < i.UID {
			uids = uids[1:]
		}
		if len(uids) > 0 && uids[0] == i.UID {
			s.add(i.UID)
		}
	}
	return s
}

// order brings the order that was kept up to date, or makes one; the items are
// all messages of the mailbox.
func (a *Account) order(ctx context.Context, at orderAt, box *Mailbox, items []Item) (*order, error) {
	o := a.s.orders.get(at)
	if o == nil || o.validity != box.UIDValidity {
		o = &order{next: 1}
	}
	first, _ := slices.BinarySearchFunc(items, o.next, func(i Item, u UID) int { return cmp.Compare(i.UID, u) })
	if first == len(items) {
		return o, nil
	}
	s := newSorter([]SortKey{{By: at.by}}, len(items)-first)
	if err := a.heads(ctx, at.box, uidsOf(items[first:]), s.add); err != nil {
		return nil, err
	}
	s.sort()
	later := orderOf(s)
	if len(o.uids) > 0 {
		later = o.with(later, setOf(items))
	}
	later.validity, later.next = box.UIDValidity, box.UIDNext
	a.s.orders.keep(at, later)
	return later, nil
}

// setOf is the set of messages, of which there is one at least.
func setOf(items []Item) *uidSet {
	s := newUIDSet(items[0].UID, items[len(items)-1].UID)
	for _, i := range items {
		s.add(i.UID)
	}
	return s
}
