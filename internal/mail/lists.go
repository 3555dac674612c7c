package mail

import (
	"slices"

	"tem/internal/kv"
)

// maxListed is how many messages the lists that are kept hold together, 6 MiB;
// each list counts as some more.
const (
	maxListed = 1 << 18
	listCosts = 32
)

// listShelf keeps the lists of messages that were asked for last: a list costs
// nothing as long as its mailbox does not change, and all sessions that show the
// mailbox share it.
type listShelf = shelf[mailboxAt, *keptList]

// keptList is a mailbox and its messages at one moment. It never changes.
type keptList struct {
	at    mailboxAt
	box   Mailbox
	items []Item
}

func (k *keptList) cost() int { return len(k.items) + listCosts }

func (k *keptList) newer(than *keptList) bool { return k.box.HighestModSeq > than.box.HighestModSeq }

// forget drops what is kept of an account that is no more, or whose rows were mended.
func (s *Store) forget(account kv.Part) {
	s.lists.forget(func(at mailboxAt) bool { return at.account == account })
	s.orders.forget(func(at orderAt) bool { return at.account == account })
}

// advance makes of a list what it is after d, of which it gives a list of its own.
func (k *keptList) advance(d *Delta) *keptList {
	items := make([]Item, 0, len(k.items)+len(d.Changed))
	gone, changed := d.Gone, d.Changed
	for _, i := range k.items {
		for len(gone) > 0 && gone[0].To < i.UID {
			gone = gone[1:]
		}
		if len(gone) > 0 && gone[0].From <= i.UID {
			continue
		}
		if len(changed) > 0 && changed[0].UID == i.UID {
			i, changed = changed[0], changed[1:]
		}
		items = append(items, i)
	}
	items = append(items, changed...) // what is left came after all others
	return &keptList{k.at, d.Mailbox, slices.Clip(items)}
}
