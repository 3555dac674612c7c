package mail

import (
	"slices"

	"tem/internal/kv"
)

// flagRows goes over all rows of flags: those that can't be read, those that say
// again what others say, and those without a message.
func (f *finder) flagRows(r kv.Reader) error {
	var last place
	return f.eachChunk(r, keyFlags, func(keys, rows [][]byte) error {
		var all []place
		for n, key := range keys {
			id := mailboxOf(key)
			items, err := appendItems(nil, uidOf(key), rows[n])
			switch {
			case err != nil:
				f.drop(key, "mailbox %d, uid %d: the row of flags is damaged", id, uidOf(key))
				continue
			case id == last.box && items[0].UID <= last.uid:
				f.drop(key, "mailbox %d, uid %d: there are flags in two places", id, items[0].UID)
				continue
			}
			for _, i := range items {
				last = place{id, i.UID}
				all = append(all, last)
			}
		}
		for some := range slices.Chunk(all, chunk) {
			if err := f.loneFlags(r, some); err != nil {
				return err
			}
		}
		return nil
	})
}

// loneFlags looks for flags without a message.
func (f *finder) loneFlags(r kv.Reader, flags []place) error {
	keys := make([][]byte, len(flags))
	for n, at := range flags {
		keys[n] = messageKey(keyMeta, at.box, at.uid)
	}
	there := make([]bool, len(flags))
	err := r.GetMulti(f.id, keys, func(n int, _ []byte) error {
		there[n] = true
		return nil
	})
	for n, at := range flags {
		if !there[n] && err == nil {
			f.dropMessage(at.box, at.uid, "there are flags and no message")
		}
	}
	return err
}

// place is where a message is.
type place struct {
	box MailboxID
	uid UID
}

// itemsOf reads the flags of messages whose keys, in order, are given. Rows that
// can't be read were told of.
func (f *finder) itemsOf(r kv.Reader, keys [][]byte) (map[place]Item, error) {
	items := make(map[place]Item, len(keys))
	var buf []Item
	for len(keys) > 0 {
		id, n := mailboxOf(keys[0]), 1
		for n < len(keys) && mailboxOf(keys[n]) == id {
			n++
		}
		lo, hi := pageSpan(id, uidOf(keys[0]), uidOf(keys[n-1]))
		keys = keys[n:]
		err := r.Scan(f.id, lo, hi, kv.ScanOptions{}, func(key, row []byte) error {
			buf, _ = appendItems(buf[:0], uidOf(key), row)
			for _, i := range buf {
				items[place{id, i.UID}] = i
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}
