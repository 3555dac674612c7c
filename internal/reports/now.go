package reports

import (
	"bytes"
	"context"
	"errors"

	"tem/internal/kv"
)

// SendNow sends a domain the reports on all that was counted until now,
// without waiting for the end of the day, and returns what became of each. What
// comes later on the same day goes into another report, so that nothing is told twice.
func (r *Reports) SendNow(ctx context.Context, domain string) (list []Sent, err error) {
	r.flush(ctx)
	today := dayOf(r.o.Now())
	for _, k := range []Kind{DMARC, TLS} {
		if err := r.cut(ctx, k, today, domain); err != nil {
			return list, err
		}
		all, err := r.counts(ctx, k, today+1)
		if err != nil {
			return list, err
		}
		for i := range all {
			d := &all[i]
			if d.domain != domain || d.day == today && d.until == 0 {
				continue
			}
			s, err := r.deal(ctx, d, true)
			if err != nil {
				return list, err
			}
			if s != nil {
				list = append(list, *s)
			}
		}
	}
	return list, nil
}

// cut sets what was counted of a day until now apart, as what a report of its
// own is made of: from here on it is dealt with like a day that has ended. Of
// very much, the rest stays for the day's report.
func (r *Reports) cut(ctx context.Context, k Kind, day uint32, domain string) (err error) {
	for range addTries {
		var b kv.Batch
		if b, err = r.cutting(ctx, &due{kind: k, day: day, domain: domain, until: r.o.Now().UnixNano()}); err != nil || len(b.Ops) == 0 {
			return err
		}
		if err = kv.Commit(ctx, r.o.KV, &b); !errors.Is(err, kv.ErrConflict) {
			return err
		}
	}
	return err
}

// cutting is the batch that renames the counts of a day to those of d.
func (r *Reports) cutting(ctx context.Context, d *due) (b kv.Batch, err error) {
	lo, hi := countKeys(d.kind, d.day, d.domain)
	to, _ := countKeys(d.kind, d.day, d.name())
	err = r.o.KV.View(ctx, func(v kv.Reader) error {
		err := v.Scan(kv.Reports, lo, hi, kv.ScanOptions{Limit: maxRecords}, func(key, val []byte) error {
			key, val = bytes.Clone(key), bytes.Clone(val)
			b.Assert(kv.Reports, key, val)
			b.Delete(kv.Reports, key)
			b.Set(kv.Reports, append(bytes.Clone(to), key[len(lo):]...), val)
			return nil
		})
		if err != nil || len(b.Ops) == 0 {
			return err
		}
		row, _, err := v.Get(kv.Reports, dayKey(d.kind, d.day, d.domain)) // stays: a process may be counting
		b.Assert(kv.Reports, dayKey(d.kind, d.day, d.name()), nil)
		b.Set(kv.Reports, dayKey(d.kind, d.day, d.name()), bytes.Clone(row))
		return err
	})
	return b, err
}
