package fulltext

import (
	"context"
	"errors"
	"fmt"

	"tem/internal/kv"
)

// flushAt is how many octets of rows go into one batch, so that no commit waits long for it.
const flushAt = 1 << 20

// output writes one new segment. Its first batch reserves the number, if there
// is to be a second: what is left of a writer that did not end is then known.
// Each batch asserts the state as the one before has left it.
type output struct {
	ctx   context.Context
	kv    kv.Engine
	part  kv.Part
	state State
	batch *kv.Batch
	size  int
	segmentWriter
}

func (x *Index) newOutput(ctx context.Context, part kv.Part, st *State) *output {
	o := &output{ctx: ctx, kv: x.kv, part: part, state: *st, batch: new(kv.Batch)}
	o.segmentWriter = segmentWriter{number: st.number, set: o.put}
	if st.building > 0 {
		lo, hi := segmentRange(st.building - 1)
		o.batch.DeleteRange(part, lo, hi)
		o.state.building = 0
	}
	o.state.number++
	return o
}

// put adds a row.
func (o *output) put(key, val []byte) error {
	if o.size > flushAt {
		o.state.building = o.number + 1
		if err := o.commit(); err != nil {
			return err
		}
	}
	o.batch.Set(o.part, key, val)
	o.size += len(key) + len(val)
	return nil
}

func (o *output) commit() error {
	raw := o.state.append(nil)
	o.batch.Assert(o.part, stateKey, o.state.raw)
	o.batch.Set(o.part, stateKey, raw)
	if err := kv.Commit(o.ctx, o.kv, o.batch); err != nil {
		return fmt.Errorf("write the index of account %d: %w", o.part, err)
	}
	o.state.raw, o.batch, o.size = raw, new(kv.Batch), 0
	return nil
}

// end writes what is left and puts the segment into the place of those from to to.
func (o *output) end(g segment, partly []uint32, from, to int) error {
	if err := o.flush(); err != nil {
		return err
	}
	if g.partly = uint32(len(partly)); g.partly > 0 {
		list, isBits := appendList(nil, partly)
		if err := o.put(rowKey(o.number, rowPartly, 0), seal(append(list, byte(isBits)))); err != nil {
			return err
		}
	}
	g.number, g.chunks = o.number, o.chunks
	old := o.state.segments
	o.state.segments = append(append(append([]segment(nil), old[:from]...), g), old[to:]...)
	for _, was := range old[from:to] {
		lo, hi := segmentRange(was.number)
		o.batch.DeleteRange(o.part, lo, hi)
	}
	o.state.building = 0
	return o.commit()
}

// Append commits what was built as a new segment of the state that was loaded;
// next is the first document that is not yet indexed. kv.ErrConflict says that
// another writer was faster; nothing is lost. The first segment of an index
// is written only if guard holds too, which tells that the account is still
// the one whose texts were read.
func (x *Index) Append(ctx context.Context, part kv.Part, st *State, b *Builder, next uint32, guard kv.Condition) error {
	if next <= st.next || b.Len() > 0 && (b.base+b.docs[0].doc < st.next || b.base+b.docs[b.Len()-1].doc >= next) {
		return errors.New("fulltext: documents out of order")
	}
	o := x.newOutput(ctx, part, st)
	if st.raw == nil {
		o.batch.Assert(guard.Part, guard.Key, guard.Want)
	}
	n := len(st.segments)
	g := segment{lo: st.next, hi: next}
	if b.Len() > 0 {
		g.lo = b.base + b.docs[0].doc
	}
	if err := b.write(&o.segmentWriter); err != nil {
		return err
	}
	o.state.next = next
	return o.end(g, b.partly, n, n)
}

// Drop removes an account's index.
func (x *Index) Drop(ctx context.Context, part kv.Part) error {
	b := new(kv.Batch)
	b.DeleteRange(part, []byte{KeyRows}, []byte{KeyRows + 1})
	b.Delete(part, stateKey)
	if err := kv.Commit(ctx, x.kv, b); err != nil {
		return fmt.Errorf("drop the index of account %d: %w", part, err)
	}
	return nil
}
