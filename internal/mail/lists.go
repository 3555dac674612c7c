package mail

import (
	"container/list"
	"slices"
	"sync"

	"tem/internal/kv"
)

// maxListed is how many messages the lists that are kept hold together, 6 MiB;
// each list counts as some more.
const (
	maxListed = 1 << 18
	listCosts = 32
)

// listCache keeps the lists of messages that were asked for last: a list costs
// nothing as long as its mailbox does not change, and all sessions that show the
// mailbox share it. It serves one process that has its store for itself. It is
// part of the Store.
type listCache struct {
	listMu sync.Mutex
	lists  map[mailboxAt]*list.Element // of *keptList
	latest *list.List                  // the one used last is first
	listed int                         // what all of them cost
}

// keptList is a mailbox and its messages at one moment. It never changes.
type keptList struct {
	at    mailboxAt
	box   Mailbox
	items []Item
}

func (k *keptList) cost() int { return len(k.items) + listCosts }

func newListCache() listCache {
	return listCache{lists: make(map[mailboxAt]*list.Element), latest: list.New()}
}

// keptList returns the list of a mailbox if one is kept, nil else.
func (c *listCache) keptList(at mailboxAt) *keptList {
	c.listMu.Lock()
	defer c.listMu.Unlock()
	e := c.lists[at]
	if e == nil {
		return nil
	}
	c.latest.MoveToFront(e)
	return e.Value.(*keptList)
}

// keepList keeps a list in the place of an older one.
func (c *listCache) keepList(k *keptList) {
	c.listMu.Lock()
	defer c.listMu.Unlock()
	if e := c.lists[k.at]; e != nil {
		if e.Value.(*keptList).box.HighestModSeq > k.box.HighestModSeq {
			return
		}
		c.drop(e)
	}
	if k.cost() > maxListed {
		return
	}
	c.lists[k.at] = c.latest.PushFront(k)
	for c.listed += k.cost(); c.listed > maxListed; {
		c.drop(c.latest.Back())
	}
}

func (c *listCache) drop(e *list.Element) {
	k := c.latest.Remove(e).(*keptList)
	delete(c.lists, k.at)
	c.listed -= k.cost()
}

// forgetLists is for an account that is no more, or whose rows were mended.
func (c *listCache) forgetLists(account kv.Part) {
	c.listMu.Lock()
	defer c.listMu.Unlock()
	for at, e := range c.lists {
		if at.account == account {
			c.drop(e)
		}
	}
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
