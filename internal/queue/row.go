package queue

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

// The rows of partition kv.Queue:
//
//	j <id>               the job
//	t <next> <id>        when it is due, value: its domain; next is 8 octets, big-endian milliseconds
const (
	jobPrefix  = 'j'
	timePrefix = 't'
)

// rowVersion is written into every job row; a row of a later one is not touched.
const rowVersion = 1

// row is a job as it lies in the store. It is JSON: a job is read and written
// a few times in its life, each beside a network dialogue, so being readable
// in a dump and open to new fields is worth more than size.
type row struct {
	Version int
	Body    string // in place of Job.Body
	Job
}

// stored is a job with the bytes it was read from, which whoever changes it asserts.
type stored struct {
	Job
	raw []byte
}

func jobKey(id string) []byte { return append([]byte{jobPrefix}, id...) }

func timeKey(next time.Time, id string) []byte {
	key := binary.BigEndian.AppendUint64([]byte{timePrefix}, uint64(next.UnixMilli()))
	return append(key, id...)
}

// parseTimeKey undoes timeKey.
func parseTimeKey(key []byte) (next time.Time, id string, ok bool) {
	if len(key) <= 9 || key[0] != timePrefix {
		return time.Time{}, "", false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(key[1:9]))), string(key[9:]), true
}

// owner is the name under which a job keeps its body.
func (j *Job) owner() []byte { return []byte(j.ID) }

// write sets a job's two rows.
func (j *Job) write(b *kv.Batch) {
	b.Set(kv.Queue, jobKey(j.ID), j.encode())
	b.Set(kv.Queue, timeKey(j.Next, j.ID), []byte(j.Domain))
}

func (j *Job) encode() []byte {
	val, err := json.Marshal(row{rowVersion, j.Body.String(), *j})
	if err != nil {
		panic(err) // a struct of strings, numbers and times: can't happen
	}
	return val
}

// decode reads a job row and keeps a copy of it.
func decode(val []byte) (stored, error) {
	var r row
	if err := json.Unmarshal(val, &r); err != nil {
		return stored{}, fmt.Errorf("job row: %w", err)
	}
	if r.Version != rowVersion {
		return stored{}, fmt.Errorf("job row: version %d, this program knows %d", r.Version, rowVersion)
	}
	body, err := blob.ParseID(r.Body)
	if err != nil {
		return stored{}, fmt.Errorf("job row: body %q: %w", r.Body, err)
	}
	r.Job.Body = body
	return stored{r.Job, bytes.Clone(val)}, nil
}

// load reads one job; ErrNotFound if there is none.
func (q *Queue) load(ctx context.Context, id string) (s stored, err error) {
	err = q.o.KV.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.Queue, jobKey(id))
		if err != nil {
			return err
		}
		if !ok {
			return ErrNotFound
		}
		s, err = decode(val)
		return err
	})
	if err != nil {
		return stored{}, fmt.Errorf("job %s: %w", id, err)
	}
	return s, nil
}

// replace adds to b that job j takes the place of old, or that old goes if j
// has nothing left to do.
func (q *Queue) replace(b *kv.Batch, old stored, j *Job) {
	if j.over() {
		q.remove(b, old)
		return
	}
	b.Assert(kv.Queue, jobKey(old.ID), old.raw)
	b.Delete(kv.Queue, timeKey(old.Next, old.ID))
	j.write(b)
}

// remove adds to b that the job goes.
func (q *Queue) remove(b *kv.Batch, old stored) {
	b.Assert(kv.Queue, jobKey(old.ID), old.raw)
	b.Delete(kv.Queue, jobKey(old.ID))
	b.Delete(kv.Queue, timeKey(old.Next, old.ID))
	q.release(b, old.Body, old.owner())
}
