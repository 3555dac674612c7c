package mail

import (
	"context"
	"slices"

	"tem/internal/kv"
)

// mailbox settles the account and returns a mailbox to read; a later call of
// box makes it one to change.
func (e *edit) mailbox(ctx context.Context, id MailboxID) (*Mailbox, error) {
	if err := e.settle(ctx); err != nil {
		return nil, err
	}
	box := e.next.boxes[id]
	if box == nil {
		return nil, &Error{Kind: NotFound, Text: "the mailbox no longer exists", Account: e.a.id}
	}
	return box, nil
}

// Store changes flags; keywords are made known to the mailbox as needed. It
// returns the messages whose flags are now different, and with unchangedSince
// (0: no condition) those uids that had changed after it and were left alone.
func (a *Account) Store(ctx context.Context, id MailboxID, uids []UID, op FlagOp, system Flags, keywords []string, unchangedSince ModSeq) (changed []Item, modified []UID, err error) {
	err = a.update(ctx, func(e *edit) error {
		changed, modified = nil, nil
		old, err := e.mailbox(ctx, id)
		if err != nil {
			return err
		}
		box := *old
		flags, err := box.flags(system, keywords, op != RemoveFlags)
		if err != nil {
			return err
		}
		err = e.eachItem(ctx, id, uids, func(i Item) {
			if unchangedSince > 0 && i.ModSeq > unchangedSince {
				modified = append(modified, i.UID) // RFC 7162 §3.1.3
				return
			}
			if f := op.apply(i.Flags, flags); f != i.Flags {
				box.countFlags(i.Flags, -1)
				box.countFlags(f, 1)
				changed = append(changed, Item{i.UID, f, e.modseq})
			}
		})
		if err == nil && (len(changed) > 0 || len(box.Keywords) != len(old.Keywords)) {
			*e.box(id) = box
			e.storeItems(id, changed)
		}
		return err
	})
	return changed, modified, err
}

func (op FlagOp) apply(have, f Flags) Flags {
	switch op {
	case AddFlags:
		return have | f
	case RemoveFlags:
		return have &^ f
	default:
		return f
	}
}

// storeItems writes flag rows; keys and values share two arrays.
func (e *edit) storeItems(id MailboxID, items []Item) {
	l := e.entry(id)
	buf := make([]byte, 0, 25*len(items))
	e.b.Ops = slices.Grow(e.b.Ops, len(items)+3)
	for _, i := range items {
		k := len(buf)
		buf = appendInstance(append(buf, keyFlags), id, i.UID)
		v := len(buf)
		buf = i.append(buf)
		e.b.Set(e.a.id, buf[k:v:v], buf[v:len(buf):len(buf)])
		l.changed = append(l.changed, i.UID)
	}
}

// eachItem reads the flags of uids; nil means all. The account is settled.
func (e *edit) eachItem(ctx context.Context, id MailboxID, uids []UID, fn func(Item)) error {
	return e.s.view(ctx, func(r kv.Reader) error {
		if uids == nil {
			return scanItems(r, e.a.id, id, func(i Item) error { fn(i); return nil })
		}
		return eachRow(r, keyFlags, e.a.id, id, uids, func(u UID, val []byte) error {
			i, err := decodeItem(u, val)
			if err == nil {
				fn(i)
			}
			return err
		})
	})
}

// eachMessage reads flags and metadata of uids (nil: all) after settling the
// account. m is valid only during the call.
func (e *edit) eachMessage(ctx context.Context, box *Mailbox, uids []UID, fn func(m *Meta, i Item) error) error {
	if err := e.settle(ctx); err != nil {
		return err
	}
	var items []Item
	if err := e.eachItem(ctx, box.ID, uids, func(i Item) { items = append(items, i) }); err != nil {
		return err
	}
	return e.eachMeta(ctx, box.ID, items, fn)
}

func (e *edit) eachMeta(ctx context.Context, id MailboxID, items []Item, fn func(m *Meta, i Item) error) error {
	uids := make([]UID, len(items))
	for n, i := range items {
		uids[n] = i.UID
	}
	n := 0
	var m Meta
	return e.s.view(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, e.a.id, id, uids, func(u UID, val []byte) error {
			for items[n].UID < u {
				n++
			}
			if err := m.decode(u, val); err != nil {
				return err
			}
			return fn(&m, items[n])
		})
	})
}

// Expunge removes those of uids that carry \Deleted (all such messages for nil).
func (a *Account) Expunge(ctx context.Context, id MailboxID, uids []UID) ([]UID, error) {
	return a.remove(ctx, id, uids, func(f Flags) bool { return f&Deleted != 0 })
}

// Remove removes uids whatever their flags (POP3's UPDATE).
func (a *Account) Remove(ctx context.Context, id MailboxID, uids []UID) ([]UID, error) {
	if uids == nil {
		uids = []UID{}
	}
	return a.remove(ctx, id, uids, func(Flags) bool { return true })
}

func (a *Account) remove(ctx context.Context, id MailboxID, uids []UID, which func(Flags) bool) (gone []UID, err error) {
	err = a.update(ctx, func(e *edit) error {
		gone = nil
		if _, err := e.mailbox(ctx, id); err != nil {
			return err
		}
		var items []Item
		err := e.eachItem(ctx, id, uids, func(i Item) {
			if which(i.Flags) {
				items = append(items, i)
			}
		})
		if err != nil || len(items) == 0 {
			return err
		}
		box := e.box(id)
		return e.eachMeta(ctx, id, items, func(m *Meta, i Item) error {
			e.remove(box, m, i.Flags)
			gone = append(gone, m.UID)
			return nil
		})
	})
	return gone, err
}

// Copy puts messages into another mailbox with their flags, keywords and internal date, in one commit.
func (a *Account) Copy(ctx context.Context, from MailboxID, uids []UID, to string) (Copied, error) {
	return a.transfer(ctx, from, uids, to, false)
}

// Move is Copy that removes the messages from where they were.
func (a *Account) Move(ctx context.Context, from MailboxID, uids []UID, to string) (Copied, error) {
	return a.transfer(ctx, from, uids, to, true)
}

func (a *Account) transfer(ctx context.Context, from MailboxID, uids []UID, to string, move bool) (c Copied, err error) {
	to, err = canonical(to)
	if err != nil {
		return c, err
	}
	if uids == nil {
		uids = []UID{}
	}
	err = a.update(ctx, func(e *edit) error {
		src, err := e.mailbox(ctx, from)
		if err != nil {
			return err
		}
		id, ok := e.next.names[to]
		if !ok {
			return noMailbox(to, a.id)
		}
		dst := e.next.boxes[id]
		c = Copied{UIDValidity: dst.UIDValidity}
		if len(uids) == 0 {
			return nil
		}
		if move {
			src = e.box(from)
		}
		c, err = e.transfer(ctx, src, e.box(id), uids, move)
		return err
	})
	return c, err
}

// transfer copies or moves uids (nil: all). A message keeps its email id.
func (e *edit) transfer(ctx context.Context, src, dst *Mailbox, uids []UID, move bool) (Copied, error) {
	c := Copied{UIDValidity: dst.UIDValidity}
	err := e.eachMessage(ctx, src, uids, func(m *Meta, i Item) error {
		flags, err := dst.flags(i.Flags, src.keywordsOf(i.Flags), true)
		if err != nil {
			return err
		}
		if move {
			e.remove(src, m, i.Flags)
		}
		c.From = append(c.From, m.UID)
		if err := e.add(dst, m, flags); err != nil {
			return err
		}
		c.To = append(c.To, m.UID)
		return nil
	})
	return c, err
}

// keywordsOf names the keywords among f.
func (m *Mailbox) keywordsOf(f Flags) (list []string) {
	for n, k := range m.Keywords {
		if f&(1<<(FirstKeyword+n)) != 0 {
			list = append(list, k)
		}
	}
	return list
}
