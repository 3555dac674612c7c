package mail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"tem/internal/blob"
	"tem/internal/kv"
)

// A store of format 1 is brought to format 2 while it is in use, in two steps:
// bodies and references move from one partition to many, then each account's
// rows are written anew: an email's rows once instead of once per instance, and
// the hash of its body. Every commit leaves a store that works and says how far
// it has come, so that a crash costs nothing. This file is all that knows
// format 1, but for the calls of modernise and the tests of Store.old.

var migrationKey = []byte("migration")

// migration is how far a store has come.
type migration struct {
	step    uint8   // 0: bodies, 1: accounts
	rows    uint64  // moved
	letters uint64  // written anew
	account kv.Part // the one under way, or the last done
	next    []byte  // where to go on: a key of kv.OldBodies, or of a message of account
}

func (m *migration) row() []byte {
	row := appendUints([]byte{m.step}, m.rows, m.letters, uint64(m.account))
	return appendBytes(row, m.next)
}

func decodeMigration(row []byte) (m migration, err error) {
	d := &decoder{b: row}
	m = migration{d.byte(), d.uint(), d.uint(), kv.Part(d.uint()), bytes.Clone(d.bytes())}
	return m, d.err
}

// readMigration returns nil when there is none under way.
func (s *Store) readMigration(ctx context.Context) (m *migration, row []byte, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.System, migrationKey)
		if err != nil || !ok {
			return err
		}
		row = bytes.Clone(val)
		found, err := decodeMigration(row)
		m = &found
		return err
	})
	return m, row, err
}

// migrate does what is left to do.
func (s *Store) migrate(ctx context.Context) error {
	s.migrating.Lock() // a check may want it done too
	defer s.migrating.Unlock()
	m, row, err := s.readMigration(ctx)
	if err != nil || m == nil {
		return err
	}
	s.Log.Info("mail: bringing the rows of format 1 to the present format; the store can be used meanwhile")
	for m.step == 0 {
		if row, err = s.moveBodies(ctx, m, row); err != nil && !errors.Is(err, kv.ErrConflict) {
			return fmt.Errorf("move the bodies: %w", err)
		} else if err != nil { // a row changed under us
			if m, row, err = s.readMigration(ctx); err != nil || m == nil {
				return err
			}
		}
	}
	if err := s.migrateAccounts(ctx, m); err != nil {
		return err
	}
	b := new(kv.Batch)
	b.Delete(kv.System, migrationKey)
	if err := kv.Commit(ctx, s.KV, b); err != nil {
		return err
	}
	s.old.Store(false)
	s.Log.Info("mail: nothing of format 1 is left in the store", "rows", m.rows, "messages", m.letters)
	return nil
}

// moveBytes is how many octets a chunk of moveBodies has at most.
const moveBytes = 4 << 20

// moveBodies moves the next rows of kv.OldBodies and returns the new row of m.
// Each is asserted, so that none comes back that is deleted at the same time.
func (s *Store) moveBodies(ctx context.Context, m *migration, row []byte) ([]byte, error) {
	b := new(kv.Batch)
	b.Assert(kv.System, migrationKey, row)
	size, owners := 0, make(map[kv.Part]bool)
	err := s.view(ctx, func(r kv.Reader) error {
		return r.Scan(kv.OldBodies, m.next, nil, kv.ScanOptions{Limit: s.chunks.move}, func(key, val []byte) error {
			key, val = bytes.Clone(key), append([]byte{}, val...)
			id, err := bodyOfRow(key)
			if err != nil {
				return err
			}
			b.Assert(kv.OldBodies, key, val)
			b.Set(bodyPart(id), key, val)
			b.Delete(kv.OldBodies, key)
			if key[0] == keyReference && len(key) == 33 {
				owners[kv.Part(binary.BigEndian.Uint64(key[17:]))] = true
			}
			m.next = append(key, 0)
			m.rows++
			if size += len(key) + len(val); size > moveBytes {
				return kv.ErrStop
			}
			return nil
		})
	})
	if err != nil {
		return row, err
	}
	if size == 0 {
		*m = migration{step: 1, rows: m.rows}
	}
	if err := s.registerOwners(ctx, b, owners); err != nil {
		return row, err
	}
	b.Set(kv.System, migrationKey, m.row())
	return m.row(), kv.Commit(ctx, s.KV, b)
}

// bodyOfRow is the body that a row of kv.OldBodies is about.
func bodyOfRow(key []byte) (id blob.ID, err error) {
	at := 1
	if len(key) > 0 && key[0] == keyGarbage {
		at = 3
	}
	if len(key) < at+len(id) {
		return id, errRow
	}
	return blob.ID(key[at : at+len(id)]), nil
}

// registerOwners lists the accounts that hold references, as format 1 did not.
func (s *Store) registerOwners(ctx context.Context, b *kv.Batch, owners map[kv.Part]bool) error {
	return s.view(ctx, func(r kv.Reader) error {
		for id := range owners {
			if id < kv.FirstAccount {
				continue
			}
			row, lives, err := r.Get(id, stateKey)
			if err != nil {
				return err
			}
			_, listed, err := r.Get(kv.Accounts, accountKey(id))
			if err != nil {
				return err
			}
			if lives && !listed { // and not deleted at the same time
				b.Assert(id, stateKey, bytes.Clone(row))
				b.Assert(kv.Accounts, accountKey(id), nil)
				b.Set(kv.Accounts, accountKey(id), (&Registered{ID: id}).row())
			}
		}
		return nil
	})
}

func (s *Store) migrateAccounts(ctx context.Context, m *migration) error {
	list, err := s.Registered(ctx)
	if err != nil {
		return err
	}
	for _, g := range list {
		if g.ID < m.account || g.Doomed {
			continue
		}
		if g.ID > m.account {
			m.account, m.next = g.ID, []byte{keyMeta}
		}
		if err := s.Account(g.ID).migrate(ctx, m); err != nil && !errors.Is(err, errGone) {
			return fmt.Errorf("account %d: %w", g.ID, err)
		}
	}
	return nil
}

// leaveFirstLayout starts a change log of today's kind: that of format 1 can't
// say which emails were destroyed.
func (e *edit) leaveFirstLayout() {
	if !e.next.listed { // or else it may be listed as one that is being deleted
		e.b.Assert(kv.Accounts, accountKey(e.a.id), nil)
		e.register()
	}
	e.dirty = true
	e.b.DeleteRange(e.a.id, []byte{keyChange}, []byte{keyChange + 1})
	e.next.state.layout = layoutMixed
	if e.next.state.quota.Messages == 0 { // there is nothing to write anew
		e.next.state.layout = layoutNow
	}
	e.next.state.pruned = e.a.cache.state.modseq
}

// modernise writes the rows of one message's email as format 2 has them, in an
// account that may still have those of format 1.
func (e *edit) modernise(id MailboxID, m *Meta) {
	if e.next.state.layout == layoutNow {
		return
	}
	e.b.Delete(e.a.id, appendInstance(threadKey(m.Thread, m.Email), id, m.UID))
	for _, h := range m.hashes {
		e.b.Delete(e.a.id, appendInstance(messageIDPrefix(h), id, m.UID))
	}
	owner := appendInstance(binary.BigEndian.AppendUint64(nil, uint64(e.a.id)), id, m.UID)
	for _, p := range []kv.Part{kv.OldBodies, bodyPart(m.Body)} {
		e.b.Delete(p, referenceKey(m.Body, owner))
	}
	e.known(m)
}

// migrate writes the account's messages anew, from m.next on, and again from
// the start if some were moved meanwhile to where it had been.
func (a *Account) migrate(ctx context.Context, m *migration) error {
	for {
		unread := 0 // bodies that can't be read
		for {
			hashes, last, err := a.hashBodies(ctx, m.next)
			if err != nil {
				return err
			}
			if last == nil {
				break
			}
			m.next = append(last, 0)
			m.letters += uint64(len(hashes))
			if err := a.rewrite(ctx, m, hashes); err != nil {
				return err
			}
			for i := range hashes {
				unread += int(bit(hashes[i].sum == [sha256.Size]byte{}))
			}
		}
		buried, err := a.hashVault(ctx)
		if err != nil {
			return err
		}
		unread += buried
		left, err := a.finishMigration(ctx, unread)
		if left <= unread || err != nil {
			return err
		}
		m.next = []byte{keyMeta}
	}
}

// hashed is a message and the hash of its body; zero if that can't be read.
type hashed struct {
	id  MailboxID
	uid UID
	sum [sha256.Size]byte
}

// hashBodies reads the bodies of those of the first messages from a key on that
// have no hash; last is the key of the last message looked at, nil at the end.
func (a *Account) hashBodies(ctx context.Context, from []byte) (list []hashed, last []byte, err error) {
	var metas []Meta
	err = a.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(a.id, from, []byte{keyMeta + 1}, kv.ScanOptions{Limit: a.s.chunks.modern}, func(key, row []byte) error {
			last = bytes.Clone(key)
			var m Meta
			if err := m.decode(uidOf(key), bytes.Clone(row)); err != nil || m.SHA256 != ([sha256.Size]byte{}) {
				return err
			}
			list = append(list, hashed{id: mailboxOf(key), uid: m.UID})
			metas = append(metas, m)
			return nil
		})
	})
	for i := range list {
		if err != nil {
			break
		}
		list[i].sum, err = a.hashBody(ctx, metas[i].Body)
	}
	return list, last, err
}

// hashVault gives a hash to those emails that came into the vault without one;
// it returns how many bodies can't be read.
func (a *Account) hashVault(ctx context.Context) (unread int, err error) {
	bodies := make(map[string]blob.ID) // by key
	err = a.s.view(ctx, func(r kv.Reader) error {
		return scanVault(r, a.id, 0, func(key []byte, b Buried) error {
			if b.Meta.SHA256 == ([sha256.Size]byte{}) {
				bodies[string(key)] = b.Meta.Body
			}
			return nil
		})
	})
	for key, id := range bodies {
		if err != nil {
			break
		}
		var sum [sha256.Size]byte
		if sum, err = a.hashBody(ctx, id); err == nil && sum == ([sha256.Size]byte{}) {
			unread++
		} else if err == nil {
			err = a.sealBuried(ctx, []byte(key), sum[:])
		}
	}
	return unread, err
}

// sealBuried adds the hash, which stands last, to a row of the vault.
func (a *Account) sealBuried(ctx context.Context, key, sum []byte) error {
	return a.tend(ctx, func(e *edit) error {
		if err := e.settle(ctx); err != nil {
			return err
		}
		return e.s.view(ctx, func(r kv.Reader) error {
			row, ok, err := r.Get(a.id, key)
			if ok && err == nil {
				e.b.Set(a.id, key, slices.Concat(row, sum))
				e.dirty = true
			}
			return err
		})
	})
}

// hashBody is Store.hashBody; zero, and a line in the log, for what can't be read.
func (a *Account) hashBody(ctx context.Context, id blob.ID) (sum [sha256.Size]byte, err error) {
	if sum, err = a.s.hashBody(ctx, id); err != nil && ctx.Err() == nil {
		a.s.Log.Warn("mail: a body can't be read; `tem store check` says more", "account", uint64(a.id), "body", id, "err", err)
		return sum, nil
	}
	return sum, err
}

// hashBody is the SHA-256 of a stored body.
func (s *Store) hashBody(ctx context.Context, id blob.ID) (sum [sha256.Size]byte, err error) {
	r, err := s.OpenBody(ctx, id)
	if err != nil {
		return sum, err
	}
	defer r.Close()
	return hashOctets(r)
}

func hashOctets(r Reader) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

func (a *Account) rewrite(ctx context.Context, m *migration, list []hashed) error {
	return a.tend(ctx, func(e *edit) error {
		if err := e.settle(ctx); err != nil {
			return err
		}
		e.dirty = true
		e.b.Set(kv.System, migrationKey, m.row())
		return e.s.view(ctx, func(r kv.Reader) error {
			for _, h := range list {
				key := messageKey(keyMeta, h.id, h.uid)
				row, ok, err := r.Get(a.id, key)
				if err != nil {
					return err
				}
				if !ok {
					continue // removed meanwhile
				}
				var meta Meta
				if err := meta.decode(h.uid, row); err != nil {
					return err
				}
				e.modernise(h.id, &meta)
				meta.SHA256 = h.sum
				e.b.Set(a.id, key, meta.append(nil))
			}
			return nil
		})
	})
}

// finishMigration checks that everything is there, counts the quota as format 2
// does, each email once, and declares the account done, unless more messages
// than unread are left without a hash.
func (a *Account) finishMigration(ctx context.Context, unread int) (left int, err error) {
	err = a.tend(ctx, func(e *edit) error {
		if left = 0; e.next.state.layout == layoutNow {
			return nil
		}
		if err := e.settle(ctx); err != nil {
			return err
		}
		q := Quota{BytesLimit: e.next.state.quota.BytesLimit, MessagesLimit: e.next.state.quota.MessagesLimit}
		emails := make(map[EmailID]bool)
		counts := make(map[MailboxID]uint32)
		err := e.eachBuried(ctx, 0, func(_ []byte, b Buried) error {
			left += int(bit(b.Meta.SHA256 == [sha256.Size]byte{}))
			return nil
		})
		if err != nil {
			return err
		}
		err = e.s.view(ctx, func(r kv.Reader) error {
			return r.Scan(a.id, []byte{keyMeta}, []byte{keyMeta + 1}, kv.ScanOptions{}, func(key, row []byte) error {
				var m Meta
				if err := m.decode(uidOf(key), row); err != nil {
					return err
				}
				counts[mailboxOf(key)]++
				left += int(bit(m.SHA256 == [sha256.Size]byte{}))
				if !emails[m.Email] {
					emails[m.Email] = true
					q.add(m.Size, 1)
				}
				_, held, err := r.Get(bodyPart(m.Body), referenceKey(m.Body, emailOwner(a.id, m.Email)))
				if err == nil && !held {
					err = fmt.Errorf("email %d has no reference to its body", m.Email)
				}
				return err
			})
		})
		if err != nil || left > unread {
			return err
		}
		for id, box := range e.next.boxes {
			if counts[id] != box.Messages {
				return fmt.Errorf("mailbox %s says it has %d messages and has %d", box.Name, box.Messages, counts[id])
			}
		}
		e.next.state.quota, e.next.state.layout, e.dirty = q, layoutNow, true
		return nil
	})
	return left, err
}
