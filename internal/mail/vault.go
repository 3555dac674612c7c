package mail

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"tem/internal/kv"
)

// The vault keeps emails that were removed from their last mailbox for
// Options.Keep. They count against no quota, no search finds them, and they can
// be brought back as new messages. An account with a quota in octets has a vault
// of that size: what was removed first leaves first.

// Buried is an email in the vault.
type Buried struct {
	Email   EmailID
	Mailbox string // that it was removed from
	Removed time.Time
	Meta    Meta // UID is what it had there
	Flags   Flags
	// Keywords are those of Flags, by name: the mailbox may be gone.
	Keywords []string
}

// VaultKeeps reports whether a removed email can be brought back.
func (s *Store) VaultKeeps() bool { return s.Keep > 0 }

func vaultKey(at time.Time, email EmailID) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 17), keyVault), uint64(at.Unix()))
	return binary.BigEndian.AppendUint64(k, uint64(email))
}

// bury moves an email that no mailbox has any more into the vault.
func (e *edit) bury(box *Mailbox, v *victim) {
	if e.s.Keep <= 0 {
		e.s.Release(e.b, v.meta.Body, emailOwner(e.a.id, v.meta.Email))
		return
	}
	row := appendBytes(make([]byte, 0, 64+len(v.row)), box.Name)
	row = binary.BigEndian.AppendUint32(row, uint32(v.meta.UID))
	row = binary.BigEndian.AppendUint64(row, uint64(v.flags&systemFlags))
	row = appendStrings(row, box.keywordsOf(v.flags))
	e.b.Set(e.a.id, vaultKey(e.s.Now(), v.meta.Email), append(row, v.row...))
	e.next.state.vault.add(v.meta.Size, 1)
	e.dirty = true
}

func decodeBuried(key, row []byte) (b Buried, err error) {
	if len(key) != 17 {
		return b, errRow
	}
	d := &decoder{b: row}
	b.Removed = time.Unix(int64(binary.BigEndian.Uint64(key[1:])), 0)
	b.Email = EmailID(binary.BigEndian.Uint64(key[9:]))
	b.Mailbox = string(d.bytes())
	uid := UID(d.uint32())
	b.Flags = Flags(d.uint64())
	b.Keywords = d.strings()
	if d.err != nil {
		return b, d.err
	}
	return b, b.Meta.decode(uid, d.b)
}

// Vault lists what can be brought back, the latest removed last.
func (a *Account) Vault(ctx context.Context) (list []Buried, err error) {
	err = a.read(ctx, func(r kv.Reader) error {
		return scanVault(r, a.id, 0, func(_ []byte, b Buried) error {
			list = append(list, b)
			return nil
		})
	})
	return list, err
}

// scanVault calls fn for each email in the vault, the first removed first.
func scanVault(r kv.Reader, account kv.Part, limit int, fn func(key []byte, b Buried) error) error {
	return r.Scan(account, []byte{keyVault}, []byte{keyVault + 1}, kv.ScanOptions{Limit: limit}, func(key, row []byte) error {
		key = bytes.Clone(key)
		b, err := decodeBuried(key, bytes.Clone(row))
		if err != nil {
			return err
		}
		return fn(key, b)
	})
}

// Restore brings emails back from the vault as new ones, without \Deleted, into
// the mailboxes they were removed from, or into INBOX where these are gone.
// Their threads take them back where these live on. What is not in the vault is
// left out of the result.
func (a *Account) Restore(ctx context.Context, emails []EmailID) (placed []Placed, err error) {
	err = a.update(ctx, func(e *edit) error {
		placed = nil
		var back []Buried
		asked := make(map[EmailID]bool, len(emails))
		for _, email := range emails {
			asked[email] = true
		}
		err := e.eachBuried(ctx, 0, func(_ []byte, b Buried) error {
			if asked[b.Email] {
				back = append(back, b)
			}
			return nil
		})
		threads := make(map[ThreadID]ThreadID)
		for i := range back {
			if err != nil {
				break
			}
			var p Placed
			p, err = e.restore(ctx, &back[i], threads)
			placed = append(placed, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return placed, nil
}

// eachBuried is scanVault after settling the account.
func (e *edit) eachBuried(ctx context.Context, limit int, fn func(key []byte, b Buried) error) error {
	if err := e.settle(ctx); err != nil {
		return err
	}
	return e.s.view(ctx, func(r kv.Reader) error { return scanVault(r, e.a.id, limit, fn) })
}

// restore brings one email back; threads are those that others were brought
// back into by the same commit, by what they were before.
func (e *edit) restore(ctx context.Context, b *Buried, threads map[ThreadID]ThreadID) (Placed, error) {
	box, err := e.target(b.Mailbox, 0)
	if err != nil {
		if box, err = e.target(inbox, 0); err != nil {
			return Placed{}, err
		}
	}
	flags, err := box.flags(b.Flags&^Deleted, b.Keywords, true)
	if err != nil {
		return Placed{}, err
	}
	if err := e.charge(b.Meta.Size); err != nil {
		return Placed{}, err
	}
	m := b.Meta
	m.Email = e.next.state.nextEmail // a new number: an email that was destroyed does not come back (RFC 8620 §1.2)
	e.next.state.nextEmail++
	if m.Thread, err = e.rejoin(ctx, m.Thread, m.Email, threads); err != nil {
		return Placed{}, err
	}
	e.known(&m)
	e.exhume(vaultKey(b.Removed, b.Email), b)
	if m.Shape&ShapeFields != 0 {
		if m.fields, err = e.s.readFields(ctx, &m); ctx.Err() != nil {
			return Placed{}, ctx.Err()
		}
		if m.fields == nil { // the body can't be read: the rest comes back
			m.Shape &^= ShapeFields
		}
	}
	err = e.link(box, &m, flags)
	return Placed{e.a.id, box.ID, box.UIDValidity, m.UID, m.Email}, err
}

// rejoin is the thread of an email that comes back: the one it had while that
// has members, or else one that it begins.
func (e *edit) rejoin(ctx context.Context, had ThreadID, email EmailID, threads map[ThreadID]ThreadID) (ThreadID, error) {
	if t, ok := threads[had]; ok {
		return t, nil
	}
	threads[had] = ThreadID(email)
	err := e.s.view(ctx, func(r kv.Reader) error {
		members, err := threadMembers(r, e.a.id, had)
		if len(members) > 0 {
			threads[had] = had
		}
		return err
	})
	return threads[had], err
}

// exhume takes an email out of the vault.
func (e *edit) exhume(key []byte, b *Buried) {
	e.b.Delete(e.a.id, key)
	e.s.Release(e.b, b.Meta.Body, emailOwner(e.a.id, b.Email))
	e.next.state.vault.add(-b.Meta.Size, -1)
	e.dirty = true
}

// trimVault lets go of what was removed first when the vault is larger than the
// account may be; what this commit buries stays.
func (e *edit) trimVault(ctx context.Context) error {
	most := e.next.state.quota.BytesLimit
	if most == 0 || e.next.state.vault.Bytes <= most {
		return nil
	}
	return e.eachBuried(ctx, e.s.chunks.bury, func(key []byte, b Buried) error {
		if e.next.state.vault.Bytes <= most {
			return kv.ErrStop
		}
		e.exhume(key, &b)
		return nil
	})
}

// purgeVault lets go of what was removed before a time.
func (a *Account) purgeVault(ctx context.Context, before time.Time) error {
	for n := a.s.chunks.bury; n == a.s.chunks.bury; {
		err := a.tend(ctx, func(e *edit) error {
			n = 0
			return e.eachBuried(ctx, e.s.chunks.bury, func(key []byte, b Buried) error {
				if !b.Removed.Before(before) {
					return kv.ErrStop
				}
				n++
				e.exhume(key, &b)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
