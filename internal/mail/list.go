package mail

import (
	"context"
	"slices"

	"tem/internal/kv"
)

// readMailbox reads a mailbox's row.
func readMailbox(r kv.Reader, account kv.Part, id MailboxID) (Mailbox, error) {
	key := mailboxKey(id)
	row, ok, err := r.Get(account, key)
	if err != nil {
		return Mailbox{}, err
	}
	if !ok {
		return Mailbox{}, &Error{Kind: NotFound, Text: "the mailbox no longer exists", Account: account}
	}
	return decodeMailbox(key, row)
}

// List returns the mailbox and all of its messages in UID order, of one snapshot.
func (a *Account) List(ctx context.Context, id MailboxID) (box Mailbox, items []Item, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		if box, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		items = make([]Item, 0, box.Messages)
		return scanItems(r, a.id, id, func(i Item) error {
			items = append(items, i)
			return nil
		})
	})
	return box, items, err
}

// scanItems calls fn for every message of a mailbox in UID order.
func scanItems(r kv.Reader, account kv.Part, id MailboxID, fn func(Item) error) error {
	lo, hi := messageRange(keyFlags, id)
	return r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, val []byte) error {
		i, err := decodeItem(uidOf(key), val)
		if err != nil {
			return err
		}
		return fn(i)
	})
}

// dense is how many UIDs are worth a scan of the range rather than single reads.
const dense = 64

// eachRow calls fn for the row of one kind of each uid that has one, in order.
func eachRow(r kv.Reader, kind byte, account kv.Part, id MailboxID, uids []UID, fn func(uid UID, val []byte) error) error {
	uids = sorted(uids)
	if len(uids) == 0 {
		return nil
	}
	if span := uint64(uids[len(uids)-1]-uids[0]) + 1; len(uids) >= dense && span <= 8*uint64(len(uids)) {
		return scanRows(r, kind, account, id, uids, fn)
	}
	keys := make([][]byte, len(uids))
	for i, u := range uids {
		keys[i] = messageKey(kind, id, u)
	}
	return r.GetMulti(account, keys, func(i int, val []byte) error { return fn(uids[i], val) })
}

// scanRows walks the range that sorted uids span and skips what was not asked for.
func scanRows(r kv.Reader, kind byte, account kv.Part, id MailboxID, uids []UID, fn func(uid UID, val []byte) error) error {
	lo, hi := messageKey(kind, id, uids[0]), append(messageKey(kind, id, uids[len(uids)-1]), 0)
	return r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, val []byte) error {
		u := uidOf(key)
		for len(uids) > 0 && uids[0] < u {
			uids = uids[1:]
		}
		if len(uids) == 0 {
			return kv.ErrStop
		}
		if uids[0] != u {
			return nil
		}
		return fn(u, val)
	})
}

// sorted returns uids in order and without repetition; it copies only if it must.
func sorted(uids []UID) []UID {
	for i := 1; i < len(uids); i++ {
		if uids[i] <= uids[i-1] {
			return slices.Compact(slices.Sorted(slices.Values(uids)))
		}
	}
	return uids
}

// Fetch calls fn with the metadata of each uid that exists, in order; m is valid
// only during the call, and nothing is allocated for one message. fn may run in a
// snapshot, which is held while it does: it gathers what it needs and does not
// write to a client, who may be slow.
func (a *Account) Fetch(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta) error) error {
	if a.s.Shared {
		return a.fetchApart(ctx, id, uids, fn)
	}
	var m Meta
	return a.read(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, a.id, id, uids, func(u UID, val []byte) error {
			if err := m.decode(u, val); err != nil {
				return err
			}
			return fn(&m)
		})
	})
}

// fetchChunk is how many rows fetchApart holds.
const fetchChunk = 500

// heldRow is a row in a buffer that holds several, one after the other.
type heldRow struct {
	uid UID
	end int
}

// fetchApart calls fn outside of any View, which holds one of few connections of
// a shared engine. Rows of messages never change, so that reading them at several
// moments makes no difference.
func (a *Account) fetchApart(ctx context.Context, id MailboxID, uids []UID, fn func(m *Meta) error) error {
	var m Meta
	var buf []byte
	var rows []heldRow
	for some := range slices.Chunk(sorted(uids), fetchChunk) {
		buf, rows = buf[:0], rows[:0]
		err := a.read(ctx, func(r kv.Reader) error {
			return eachRow(r, keyMeta, a.id, id, some, func(u UID, val []byte) error {
				buf = append(buf, val...)
				rows = append(rows, heldRow{u, len(buf)})
				return nil
			})
		})
		from := 0
		for _, row := range rows {
			if err == nil {
				err = m.decode(row.uid, buf[from:row.end:row.end])
			}
			if err == nil {
				err = fn(&m)
			}
			from = row.end
		}
		if err != nil {
			return err
		}
	}
	return nil
}
