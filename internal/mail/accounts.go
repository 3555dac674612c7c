package mail

import (
	"context"
	"encoding/binary"
	"errors"

	"tem/internal/kv"
)

// Registered is an account that has mail, as kv.Accounts lists it.
type Registered struct {
	ID     kv.Part
	Pool   string // whose quota it shares
	Doomed bool   // being deleted
}

func accountKey(id kv.Part) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyAccount}, uint64(id))
}

func (g *Registered) row() []byte { return appendBytes([]byte{bit(g.Doomed)}, g.Pool) }

// register lists the account, with its pool.
func (e *edit) register() {
	g := Registered{ID: e.a.id, Pool: e.next.state.pool}
	e.b.Set(kv.Accounts, accountKey(g.ID), g.row())
	e.dirty = true
}

// Registered lists every account that has mail, in the order of ids.
func (s *Store) Registered(ctx context.Context) (list []Registered, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Accounts, []byte{keyAccount}, []byte{keyAccount + 1}, kv.ScanOptions{}, func(key, row []byte) error {
			d := &decoder{b: row}
			g := Registered{ID: kv.Part(binary.BigEndian.Uint64(key[1:])), Doomed: d.byte() != 0, Pool: string(d.bytes())}
			if d.err != nil || len(d.b) > 0 {
				g = Registered{ID: g.ID} // a damaged row must not doom anybody; Check tells of it
			}
			list = append(list, g)
			return nil
		})
	})
	return list, err
}

// Doom adds to a batch that the account is to be deleted; DeleteAccount, or the
// housekeeping after a crash, does it.
func (s *Store) Doom(b *kv.Batch, id kv.Part) {
	g := Registered{ID: id, Doomed: true}
	b.Set(kv.Accounts, accountKey(id), g.row())
}

// DeleteAccount removes everything the account has, the vault too, in as many
// commits as it takes.
func (s *Store) DeleteAccount(ctx context.Context, id kv.Part) error {
	b := new(kv.Batch)
	s.Doom(b, id)
	if err := kv.Commit(ctx, s.KV, b); err != nil {
		return internal(err)
	}
	for done := false; !done; {
		err := s.update(ctx, []kv.Part{id}, func(b *kv.Batch, edits []*edit) error {
			e := edits[0]
			s.Doom(b, id) // whatever else the edit has said
			e.dirty = true
			err := e.erase(ctx)
			done = e.removed
			return err
		})
		if err != nil {
			return err
		}
	}
	s.pools.forget()
	return nil
}

// erase removes the first of what is left; the account's rows once there are no
// messages any more, however late one came.
func (e *edit) erase(ctx context.Context) error {
	for _, step := range []func(*edit, context.Context) (int, error){(*edit).eraseVault, (*edit).eraseMessages} {
		if n, err := step(e, ctx); n > 0 || err != nil {
			return err
		}
	}
	return e.eraseRows(ctx)
}

// eraseVault empties the vault; like eraseMessages it returns how many it took.
func (e *edit) eraseVault(ctx context.Context) (n int, err error) {
	err = e.eachBuried(ctx, e.s.chunks.bury, func(key []byte, b Buried) error {
		n++
		e.exhume(key, &b)
		return nil
	})
	return n, err
}

// eraseMessages releases the bodies of the first messages there are and takes
// the rows that lead to them.
func (e *edit) eraseMessages(ctx context.Context) (n int, err error) {
	err = e.s.view(ctx, func(r kv.Reader) error {
		return r.Scan(e.a.id, []byte{keyMeta}, []byte{keyMeta + 1}, kv.ScanOptions{Limit: e.s.chunks.remove}, func(key, row []byte) error {
			var m Meta
			if err := m.decode(uidOf(key), row); err != nil {
				return err
			}
			n++
			e.modernise(MailboxID(binary.BigEndian.Uint32(key[1:])), &m)
			e.s.Release(e.b, m.Body, emailOwner(e.a.id, m.Email))
			e.b.Delete(e.a.id, append([]byte(nil), key...))
			return nil
		})
	})
	return n, err
}

// eraseRows takes all that is left.
func (e *edit) eraseRows(ctx context.Context) error {
	for id := range e.next.boxes {
		if err := e.unshare(ctx, id); err != nil {
			return err
		}
	}
	e.b.DeleteRange(e.a.id, nil, nil)
	e.b.Delete(kv.Accounts, accountKey(e.a.id))
	e.removed = true
	return nil
}

// errGone says that an account was deleted while the house was kept.
var errGone error = &Error{Kind: NotFound, Text: "the account is no more"}

// tend is update for housekeeping: it does not make an account that is no more,
// which gives errGone.
func (a *Account) tend(ctx context.Context, build func(e *edit) error) error {
	return a.update(ctx, func(e *edit) error {
		if e.a.cache.row == nil {
			return errGone
		}
		return build(e)
	})
}

// finishDoomed goes on with deletions of accounts that a crash interrupted.
func (s *Store) finishDoomed(ctx context.Context, list []Registered) error {
	var errs []error
	for i := range list {
		if list[i].Doomed {
			errs = append(errs, s.DeleteAccount(ctx, list[i].ID))
		}
	}
	return errors.Join(errs...)
}
