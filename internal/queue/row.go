package queue

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
)

// The rows of partition kv.Queue:
//
//	j <id>                           the job
//	t <next> <id>                    when it is due; next is 8 octets, big-endian milliseconds; value: its domain,
//	                                 and, unless its priority is 0, a 0 and the class of that
//	d <domain> 0 <class> <next> <id> the same by domain, the more urgent first: class is 9 minus the priority; value: nothing
//	v                                there if every job has its d row
const (
	jobPrefix    = 'j'
	timePrefix   = 't'
	domainPrefix = 'd'
)

var sortedKey = []byte{'v'}

// errBadRow: a row is damaged, or of a later program.
var errBadRow = errors.New("job row can't be read")

// rowVersion is written into every job row; a row of a later one is not
// touched. Those of version 1 may have no d row yet.
const rowVersion = 2

// row is a job as it lies in the store. It is JSON: a job is read and written
// a few times in its life, each beside a network dialogue, so being readable
// in a dump and open to new fields is worth more than size: at 40,000 jobs a
// second it is a quarter of what the queue takes.
type row struct {
	Version int
	Body    string // in place of Job.Body
	Job
}

// stored is a job with the bytes it was read from, which whoever changes it asserts.
type stored struct {
	Job
	raw []byte
	bad error // why it can't be read, and is its id alone
}

func jobKey(id string) []byte { return append([]byte{jobPrefix}, id...) }

func timeKey(next time.Time, id string) []byte {
	key := binary.BigEndian.AppendUint64([]byte{timePrefix}, uint64(next.UnixMilli()))
	return append(key, id...)
}

// parseTimeKey undoes timeKey.
func parseTimeKey(key []byte) (hint, bool) {
	if len(key) <= 9 || key[0] != timePrefix {
		return hint{}, false
	}
	return hint{id: string(key[9:]), next: parseNext(key[1:9])}, true
}

func parseNext(b []byte) time.Time { return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) }

// timeVal is the value at timeKey.
func (j *Job) timeVal() []byte {
	if j.Priority == 0 {
		return []byte(j.Domain)
	}
	return append([]byte(j.Domain), 0, class(j.Priority))
}

// parseTimeVal undoes timeVal.
func parseTimeVal(val []byte) (domain string, priority int) {
	if n := len(val) - 2; n >= 0 && val[n] == 0 {
		return string(val[:n]), 9 - int(val[n+1])
	}
	return string(val), 0
}

// class is a priority as it stands in a key: the more urgent, the less.
func class(priority int) byte { return byte(9 - priority) }

func domainKey(domain string, priority int, next time.Time, id string) []byte {
	key := append(domainStart(domain), class(priority))
	return append(binary.BigEndian.AppendUint64(key, uint64(next.UnixMilli())), id...)
}

// domainStart is before all rows of a domain, domainEnd behind them.
func domainStart(domain string) []byte { return append(append([]byte{domainPrefix}, domain...), 0) }
func domainEnd(domain string) []byte   { return append(append([]byte{domainPrefix}, domain...), 1) }

// parseDomainKey undoes domainKey for a key of that domain.
func parseDomainKey(key []byte, domain string) hint {
	rest := key[len(domain)+2:]
	return hint{domain: domain, priority: 9 - int(rest[0]), next: parseNext(rest[1:9]), id: string(rest[9:])}
}

// owner is the name under which a job keeps its body.
func (j *Job) owner() []byte { return []byte(j.ID) }

// write sets a job's rows.
func (j *Job) write(b *kv.Batch) {
	j.Next = j.Next.Truncate(time.Millisecond) // as keys have it
	b.Set(kv.Queue, jobKey(j.ID), j.encode())
	b.Set(kv.Queue, timeKey(j.Next, j.ID), j.timeVal())
	b.Set(kv.Queue, domainKey(j.Domain, j.Priority, j.Next, j.ID), nil)
}

// unschedule takes the rows away that say when a job is due.
func (j *Job) unschedule(b *kv.Batch) {
	b.Delete(kv.Queue, timeKey(j.Next, j.ID))
	b.Delete(kv.Queue, domainKey(j.Domain, j.Priority, j.Next, j.ID))
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
		return stored{}, fmt.Errorf("%w: %w", errBadRow, err)
	}
	if r.Version < 1 || r.Version > rowVersion {
		return stored{}, fmt.Errorf("%w: version %d, this program knows %d", errBadRow, r.Version, rowVersion)
	}
	body, err := blob.ParseID(r.Body)
	if err != nil {
		return stored{}, fmt.Errorf("%w: body %q: %w", errBadRow, r.Body, err)
	}
	r.Job.Body = body
	return stored{Job: r.Job, raw: bytes.Clone(val)}, nil
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
	old.unschedule(b)
	j.write(b)
}

// remove adds to b that the job goes.
func (q *Queue) remove(b *kv.Batch, old stored) {
	b.Assert(kv.Queue, jobKey(old.ID), old.raw)
	b.Delete(kv.Queue, jobKey(old.ID))
	old.unschedule(b)
	q.release(b, old.Body, old.owner())
}
