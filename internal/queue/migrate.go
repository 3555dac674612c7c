package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tem/internal/kv"
)

// sortRows is how many rows one commit of sortByDomain writes.
const sortRows = 5000

// sortByDomain gives the jobs of an older program their d rows, once.
func (q *Queue) sortByDomain(ctx context.Context) error {
	from, sorted, err := []byte{timePrefix}, false, error(nil)
	for from != nil && err == nil && !sorted {
		var b kv.Batch
		next := from
		err = q.o.KV.View(ctx, func(r kv.Reader) error {
			if _, sorted, err = r.Get(kv.Queue, sortedKey); err != nil || sorted {
				return err
			}
			next, err = addDomainRows(r, &b, from)
			return err
		})
		if next == nil {
			b.Set(kv.Queue, sortedKey, nil)
		}
		if err == nil && !sorted {
			err = kv.Commit(ctx, q.o.KV, &b)
		}
		switch {
		case err == nil:
			from = next
		case errors.Is(err, kv.ErrConflict): // a job moved meanwhile: another process is at work
			err = nil
		}
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("sort the queue by domain: %w", err)
	}
	return nil
}

// addDomainRows adds the d rows of the next jobs in the schedule, and says where to go on.
func addDomainRows(r kv.Reader, b *kv.Batch, from []byte) (next []byte, err error) {
	err = r.Scan(kv.Queue, from, []byte{timePrefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
		if len(b.Ops) >= sortRows {
			next = bytes.Clone(key)
			return kv.ErrStop
		}
		if h, ok := parseTimeKey(key); ok {
			domain, priority := parseTimeVal(val)
			b.Assert(kv.Queue, bytes.Clone(key), append([]byte{}, val...)) // not nil, which stands for "absent"
			b.Set(kv.Queue, domainKey(domain, priority, h.next, h.id), nil)
		}
		return nil
	})
	return next, kv.Stopped(err)
}
