package mail

import (
	"math"
	"slices"

	"tem/internal/kv"
)

// everyUID is the span of a whole mailbox.
var everyUID = UIDRange{1, math.MaxUint32}

// scanItems calls fn for every message of a span in UID order.
func scanItems(r kv.Reader, account kv.Part, id MailboxID, span UIDRange, fn func(Item) error) error {
	lo, hi := pageSpan(id, span.From, span.To)
	var buf []Item
	return r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, row []byte) (err error) {
		if buf, err = appendItems(buf[:0], uidOf(key), row); err != nil {
			return err
		}
		for _, i := range buf {
			if i.UID < span.From || i.UID > span.To {
				continue
			}
			if err := fn(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// allItems appends every message of a mailbox in UID order; lone is how many
// have rows of their own and could lie in pages that no new message comes into.
func allItems(r kv.Reader, account kv.Part, box *Mailbox) (items []Item, lone int, err error) {
	lo, hi := messageRange(keyFlags, box.ID)
	items = make([]Item, 0, box.Messages)
	last := pageOf(box.UIDNext)
	err = r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, row []byte) (err error) {
		if uid := uidOf(key); uid < last && !isPage(row) {
			lone++
		}
		items, err = appendItems(items, uidOf(key), row)
		return err
	})
	return slices.Clip(items), lone, err
}

// eachItem calls fn for the flags of each of uids that is there, in order.
func eachItem(r kv.Reader, account kv.Part, id MailboxID, uids []UID, fn func(Item) error) error {
	p := picker{uids: sorted(uids), fn: fn}
	if len(p.uids) == 0 {
		return nil
	}
	if isDense(p.uids) {
		lo, hi := pageSpan(id, p.uids[0], p.uids[len(p.uids)-1])
		return r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, row []byte) error { return p.row(uidOf(key), row) })
	}
	keys := itemKeys(id, p.uids)
	return r.GetMulti(account, keys, func(i int, row []byte) error { return p.row(uidOf(keys[i]), row) })
}

// isDense says that a scan of all pages from the first of sorted uids to the last
// costs less than looking each up: even where it meets rows of single messages,
// it passes over thirty in the time of one look-up.
func isDense(uids []UID) bool { return len(uids) >= dense && spanned(uids) <= 30*uint64(len(uids)) }

// pageSpan are the keys of all rows that hold messages of the pages from one to
// another, of which a UID each is given.
func pageSpan(id MailboxID, from, to UID) (lo, hi []byte) {
	return messageKey(keyFlags, id, pageOf(from)), append(messageKey(keyFlags, id, pageOf(to)+pageSize-1), 0)
}

// itemKeys are the keys of the rows that sorted uids can be in, in order: for
// each its page's and its own.
func itemKeys(id MailboxID, uids []UID) [][]byte {
	keys := make([][]byte, 0, 2*len(uids))
	for n, u := range uids {
		if n == 0 || pageOf(u) != pageOf(uids[n-1]) {
			keys = append(keys, messageKey(keyFlags, id, pageOf(u)))
		}
		if u != pageOf(u) {
			keys = append(keys, messageKey(keyFlags, id, u))
		}
	}
	return keys
}

// picker passes on those messages that are asked for.
type picker struct {
	uids []UID // sorted
	fn   func(Item) error
	buf  []Item
}

// row takes the next row of flags.
func (p *picker) row(first UID, row []byte) (err error) {
	if len(p.uids) == 0 {
		return kv.ErrStop
	}
	if !isPage(row) && !p.wants(first) {
		return nil
	}
	if p.buf, err = appendItems(p.buf[:0], first, row); err != nil {
		return err
	}
	for _, i := range p.buf {
		if !p.wants(i.UID) {
			continue
		}
		if err := p.fn(i); err != nil {
			return err
		}
	}
	return nil
}

// wants is asked of one UID after the other, upwards.
func (p *picker) wants(uid UID) bool {
	for len(p.uids) > 0 && p.uids[0] < uid {
		p.uids = p.uids[1:]
	}
	return len(p.uids) > 0 && p.uids[0] == uid
}
