package mail

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"

	"tem/internal/kv"
)

// Expunge removes those of uids that carry \Deleted (all such messages for nil).
// Very many are removed by several commits.
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
	for {
		chunk, err := a.removeChunk(ctx, id, uids, which)
		gone = append(gone, chunk...)
		if len(chunk) < a.s.chunks.remove || err != nil {
			return gone, err
		}
	}
}

// removeChunk removes the first of the messages asked for.
func (a *Account) removeChunk(ctx context.Context, id MailboxID, uids []UID, which func(Flags) bool) (gone []UID, err error) {
	err = a.update(ctx, func(e *edit) error {
		gone = nil
		box, err := e.mailbox(ctx, id)
		if err != nil {
			return err
		}
		var items []Item
		err = e.eachItem(ctx, id, uids, func(i Item) {
			if len(items) < a.s.chunks.remove && which(i.Flags) {
				items = append(items, i)
			}
		})
		if err != nil || len(items) == 0 {
			return err
		}
		victims, err := e.victims(ctx, box, items)
		for i := range victims {
			gone = append(gone, victims[i].meta.UID)
		}
		if err != nil {
			return err
		}
		return e.removeAll(ctx, removal{e.box(id), victims})
	})
	return gone, err
}

// victim is a message that is about to be removed, with its row.
type victim struct {
	meta  Meta // its slices point into row
	row   []byte
	flags Flags
}

// victims reads the messages of items.
func (e *edit) victims(ctx context.Context, box *Mailbox, items []Item) ([]victim, error) {
	list := make([]victim, 0, len(items))
	n := 0
	err := e.s.view(ctx, func(r kv.Reader) error {
		return eachRow(r, keyMeta, e.a.id, box.ID, uidsOf(items), func(u UID, row []byte) error {
			for items[n].UID < u {
				n++
			}
			list = append(list, victim{row: bytes.Clone(row), flags: items[n].Flags})
			v := &list[len(list)-1]
			return v.meta.decode(u, v.row)
		})
	})
	return list, err
}

func uidsOf(items []Item) []UID {
	uids := make([]UID, len(items))
	for n, i := range items {
		uids[n] = i.UID
	}
	return uids
}

// removal is some messages that leave a mailbox.
type removal struct {
	box     *Mailbox // to be changed
	victims []victim
}

// removeAll takes messages out of mailboxes. Those emails that are in no other
// go into the vault, or are let go of at once where there is none.
func (e *edit) removeAll(ctx context.Context, from ...removal) error {
	ending, err := e.ending(ctx, from)
	if err != nil {
		return err
	}
	for _, f := range from {
		for i := range f.victims {
			v := &f.victims[i]
			e.modernise(f.box.ID, &v.meta)
			e.unlink(f.box, &v.meta, v.flags)
			if !ending[v.meta.Email] {
				continue
			}
			delete(ending, v.meta.Email) // once, however many instances leave
			e.unknown(&v.meta)
			e.discharge(v.meta.Size)
			e.bury(f.box, v)
		}
	}
	return e.trimVault(ctx)
}

// ending are the emails that have no instances but those that leave.
func (e *edit) ending(ctx context.Context, from []removal) (map[EmailID]bool, error) {
	left := make(map[EmailID]int) // how many of the instances read are victims
	for _, f := range from {
		for i := range f.victims {
			left[f.victims[i].meta.Email]++
		}
	}
	ending := make(map[EmailID]bool, len(left))
	err := e.s.view(ctx, func(r kv.Reader) error {
		return eachInstance(r, e.a.id, left, func(email EmailID, _ MailboxID, _ UID) error {
			left[email]--
			return nil
		})
	})
	for email, n := range left {
		if n == 0 {
			ending[email] = true
		}
	}
	return ending, err
}

// eachInstance calls fn for each instance of the emails, in the order of
// emails, mailboxes, UIDs.
func eachInstance[V any](r kv.Reader, account kv.Part, emails map[EmailID]V, fn func(EmailID, MailboxID, UID) error) error {
	if len(emails) == 0 {
		return nil
	}
	list := make([]EmailID, 0, len(emails))
	for email := range emails {
		list = append(list, email)
	}
	slices.SortFunc(list, cmp.Compare[EmailID])
	visit := func(key, _ []byte) error {
		email := EmailID(binary.BigEndian.Uint64(key[1:]))
		if _, asked := emails[email]; !asked {
			return nil
		}
		return fn(email, MailboxID(binary.BigEndian.Uint32(key[9:])), UID(binary.BigEndian.Uint32(key[13:])))
	}
	last := list[len(list)-1]
	if uint64(last-list[0]) < 8*uint64(len(list)) { // close together: one scan
		return r.Scan(account, emailPrefix(list[0]), after(emailPrefix(last)), kv.ScanOptions{}, visit)
	}
	for _, email := range list {
		if err := r.Scan(account, emailPrefix(email), after(emailPrefix(email)), kv.ScanOptions{}, visit); err != nil {
			return err
		}
	}
	return nil
}
