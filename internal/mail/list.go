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

// List returns the mailbox and all of its messages in UID order, of one moment.
// The messages may be shared with other callers: who changes them copies them.
func (a *Account) List(ctx context.Context, id MailboxID) (Mailbox, []Item, error) {
	k, err := a.lastList(ctx, id)
	if k == nil && err == nil {
		k, err = a.readList(ctx, id)
	}
	if err != nil {
		return Mailbox{}, nil, err
	}
	return k.box, k.items, nil
}

// lastList brings the list that was kept up to date; nil if there is none.
func (a *Account) lastList(ctx context.Context, id MailboxID) (*keptList, error) {
	k := a.s.lists.get(mailboxAt{a.id, id})
	if k == nil {
		return nil, nil
	}
	d, err := a.Changes(ctx, id, k.box.HighestModSeq)
	switch {
	case err != nil || d.Deleted || d.Mailbox.UIDValidity != k.box.UIDValidity:
		return nil, err
	case d.Mailbox.HighestModSeq == k.box.HighestModSeq:
		return k, nil
	}
	k = k.advance(&d)
	a.s.lists.keep(k.at, k)
	return k, nil
}

// readList reads the list of a mailbox and keeps it.
func (a *Account) readList(ctx context.Context, id MailboxID) (*keptList, error) {
	k, lone := &keptList{at: mailboxAt{a.id, id}}, 0
	err := a.read(ctx, func(r kv.Reader) (err error) {
		if k.box, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		k.items, lone, err = allItems(r, a.id, &k.box)
		return err
	})
	if err != nil {
		return nil, err
	}
	if lone >= gatherWorth {
		a.s.noteLone(k.at)
	}
	if !a.s.Shared {
		a.s.lists.keep(k.at, k)
	}
	return k, nil
}

// dense is how many UIDs are worth a scan of the range rather than single reads.
const dense = 64

// eachRow calls fn for the row of one kind of each uid that has one, in order.
func eachRow(r kv.Reader, kind byte, account kv.Part, id MailboxID, uids []UID, fn func(uid UID, val []byte) error) error {
	uids = sorted(uids)
	if len(uids) == 0 {
		return nil
	}
	if len(uids) >= dense && spanned(uids) <= 8*uint64(len(uids)) {
		return scanRows(r, kind, account, id, uids, fn)
	}
	keys := make([][]byte, len(uids))
	for i, u := range uids {
		keys[i] = messageKey(kind, id, u)
	}
	return r.GetMulti(account, keys, func(i int, val []byte) error { return fn(uids[i], val) })
}

// spanned is from how many UIDs sorted uids are.
func spanned(uids []UID) uint64 { return uint64(uids[len(uids)-1]-uids[0]) + 1 }

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
	var m Meta
	return a.eachOf(ctx, keyMeta, id, uids, func(u UID, row []byte) error {
		if err := m.decode(u, row); err != nil {
			return err
		}
		return fn(&m)
	})
}

// eachOf is eachRow in a snapshot, or outside of any where the engine is shared.
// fn may end it with kv.ErrStop.
func (a *Account) eachOf(ctx context.Context, kind byte, id MailboxID, uids []UID, fn func(u UID, row []byte) error) error {
	if a.s.Shared {
		return kv.Stopped(a.eachApart(ctx, kind, id, uids, fn))
	}
	return a.read(ctx, func(r kv.Reader) error { return eachRow(r, kind, a.id, id, uids, fn) })
}

// The bounds of what eachApart holds: rows, and octets of all but the last.
const (
	apartRows   = 500
	apartOctets = 2 << 20
)

// eachApart calls fn outside of any View, which holds one of few connections of
// a shared engine. Rows of messages never change, so that reading them at several
// moments makes no difference.
func (a *Account) eachApart(ctx context.Context, kind byte, id MailboxID, uids []UID, fn func(u UID, row []byte) error) error {
	var held heldRows
	for uids = sorted(uids); len(uids) > 0; {
		held.clear()
		some := uids[:min(len(uids), apartRows)]
		err := a.read(ctx, func(r kv.Reader) error {
			return kv.Stopped(eachRow(r, kind, a.id, id, some, func(u UID, row []byte) error {
				held.add(u, row)
				if len(held.buf) < apartOctets {
					return nil
				}
				after, _ := slices.BinarySearch(some, u+1)
				some = some[:after]
				return kv.ErrStop
			}))
		})
		for i := 0; i < len(held.rows) && err == nil; i++ {
			err = fn(held.rows[i].uid, held.at(i))
		}
		if err != nil {
			return err
		}
		uids = uids[len(some):]
	}
	return nil
}

// heldRows are copies of rows, one after the other.
type heldRows struct {
	buf  []byte
	rows []heldRow
	read int // how many next has passed
}

type heldRow struct {
	uid UID
	end int
}

func (h *heldRows) clear() { h.buf, h.rows, h.read = h.buf[:0], h.rows[:0], 0 }

func (h *heldRows) add(u UID, row []byte) error {
	h.buf = append(h.buf, row...)
	h.rows = append(h.rows, heldRow{u, len(h.buf)})
	return nil
}

func (h *heldRows) at(i int) []byte {
	from := 0
	if i > 0 {
		from = h.rows[i-1].end
	}
	return h.buf[from:h.rows[i].end:h.rows[i].end]
}

// next is the row of a UID, nil if there is none; UIDs ascend from call to call.
func (h *heldRows) next(u UID) []byte {
	for ; h.read < len(h.rows) && h.rows[h.read].uid <= u; h.read++ {
		if h.rows[h.read].uid == u {
			return h.at(h.read)
		}
	}
	return nil
}
