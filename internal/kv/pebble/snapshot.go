package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"tem/internal/kv"
)

// snapshot is a state of the store that is durable. It is closed when the
// engine and the last reader have let it go.
type snapshot struct {
	*pebble.Snapshot
	shelf   *shelf // with the volumes that its rows refer to
	full    uint32 // up to this number they are full, and all that is in them is in this state or before it
	volumes *volumes
	refs    atomic.Int64
}

// newSnapshot holds one reference for its publisher. It is for the committer.
func (e *Engine) newSnapshot() *snapshot {
	s := &snapshot{Snapshot: e.db.NewSnapshot(), shelf: e.volumes.borrow(), full: e.volumes.full(), volumes: e.volumes}
	s.refs.Store(1)
	return s
}

func (s *snapshot) release() {
	if s.refs.Add(-1) == 0 {
		s.Snapshot.Close()
		s.volumes.giveBack(s.shelf)
	}
}

// publish makes s what readers get from now on; nil ends reading.
func (e *Engine) publish(s *snapshot) {
	e.snapMu.Lock()
	old := e.snap
	e.snap = s
	e.snapMu.Unlock()
	if old != nil {
		old.release()
	}
}

// acquire returns the published snapshot with a reference, nil when closed.
func (e *Engine) acquire() *snapshot {
	e.snapMu.Lock()
	defer e.snapMu.Unlock()
	if e.snap != nil {
		e.snap.refs.Add(1)
	}
	return e.snap
}

// View runs fn on the newest durable state.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := e.acquire()
	if s == nil {
		return kv.ErrClosed
	}
	defer s.release()
	r := &reader{ctx: ctx, snap: s}
	defer r.close()
	return fn(r)
}

// reader is one View.
type reader struct {
	ctx    context.Context
	snap   *snapshot
	buf    []byte
	held   []io.Closer // values handed out by Get
	rented []*room     // those of them that lie apart

	asked int                // keys that GetMulti was asked for
	depth int                // of calls of GetMulti, each from the callback of the one before
	seeks []*pebble.Iterator // of GetMulti, once they are many, by depth
}

func (r *reader) close() {
	for _, it := range r.seeks {
		it.Close()
	}
	for _, c := range r.held {
		c.Close()
	}
	for _, m := range r.rented {
		r.snap.volumes.vacate(m)
	}
}

// whole is the value of a row, wherever it lies; the room is to be given back.
func (r *reader) whole(row []byte) ([]byte, *room, error) {
	val, m, err := r.snap.volumes.whole(r.snap.shelf, row)
	if err != nil {
		return nil, nil, fmt.Errorf("read a value: %w", err)
	}
	return val, m, nil
}

// with calls fn with the value of a row, for the time of the call.
func (r *reader) with(row []byte, fn func(val []byte) error) error {
	val, m, err := r.whole(row)
	if err != nil {
		return err
	}
	defer r.snap.volumes.vacate(m)
	return fn(val)
}

func (r *reader) get(p kv.Part, key []byte) ([]byte, io.Closer, error) {
	r.buf = appendKey(r.buf[:0], p, key)
	return get(r.snap, r.buf)
}

// get reads one key; closer is nil if it is absent.
func get(from pebble.Reader, key []byte) ([]byte, io.Closer, error) {
	val, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, nil
	}
	// A value that lies apart and can't be read comes back empty and without an
	// error (pebble v2.1.7); the iterator behind it knows.
	if it, ok := closer.(*pebble.Iterator); ok && err == nil && it.Error() != nil {
		err = closer.Close()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read a key: %w", err)
	}
	return val, closer, nil
}

// Get keeps the value pinned until the View returns.
func (r *reader) Get(p kv.Part, key []byte) ([]byte, bool, error) {
	val, closer, err := r.get(p, key)
	if closer == nil {
		return nil, false, err
	}
	r.held = append(r.held, closer)
	val, m, err := r.whole(val)
	if m != nil {
		r.rented = append(r.rented, m)
	}
	return val, err == nil, err
}

// fewKeys is how many single reads of a View cost less than making an iterator.
const fewKeys = 4

// GetMulti reads keys one by one or, where a View asks for many, in one call or
// several, with an iterator that it keeps: it knows where it is, so that the next
// key is near, holds the files that it reads, and reads ahead in them.
func (r *reader) GetMulti(p kv.Part, keys [][]byte, fn func(i int, val []byte) error) error {
	r.asked += len(keys)
	r.depth++
	defer func() { r.depth-- }()
	one := r.getOne
	if r.asked >= fewKeys {
		one = r.seekOne
	}
	for i, key := range keys {
		if err := one(p, key, i, fn); err != nil {
			return kv.Stopped(err)
		}
	}
	return nil
}

func (r *reader) getOne(p kv.Part, key []byte, i int, fn func(i int, val []byte) error) error {
	val, closer, err := r.get(p, key)
	if closer == nil {
		return err
	}
	defer closer.Close()
	return r.with(val, func(val []byte) error { return fn(i, val) })
}

func (r *reader) seekOne(p kv.Part, key []byte, i int, fn func(i int, val []byte) error) error {
	it, err := r.seeker()
	if err != nil {
		return err
	}
	r.buf = appendKey(r.buf[:0], p, key)
	if !r.isNext(it) && !r.seek(it) {
		if err := it.Error(); err != nil {
			return fmt.Errorf("read a key: %w", err)
		}
		return nil
	}
	val, err := it.ValueAndErr()
	if err != nil {
		return fmt.Errorf("read a key: %w", err)
	}
	return r.with(val, func(val []byte) error { return fn(i, val) })
}

// isNext steps to the key in buf if it is the one behind the present key, as far
// as that is likely: both begin with the same octets.
func (r *reader) isNext(it *pebble.Iterator) bool {
	const alike = 9 // the partition and the kind of row
	if !it.Valid() || len(r.buf) < alike || !bytes.HasPrefix(it.Key(), r.buf[:alike]) || bytes.Compare(it.Key(), r.buf) >= 0 {
		return false
	}
	return it.Next() && bytes.Equal(it.Key(), r.buf)
}

// seek goes to the key in buf, if it is there. It does not look behind it.
func (r *reader) seek(it *pebble.Iterator) bool {
	n := len(r.buf)
	r.buf = append(r.buf, 0)
	found := it.SeekGEWithLimit(r.buf[:n], r.buf) == pebble.IterValid && bytes.Equal(it.Key(), r.buf[:n])
	r.buf = r.buf[:n]
	return found
}

// seeker is the iterator of the present call of GetMulti: those of the calls
// that it is in stay where they are.
func (r *reader) seeker() (*pebble.Iterator, error) {
	for len(r.seeks) < r.depth {
		it, err := r.snap.NewIter(nil)
		if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		r.seeks = append(r.seeks, it)
	}
	return r.seeks[r.depth-1], nil
}

func (r *reader) Scan(p kv.Part, lo, hi []byte, o kv.ScanOptions, fn func(key, val []byte) error) error {
	it, err := r.snap.NewIter(&pebble.IterOptions{
		LowerBound: appendKey(nil, p, lo),
		UpperBound: appendEnd(nil, p, hi),
	})
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	err = kv.Stopped(r.walk(it, o, fn))
	return errors.Join(err, it.Close())
}

// walk visits the keys within the iterator's bounds.
func (r *reader) walk(it *pebble.Iterator, o kv.ScanOptions, fn func(key, val []byte) error) error {
	first, next := it.First, (&stepper{it: it}).next
	if o.Reverse {
		first, next = it.Last, it.Prev
	}
	n := 0
	for ok := first(); ok; ok = next() {
		if n%1024 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if err := r.visit(it, o.Keys, fn); err != nil {
			return err
		}
		if n++; n == o.Limit {
			return nil
		}
	}
	return it.Error()
}

// visit calls fn with where the iterator is.
func (r *reader) visit(it *pebble.Iterator, keys bool, fn func(key, val []byte) error) error {
	if keys {
		return fn(it.Key()[8:], nil)
	}
	row, err := it.ValueAndErr()
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	return r.with(row, func(val []byte) error { return fn(it.Key()[8:], val) })
}

// stepper goes on to the next key. A step passes over each version of a key that
// is in memory, of which there are thousands where a row is written again and
// again; after such a one it seeks, which costs as much as some dozens of
// versions do.
type stepper struct {
	it          *pebble.Iterator
	keys, steps int // gone on to, and entries passed over for that
	seek        bool
	key         []byte
}

const (
	manyVersions = 32
	lookEvery    = 8 // keys
)

func (s *stepper) next() bool {
	if s.seek {
		s.key = append(append(s.key[:0], s.it.Key()...), 0)
		return s.it.SeekGE(s.key)
	}
	ok := s.it.Next()
	if s.keys++; s.keys%lookEvery == 1 {
		stats := s.it.Stats()
		steps := stats.ForwardStepCount[pebble.InternalIterCall]
		s.seek, s.steps = steps-s.steps > manyVersions*lookEvery, steps
	}
	return ok
}
