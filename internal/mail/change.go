package mail

import (
	"context"

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

// storeChunk is how many messages one commit gives other flags.
const storeChunk = 50000

// FlagChange is what is to be done to flags.
type FlagChange struct {
	Op             FlagOp
	System         Flags
	Keywords       []string
	UnchangedSince ModSeq // messages that changed after it are left alone; 0: no condition
	Keep           Flags  // that stay as they are, by the bits of the mailbox
}

// Store is Change without anything to keep.
func (a *Account) Store(ctx context.Context, id MailboxID, uids []UID, op FlagOp, system Flags, keywords []string, unchangedSince ModSeq) (changed []Item, modified []UID, err error) {
	return a.Change(ctx, id, uids, FlagChange{Op: op, System: system, Keywords: keywords, UnchangedSince: unchangedSince})
}

// Change changes flags; keywords are made known to the mailbox as needed. It
// returns the messages whose flags are now different, and those uids that
// UnchangedSince excluded. Very many are changed by several commits.
func (a *Account) Change(ctx context.Context, id MailboxID, uids []UID, f FlagChange) (changed []Item, modified []UID, err error) {
	if uids = sorted(uids); uids == nil {
		uids = []UID{}
	}
	for len(uids) > storeChunk {
		c, m, err := a.changeChunk(ctx, id, uids[:storeChunk], f)
		if changed, modified = append(changed, c...), append(modified, m...); err != nil {
			return changed, modified, err
		}
		uids = uids[storeChunk:]
	}
	c, m, err := a.changeChunk(ctx, id, uids, f)
	return append(changed, c...), append(modified, m...), err
}

func (a *Account) changeChunk(ctx context.Context, id MailboxID, uids []UID, c FlagChange) (changed []Item, modified []UID, err error) {
	err = a.update(ctx, func(e *edit) error {
		changed, modified = nil, nil
		old, err := e.mailbox(ctx, id)
		if err != nil {
			return err
		}
		box := *old
		flags, err := box.flags(c.System, c.Keywords, c.Op != RemoveFlags)
		if err != nil {
			return err
		}
		list, err := e.sheets(ctx, id, uids)
		if err != nil {
			return err
		}
		eachPicked(list, uids, func(s *sheet, n int) {
			i := s.items[n]
			if c.UnchangedSince > 0 && i.ModSeq > c.UnchangedSince {
				modified = append(modified, i.UID) // RFC 7162 §3.1.3
				return
			}
			if f := c.Op.apply(i.Flags, flags)&^c.Keep | i.Flags&c.Keep; f != i.Flags {
				box.countFlags(i.Flags, -1)
				box.countFlags(f, 1)
				i.Flags, i.ModSeq = f, e.modseq
				s.set(n, i)
				changed = append(changed, i)
			}
		})
		if len(changed) > 0 || len(box.Keywords) != len(old.Keywords) {
			*e.box(id) = box
			l := e.entry(id)
			l.changed = append(l.changed, uidsOf(changed)...)
			e.writeSheets(id, list)
		}
		return nil
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

// eachItem reads the flags of uids; nil means all. The account is settled.
func (e *edit) eachItem(ctx context.Context, id MailboxID, uids []UID, fn func(Item)) error {
	return e.s.view(ctx, func(r kv.Reader) error {
		if uids == nil {
			return scanItems(r, e.a.id, id, everyUID, func(i Item) error { fn(i); return nil })
		}
		return eachItem(r, e.a.id, id, uids, func(i Item) error { fn(i); return nil })
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
	n := 0
	var m Meta
	return e.s.view(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, e.a.id, id, uidsOf(items), func(u UID, val []byte) error {
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

// transferMost is how many messages one commit copies or moves.
const transferMost = 50000

// Destination is a mailbox that messages are copied or moved into.
type Destination struct {
	Account AccountID // 0: the one they are in
	Mailbox string
	ID      MailboxID // that Mailbox must still be, for whoever may not use another; 0: any
	Without Flags     // that they lose on the way; any bit from FirstKeyword on stands for all keywords
}

// Copy puts messages into another mailbox of the account.
func (a *Account) Copy(ctx context.Context, from MailboxID, uids []UID, to string) (Copied, error) {
	return a.CopyTo(ctx, from, uids, Destination{Mailbox: to})
}

// Move is Copy that removes the messages from where they were.
func (a *Account) Move(ctx context.Context, from MailboxID, uids []UID, to string) (Copied, error) {
	return a.MoveTo(ctx, from, uids, Destination{Mailbox: to})
}

// CopyTo puts messages into another mailbox with their flags, keywords and
// internal date, in one commit: all of them or none (RFC 9051 §6.4.7).
func (a *Account) CopyTo(ctx context.Context, from MailboxID, uids []UID, to Destination) (Copied, error) {
	if most := a.transferMost(to); len(uids) > most {
		return Copied{}, fail(LimitReached, "at most %d messages are copied at once: copy fewer", most)
	}
	return a.transfer(ctx, from, uids, to, false)
}

// MoveTo is CopyTo that removes the messages from where they were. Very many are
// moved by several commits; each message is always in one mailbox of the two
// (RFC 6851 §3.3).
func (a *Account) MoveTo(ctx context.Context, from MailboxID, uids []UID, to Destination) (c Copied, err error) {
	uids = sorted(uids)
	for most := a.transferMost(to); len(uids) > most; uids = uids[most:] {
		part, err := a.transfer(ctx, from, uids[:most], to, true)
		if c.add(part); err != nil {
			return c, err
		}
	}
	part, err := a.transfer(ctx, from, uids, to, true)
	c.add(part)
	return c, err
}

// transferMost is how many messages one commit brings there.
func (a *Account) transferMost(to Destination) int {
	if a.isElsewhere(to) {
		return carryMost
	}
	return transferMost
}

func (a *Account) isElsewhere(to Destination) bool { return to.Account != 0 && to.Account != a.id }

func (c *Copied) add(part Copied) {
	c.UIDValidity = part.UIDValidity
	c.From, c.To = append(c.From, part.From...), append(c.To, part.To...)
}

func (a *Account) transfer(ctx context.Context, from MailboxID, uids []UID, to Destination, move bool) (c Copied, err error) {
	if a.isElsewhere(to) {
		return a.carry(ctx, from, uids, to, move)
	}
	err = a.update(ctx, func(e *edit) error {
		src, err := e.mailbox(ctx, from)
		if err != nil {
			return err
		}
		id, err := e.named(to.Mailbox, to.ID)
		if err != nil {
			return err
		}
		c = Copied{UIDValidity: e.next.boxes[id].UIDValidity}
		if len(uids) == 0 {
			return nil
		}
		if move {
			src = e.box(from)
		}
		c, err = e.transfer(ctx, src, e.box(id), uids, move, to.Without)
		return err
	})
	return c, err
}

// transfer copies or moves uids (nil: all). A message keeps its email id.
func (e *edit) transfer(ctx context.Context, src, dst *Mailbox, uids []UID, move bool, without Flags) (Copied, error) {
	c := Copied{UIDValidity: dst.UIDValidity}
	var copies []transferred
	err := e.eachMessage(ctx, src, uids, func(m *Meta, i Item) error {
		flags, err := dst.arriving(src, i.Flags, without)
		if err != nil {
			return err
		}
		e.modernise(src.ID, m)
		if move {
			e.unlink(src, m, i.Flags)
		}
		c.From = append(c.From, m.UID)
		if err := e.link(dst, m, flags); err != nil {
			return err
		}
		c.To = append(c.To, m.UID)
		copies = append(copies, transferred{c.From[len(c.From)-1], Instance{dst.ID, m.UID}})
		return nil
	})
	if err != nil {
		return c, err
	}
	return c, e.copyFields(ctx, src.ID, copies, e)
}

// arriving are the flags, by the bits of m, of a message that comes from src.
func (m *Mailbox) arriving(src *Mailbox, f, without Flags) (Flags, error) {
	if without >= 1<<FirstKeyword {
		without |= ^Flags(1<<FirstKeyword - 1)
	}
	f &^= without
	return m.flags(f, src.keywordsOf(f), true)
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
