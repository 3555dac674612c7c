package pebble

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tem/internal/kv"
)

// maxGroup bounds one record of the log, in octets of keys and values; a
// single larger batch still goes alone.
const maxGroup = 8 << 20

// flying is a group on its way to the disk.
type flying struct {
	group   []*pending
	results []error       // for each of the group: why it was refused, or nil
	batch   *pebble.Batch // nil: nothing was written
	snap    *snapshot     // of what is durable once batch is
}

// ahead is how many groups may be on their way while the next is put together:
// with none the processor would wait for the disk, with many each would be small.
const ahead = 1

// commitLoop decides group after group and puts them on their way; land, in a
// goroutine of its own, waits for the disk.
func (e *Engine) commitLoop() {
	landed := make(chan struct{})
	sky := make(chan flying, ahead)
	go func() {
		defer close(landed)
		for f := range sky {
			e.land(f)
		}
	}()
	for {
		group, closing := e.take()
		if len(group) > 0 {
			sky <- e.launch(group)
			continue
		}
		if closing {
			break
		}
		e.busy.Store(false)
		<-e.wake
	}
	close(sky)
	<-landed
	close(e.done)
}

// take removes the next group from the queue.
func (e *Engine) take() (group []*pending, closing bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, size := 0, 0
	for n < len(e.queue) && (n == 0 || size < maxGroup) {
		size += e.queue[n].size
		n++
	}
	group = e.queue[:n:n]
	if e.queue = e.queue[n:]; len(e.queue) == 0 {
		e.queue = nil
	}
	return group, e.closing
}

// opSize is the most that a record of the log adds to a key and a value: the
// partition, the kind and two lengths. The record's own head is headSize.
const (
	opSize   = 8 + 1 + 2*binary.MaxVarintLen32
	headSize = 12
)

// groupSize is the length of a group's record, so that it need not grow; apart
// says that large values are not in it.
func groupSize(group []*pending, apart bool) int {
	n := headSize
	for _, p := range group {
		n += p.size
		if apart {
			n -= p.large
		}
	}
	return n
}

// isApart reports a group whose large values go into a volume: several, or one
// that must.
func isApart(group []*pending) bool {
	values := 0
	for _, p := range group {
		values += p.values
		if p.must {
			return true
		}
	}
	return values >= company
}

// launch decides every batch of a group and hands the good ones to the log. The
// library panics when its log can't be written; that is a failed write like any
// other.
func (e *Engine) launch(group []*pending) (f flying) {
	f.group = group
	defer func() {
		if r := recover(); r != nil {
			e.death.Die(fmt.Errorf("write the log: %v", r))
		}
	}()
	if e.death.Err() != nil {
		return f
	}
	o := newOverlay(e, group)
	defer e.volumes.giveBack(o.shelf)
	o.apart = isApart(group)
	f.batch = e.db.NewBatchWithSize(groupSize(group, o.apart), pebble.WithMaxRetainedSizeBytes(maxGroup))
	var err error
	if f.results, err = o.merge(f.batch, group); err != nil {
		e.death.Die(err)
		return f
	}
	if f.batch.Empty() {
		f.batch.Close()
		f.batch = nil
		return f
	}
	if err := e.volumes.commit(f.batch); err != nil { // before a row that refers to it can be durable
		e.death.Die(err)
		return f
	}
	if err := e.db.ApplyNoSyncWait(f.batch, pebble.Sync); err != nil {
		e.death.Die(err)
		return f
	}
	e.known.learn(o)
	f.snap = e.newSnapshot() // no group is applied between the last two
	return f
}

// land waits until a group is durable, makes it visible and wakes its callers.
func (e *Engine) land(f flying) {
	if f.batch != nil && e.death.Err() == nil {
		if err := f.batch.SyncWait(); err != nil {
			e.death.Die(err)
		}
	}
	if e.death.Err() != nil { // the library reports a failed sync to its logger only
		for _, p := range f.group {
			p.Decide(e.death.Err())
		}
		return
	}
	if f.batch != nil {
		e.publish(f.snap)
		f.batch.Close()
	}
	for i, p := range f.group {
		p.Decide(f.results[i])
	}
}

// merge copies the batches whose conditions hold into out; results has an error
// for each other.
func (o *overlay) merge(out *pebble.Batch, group []*pending) ([]error, error) {
	results := make([]error, len(group))
	var ops []placedOp
	ranges := false
	for i, p := range group {
		if results[i] = o.check(p.batch); results[i] != nil {
			continue // a conflict, or a condition that can't be read
		}
		for j := range p.batch.Ops {
			op := &p.batch.Ops[j]
			o.note(op)
			ranges = ranges || op.Kind == kv.OpDeleteRange
			ops = append(ops, placedOp{op, len(ops), p.parcels[j]})
		}
	}
	if !ranges { // the table in memory finds the places of keys faster in their order
		slices.SortFunc(ops, placedOp.compare)
	}
	for i := range ops {
		op := ops[i].Op
		if o.apart && o.volumes.takes(op) {
			var err error
			if op, err = o.putApart(op, ops[i].parcel); err != nil {
				return nil, err
			}
		}
		if err := appendOp(out, op); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// putApart puts a value into a volume and returns the write of its place instead.
func (o *overlay) putApart(op *kv.Op, p *parcel) (*kv.Op, error) {
	if p == nil { // its batch was alone when it came
		p = newParcel(op.Val)
	}
	at, err := o.volumes.put(o.key(op.Part, op.Key), *p)
	if err != nil {
		return nil, fmt.Errorf("write a value: %w", err)
	}
	return &kv.Op{Kind: kv.OpSet, Part: op.Part, Key: op.Key, Val: at.append(nil)}, nil
}

// placedOp is a write and its place in the group: of several to one key the last counts.
type placedOp struct {
	*kv.Op
	at     int
	parcel *parcel // of a large value; nil: not made yet
}

func (a placedOp) compare(b placedOp) int {
	if a.Part != b.Part {
		return cmp.Compare(a.Part, b.Part)
	}
	return cmp.Or(bytes.Compare(a.Key, b.Key), a.at-b.at)
}

// appendOp writes one operation straight into the batch's buffer.
func appendOp(out *pebble.Batch, op *kv.Op) error {
	switch op.Kind {
	case kv.OpSet:
		d := out.SetDeferred(8+len(op.Key), len(op.Val))
		putKey(d.Key, op.Part, op.Key)
		copy(d.Value, op.Val)
		return d.Finish()
	case kv.OpDelete:
		d := out.DeleteDeferred(8 + len(op.Key))
		putKey(d.Key, op.Part, op.Key)
		return d.Finish()
	default:
		lo, hi := appendKey(nil, op.Part, op.Key), appendEnd(nil, op.Part, op.Val)
		if bytes.Compare(lo, hi) >= 0 {
			return nil
		}
		return out.DeleteRange(lo, hi, nil)
	}
}

// putKey fills dst with a key: the partition in 8 octets, big-endian, then key.
func putKey(dst []byte, p kv.Part, key []byte) {
	binary.BigEndian.PutUint64(dst, uint64(p))
	copy(dst[8:], key)
}

func appendKey(dst []byte, p kv.Part, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(p)), key...)
}

// appendEnd is the exclusive end of a range; nil hi is the end of the partition.
func appendEnd(dst []byte, p kv.Part, hi []byte) []byte {
	if hi == nil {
		p++
	}
	return appendKey(dst, p, hi)
}

// overlay answers conditions from the writes of this group, then from what is
// remembered of earlier ones, then from the database. It follows only those keys
// that some batch of the group asserts.
type overlay struct {
	db      *pebble.DB
	volumes *volumes
	shelf   *shelf // for rows from before the group
	apart   bool   // large values go into a volume
	known   remembered
	watched map[string]*written
	buf     []byte
}

// written is what this group has made of a key so far.
type written struct {
	known bool // false: as before the group
	val   []byte
	ok    bool
}

// remembered are values of asserted keys as they are stored: most conditions are
// on a row that the last commit of the same account wrote. It belongs to the
// committer. An absent key is not in it.
type remembered map[string][]byte

// rememberMost is how many keys are remembered; with one more all are forgotten.
const rememberMost = 1 << 14

// learn takes over what a group has made of the keys that it watched.
func (m remembered) learn(o *overlay) {
	if len(m)+len(o.watched) > rememberMost {
		clear(m)
	}
	for key, w := range o.watched {
		switch {
		case w.known && w.ok && len(w.val) < apartFrom: // many larger ones are too much memory
			m[key] = bytes.Clone(w.val)
		case w.known:
			delete(m, key)
		}
	}
}

func newOverlay(e *Engine, group []*pending) *overlay {
	o := &overlay{db: e.db, volumes: e.volumes, shelf: e.volumes.borrow(), known: e.known, watched: make(map[string]*written, len(group))}
	for _, p := range group {
		for i := range p.batch.Conditions {
			c := &p.batch.Conditions[i]
			o.watched[string(o.key(c.Part, c.Key))] = &written{}
		}
	}
	return o
}

func (o *overlay) key(p kv.Part, key []byte) []byte {
	o.buf = appendKey(o.buf[:0], p, key)
	return o.buf
}

// note remembers a write to a watched key.
func (o *overlay) note(op *kv.Op) {
	if op.Kind == kv.OpDeleteRange {
		o.noteRange(op)
		return
	}
	key := o.key(op.Part, op.Key)
	if w := o.watched[string(key)]; w != nil {
		*w = written{known: true, val: op.Val, ok: op.Kind == kv.OpSet}
	} else if len(o.known) > 0 {
		delete(o.known, string(key))
	}
}

func (o *overlay) noteRange(op *kv.Op) {
	lo, hi := string(appendKey(nil, op.Part, op.Key)), string(appendEnd(nil, op.Part, op.Val))
	for key, w := range o.watched {
		if lo <= key && key < hi {
			*w = written{known: true}
		}
	}
	maps.DeleteFunc(o.known, func(key string, _ []byte) bool { return lo <= key && key < hi })
}

// check returns ErrConflict when a condition does not hold.
func (o *overlay) check(b *kv.Batch) error {
	for i := range b.Conditions {
		c := &b.Conditions[i]
		ok, err := o.holds(o.key(c.Part, c.Key), c.Want)
		if err != nil {
			return err
		}
		if !ok {
			return kv.ErrConflict
		}
	}
	return nil
}

func (o *overlay) holds(key, want []byte) (bool, error) {
	if w := o.watched[string(key)]; w.known {
		return equal(w.val, w.ok, want), nil
	}
	if val, ok := o.known[string(key)]; ok {
		return equal(val, true, want), nil
	}
	val, closer, err := get(o.db, key)
	if err != nil {
		return false, fmt.Errorf("check a condition: %w", err)
	}
	if closer == nil {
		return want == nil, nil
	}
	defer closer.Close()
	val, m, err := o.volumes.whole(o.shelf, val)
	if err != nil {
		return false, fmt.Errorf("check a condition: %w", err)
	}
	defer o.volumes.vacate(m)
	return equal(val, true, want), nil
}

func equal(val []byte, ok bool, want []byte) bool {
	if want == nil {
		return !ok
	}
	return ok && bytes.Equal(val, want)
}
