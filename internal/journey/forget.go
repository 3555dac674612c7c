package journey

import (
	"context"
	"time"

	"tem/internal/kv"
)

// forgetTime is how often it is looked whether something is to be forgotten.
const forgetTime = time.Minute

// dueToForget: after a while, or after much was written.
func (j *Journal) dueToForget() bool {
	return j.o.Now().Sub(j.checked) >= forgetTime || j.grown > j.o.Size/(2*bucketShare)
}

// forget takes away the buckets that are too old, and the oldest while there is too much.
func (j *Journal) forget(ctx context.Context) {
	j.checked, j.grown = j.o.Now(), 0
	buckets, err := j.buckets(ctx)
	if err != nil {
		j.o.Log.Error("journey: forget", "err", err)
		return
	}
	var total int64
	for _, b := range buckets {
		total += b.octets
	}
	var batch kv.Batch
	for _, b := range buckets {
		old := b.last.Before(j.o.Now().Add(-j.o.Keep))
		if b.name == j.bucket.name || !old && total <= j.o.Size {
			continue
		}
		total -= b.octets
		lo, hi := b.rows()
		batch.DeleteRange(kv.Journey, lo, hi)
		batch.Delete(kv.Journey, b.key())
	}
	if len(batch.Ops) == 0 {
		return
	}
	if err := kv.Commit(ctx, j.o.KV, &batch); err != nil {
		j.o.Log.Error("journey: forget", "err", err)
	}
}

// buckets are all there are, the oldest first.
func (j *Journal) buckets(ctx context.Context) (list []bucket, err error) {
	err = j.o.KV.View(ctx, func(r kv.Reader) error {
		list, err = readBuckets(r)
		return err
	})
	return list, err
}

func readBuckets(r kv.Reader) (list []bucket, err error) {
	err = r.Scan(kv.Journey, []byte{bucketPrefix}, []byte{bucketPrefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
		b, err := decodeBucket(key, val)
		list = append(list, b)
		return err
	})
	return list, err
}
