package mail

import (
	"context"
	"encoding/binary"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

const (
	sweepEvery = time.Hour
	sweepGrace = 24 * time.Hour // a day also covers a session that reads what was just expunged
	sweepBatch = 1000
)

// Run sweeps unreferenced bodies until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("sweep of unreferenced bodies failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// sweep deletes what was released before the grace period and what was written
// before it and never referred to. A body without references can't gain one: a
// copy is made from a message that holds one.
func (s *Store) sweep(ctx context.Context) error {
	for {
		n, err := s.sweepCandidates(ctx)
		if err != nil {
			return err
		}
		if n < sweepBatch {
			return s.sweepOrphans(ctx)
		}
	}
}

// sweepCandidates decides up to sweepBatch candidates and returns how many there were.
func (s *Store) sweepCandidates(ctx context.Context) (n int, err error) {
	b := new(kv.Batch)
	var dead []blob.ID
	last := dayOf(s.Now().Add(-sweepGrace))
	hi := binary.BigEndian.AppendUint16([]byte{keyGarbage}, last)
	err = s.view(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Bodies, []byte{keyGarbage}, hi, kv.ScanOptions{Limit: sweepBatch}, func(key, _ []byte) error {
			n++
			b.Delete(kv.Bodies, append([]byte(nil), key...))
			id := blob.ID(key[3:])
			used, err := referred(r, id)
			if err == nil && !used {
				dead = append(dead, id)
				b.Delete(kv.Bodies, bodyKey(id))
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
func referred(r kv.Reader, id blob.ID) (used bool, err error) {
	lo := referenceKey(id, nil)
	err = r.Scan(kv.Bodies, lo, after(lo), kv.ScanOptions{Limit: 1}, func(_, _ []byte) error {
		used = true
		return nil
	})
	return used, err
}

// sweepOrphans deletes large bodies whose commit never came.
func (s *Store) sweepOrphans(ctx context.Context) error {
	oldest := s.Now().Add(-sweepGrace)
	return s.Blobs.List(ctx, func(i blob.Info) error {
		if i.Written.After(oldest) || i.ID.Time().After(oldest) {
			return nil
		}
		return s.view(ctx, func(r kv.Reader) error {
			used, err := referred(r, i.ID)
			if err != nil || used {
				return err
			}
			return s.Blobs.Delete(ctx, i.ID)
		})
	})
}
