package mail

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

const (
	keepEvery  = time.Hour
	sweepGrace = 24 * time.Hour // a day also covers a session that reads what was just expunged
	sweepBatch = 1000
)

// Run keeps house until ctx ends: it brings the store to the present format,
// indexes what has come, gathers flags into pages, and every hour takes away what has had its time.
func (s *Store) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { s.runIndexer(ctx) })
	wg.Go(func() { s.runGatherer(ctx) })
	defer wg.Wait()
	if err := s.migrate(ctx); err != nil && ctx.Err() == nil {
		s.Log.Error("mail: the store could not be brought to the present format; it works, and the next start tries again", "err", err)
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		if err := s.keepHouse(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("mail: housekeeping failed; it is tried again in an hour", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

var housekeeperKey = []byte("housekeeper")

// keepHouse does one round, unless another process did one within the hour.
func (s *Store) keepHouse(ctx context.Context) error {
	if ours, err := s.takeRound(ctx); err != nil || !ours {
		return err
	}
	list, err := s.Registered(ctx)
	if err != nil {
		return err
	}
	errs := []error{s.finishDoomed(ctx, list)}
	for i := range list {
		if list[i].Doomed {
			continue
		}
		if err := s.Account(list[i].ID).keepHouse(ctx); !errors.Is(err, errGone) {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	errs = append(errs, s.sweep(ctx))
	if engine, ok := s.KV.(kv.Tidier); ok {
		errs = append(errs, engine.Tidy(ctx))
	}
	return errors.Join(errs...)
}

// keepHouse does what is due in one account. In most nothing is: they are not
// even loaded.
func (a *Account) keepHouse(ctx context.Context) error {
	log, vault := a.s.Now().Add(-a.s.KeepLog), a.s.Now().Add(-a.s.Keep)
	due, err := a.overdue(ctx, log, vault)
	if err != nil || !due {
		return err
	}
	if err := a.emptyDoomed(ctx); err != nil {
		return err
	}
	if err := a.pruneLog(ctx, log); err != nil {
		return err
	}
	return a.purgeVault(ctx, vault)
}

// overdue reports whether a mailbox is to be emptied, the change log reaches
// back beyond one time, or the vault beyond the other.
func (a *Account) overdue(ctx context.Context, log, vault time.Time) (due bool, err error) {
	first := func(r kv.Reader, kind byte, is func(key, row []byte) bool) error {
		return r.Scan(a.id, []byte{kind}, []byte{kind + 1}, kv.ScanOptions{Limit: 1}, func(key, row []byte) error {
			due = due || is(key, row)
			return nil
		})
	}
	err = a.s.view(ctx, func(r kv.Reader) error {
		return errors.Join(
			first(r, keyDoomed, func(_, _ []byte) bool { return true }),
			first(r, keyChange, func(_, row []byte) bool { d := &decoder{b: row}; return int64(d.uint()) < log.Unix() }),
			first(r, keyVault, func(key, _ []byte) bool { return int64(binary.BigEndian.Uint64(key[1:])) < vault.Unix() }),
		)
	})
	return due, err
}

// takeRound notes the time of this round; only one process can.
func (s *Store) takeRound(ctx context.Context) (ours bool, err error) {
	now := s.Now().Unix()
	var last []byte
	err = s.view(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.System, housekeeperKey)
		if ok {
			last = append([]byte{}, val...)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	d := &decoder{b: last}
	if at := d.int(); s.Shared && d.err == nil && now >= at && now-at < int64(keepEvery/time.Second)/2 {
		return false, nil
	}
	b := new(kv.Batch)
	b.Assert(kv.System, housekeeperKey, last)
	b.Set(kv.System, housekeeperKey, binary.AppendVarint(nil, now))
	err = kv.Commit(ctx, s.KV, b)
	if errors.Is(err, kv.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// sweep deletes what was released before the grace period and what was written
// before it and never referred to. A body without references can't gain one: a
// copy is made from a message that holds one, and a delivery refuses a body
// that is half as old (see fresh).
func (s *Store) sweep(ctx context.Context) error {
	for p := range kv.Part(kv.BodyParts) {
		for n := sweepBatch; n == sweepBatch; {
			var err error
			if n, err = s.sweepCandidates(ctx, kv.FirstBodies+p); err != nil {
				return err
			}
		}
	}
	return s.sweepOrphans(ctx)
}

// sweepCandidates decides up to sweepBatch candidates of one partition and
// returns how many there were.
func (s *Store) sweepCandidates(ctx context.Context, p kv.Part) (n int, err error) {
	b := new(kv.Batch)
	var dead []blob.ID
	last := dayOf(s.Now().Add(-sweepGrace))
	hi := binary.BigEndian.AppendUint16([]byte{keyGarbage}, last)
	err = s.view(ctx, func(r kv.Reader) error {
		return r.Scan(p, []byte{keyGarbage}, hi, kv.ScanOptions{Limit: sweepBatch}, func(key, _ []byte) error {
			n++
			b.Delete(p, append([]byte(nil), key...))
			id := blob.ID(key[3:])
			used, err := s.referred(r, id)
			if err == nil && !used {
				dead = append(dead, id)
				b.Delete(p, bodyKey(id))
				b.Delete(p, headKey(id))
			}
			return err
		})
	})
	if err != nil || n == 0 {
		return n, err
	}
	if err := s.Blobs.Delete(ctx, dead...); err != nil {
		return n, err
	}
	return n, kv.Commit(ctx, s.KV, b)
}

// referred reports whether anybody holds a reference to a body.
func (s *Store) referred(r kv.Reader, id blob.ID) (used bool, err error) {
	lo := referenceKey(id, nil)
	parts := []kv.Part{bodyPart(id)}
	if s.old.Load() {
		parts = append(parts, kv.OldBodies)
	}
	for _, p := range parts {
		err = errors.Join(err, r.Scan(p, lo, after(lo), kv.ScanOptions{Limit: 1}, func(_, _ []byte) error {
			used = true
			return nil
		}))
	}
	return used, err
}

// sweepOrphans deletes large bodies whose commit never came.
func (s *Store) sweepOrphans(ctx context.Context) error {
	oldest := s.Now().Add(-sweepGrace)
	if u, ok := s.Blobs.(blob.Sweeper); ok {
		if err := u.SweepUnfinished(ctx, oldest); err != nil {
			return err
		}
	}
	return s.Blobs.List(ctx, func(i blob.Info) error {
		if i.Written.After(oldest) || i.ID.Time().After(oldest) {
			return nil
		}
		return s.view(ctx, func(r kv.Reader) error {
			used, err := s.referred(r, i.ID)
			if err != nil || used {
				return err
			}
			return s.Blobs.Delete(ctx, i.ID)
		})
	})
}
