package pebble

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"tem/internal/kv"
)

// maxGroup bounds one record of the log, in octets of keys and values; a
// single larger batch still goes alone.
const maxGroup = 8 << 20

// commitLoop takes whatever is in line while the last sync ran: the disk is the
// timer of the group.
func (e *Engine) commitLoop() {
	defer close(e.done)
	for {
		group, closing := e.take()
		if len(group) > 0 {
			e.commitGroup(group)
			continue
		}
		if closing {
			return
		}
		<-e.wake
	}
}

// take removes the next group from the queue.
func (e *Engine) take() (group []*pending, closing bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n, size := 0, 0
	for n < len(e.queue) && (n == 0 || size < maxGroup) {
		size += batchSize(e.queue[n].batch)
		n++
	}
	group = e.queue[:n:n]
	if e.queue = e.queue[n:]; len(e.queue) == 0 {
		e.queue = nil
	}
	return group, e.closing
}

func batchSize(b *kv.Batch) (n int) {
	for i := range b.Ops {
		n += len(b.Ops[i].Key) + len(b.Ops[i].Val) + 16
	}
	return n
}

// commitGroup decides every batch of a group and wakes their callers.
func (e *Engine) commitGroup(group []*pending) {
	results, err := e.write(group)
	if err != nil {
		e.death.die(err)
		err = e.death.err
	}
	for i, p := range group {
		if err != nil {
			p.finish(err)
		} else {
			p.finish(results[i])
		}
	}
}

// write makes the good batches of a group durable and visible. results says for
// each whether its conditions held. The library panics when its log can't be
// written; that is a failed write like any other.
func (e *Engine) write(group []*pending) (results []error, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("write the log: %v", r)
		}
	}()
	if e.death.isDead() {
		return nil, e.death.err
	}
	out := e.db.NewBatch()
	results, err = e.merge(out, group)
	if err != nil {
		return nil, err
	}
	if out.Empty() {
		return results, out.Close()
	}
	if err := out.Commit(pebble.Sync); err != nil {
		return nil, err
	}
	if e.death.isDead() { // the library reports a failed sync to its logger only
		return nil, e.death.err
	}
	e.publish(newSnapshot(e.db))
	return results, out.Close()
}

// merge copies the batches whose conditions hold into out; results has an error
// for each other.
func (e *Engine) merge(out *pebble.Batch, group []*pending) ([]error, error) {
	results := make([]error, len(group))
	o := newOverlay(e.db, group)
	for i, p := range group {
		if results[i] = o.check(p.batch); results[i] != nil {
			continue // a conflict, or a condition that can't be read
		}
		for j := range p.batch.Ops {
			op := &p.batch.Ops[j]
			o.note(op)
			if err := appendOp(out, op); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
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

// overlay answers conditions from the writes of this group, then from the
// database. It follows only those keys that some batch of the group asserts.
type overlay struct {
	db      *pebble.DB
	watched map[string]*written // nil for a group of one: nothing was written before it
	buf     []byte
}

// written is what this group has made of a key so far.
type written struct {
	known bool // false: as in the database
	val   []byte
	ok    bool
}

func newOverlay(db *pebble.DB, group []*pending) *overlay {
	o := &overlay{db: db}
	if len(group) == 1 {
		return o
	}
	o.watched = make(map[string]*written, len(group))
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
	if len(o.watched) == 0 {
		return
	}
	if op.Kind == kv.OpDeleteRange {
		o.noteRange(op)
		return
	}
	if w := o.watched[string(o.key(op.Part, op.Key))]; w != nil {
		*w = written{known: true, val: op.Val, ok: op.Kind == kv.OpSet}
	}
}

func (o *overlay) noteRange(op *kv.Op) {
	lo, hi := string(appendKey(nil, op.Part, op.Key)), string(appendEnd(nil, op.Part, op.Val))
	for key, w := range o.watched {
		if lo <= key && key < hi {
			*w = written{known: true}
		}
	}
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
	if w := o.watched[string(key)]; w != nil && w.known {
		return equal(w.val, w.ok, want), nil
	}
	val, closer, err := get(o.db, key)
	if err != nil {
		return false, fmt.Errorf("check a condition: %w", err)
	}
	if closer == nil {
		return want == nil, nil
	}
	defer closer.Close()
	return equal(val, true, want), nil
}

func equal(val []byte, ok bool, want []byte) bool {
	if want == nil {
		return !ok
	}
	return ok && bytes.Equal(val, want)
}
