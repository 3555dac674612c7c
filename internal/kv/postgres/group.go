package postgres

import (
	"bytes"
	"maps"
	"slices"

	"tem/internal/kv"
)

// change is what a group of batches makes of the table: its last word on every
// key. Ranges are deleted first; keys lists only what was written after the
// ranges that cover it.
type change struct {
	keys   map[string]*kv.Op // by identity; OpSet or OpDelete
	ranges []span
}

// span is lo <= identity < hi.
type span struct{ lo, hi string }

// merge decides the batches of a group in order, on top of base, which holds
// those asserted keys that exist. results says for each batch whether its
// conditions held.
func merge(group []*pending, base map[string][]byte) (results []error, c *change) {
	results = make([]error, len(group))
	c = &change{keys: make(map[string]*kv.Op, 16*len(group))}
	for i, p := range group {
		if !c.holds(p.batch, base) {
			results[i] = kv.ErrConflict
			continue
		}
		for j := range p.batch.Ops {
			c.note(&p.batch.Ops[j])
		}
	}
	return results, c
}

// holds says whether all conditions of b are met.
func (c *change) holds(b *kv.Batch, base map[string][]byte) bool {
	for i := range b.Conditions {
		cond := &b.Conditions[i]
		val, ok := c.look(string(appendID(nil, cond.Part, cond.Key)), base)
		if ok != (cond.Want != nil) || !bytes.Equal(val, cond.Want) {
			return false
		}
	}
	return true
}

// look returns a key's value as the group has it so far.
func (c *change) look(id string, base map[string][]byte) (val []byte, ok bool) {
	if op := c.keys[id]; op != nil {
		return op.Val, op.Kind == kv.OpSet
	}
	for _, r := range c.ranges {
		if r.lo <= id && id < r.hi {
			return nil, false
		}
	}
	val, ok = base[id]
	return val, ok
}

// note adds one operation.
func (c *change) note(op *kv.Op) {
	id := string(appendID(nil, op.Part, op.Key))
	if op.Kind != kv.OpDeleteRange {
		c.keys[id] = op
		return
	}
	r := span{id, endID(op.Part, op.Val)}
	if r.lo >= r.hi {
		return
	}
	maps.DeleteFunc(c.keys, func(id string, _ *kv.Op) bool { return r.lo <= id && id < r.hi })
	c.ranges = append(c.ranges, r)
}

func (c *change) empty() bool { return len(c.keys) == 0 && len(c.ranges) == 0 }

// rows are columns, ready to be given to unnest.
type rows struct {
	parts []int64
	keys  [][]byte
	vals  [][]byte // nil for deletions
}

// columns returns what is to be set and to be deleted, in key order: whoever
// writes the same rows locks them in the same order.
func (c *change) columns() (set, del rows) {
	for _, id := range slices.Sorted(maps.Keys(c.keys)) {
		part, key := splitID(id)
		if op := c.keys[id]; op.Kind == kv.OpSet {
			set.add(part, key)
			set.vals = append(set.vals, notNull(op.Val))
		} else {
			del.add(part, key)
		}
	}
	return set, del
}

func (r *rows) add(part int64, key []byte) {
	r.parts, r.keys = append(r.parts, part), append(r.keys, key)
}

// notNull makes an empty value of nil, which would be sent as NULL.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// asserted lists the keys that the group's conditions look at, once each.
func asserted(group []*pending) rows {
	seen := make(map[string]bool, len(group))
	for _, p := range group {
		for i := range p.batch.Conditions {
			seen[string(appendID(nil, p.batch.Conditions[i].Part, p.batch.Conditions[i].Key))] = true
		}
	}
	var r rows
	for _, id := range slices.Sorted(maps.Keys(seen)) {
		r.add(splitID(id))
	}
	return r
}

// locks lists the partitions that a group locks, in order, and which of them for
// itself alone: its lanes, because what is asserted there must stay, and those
// in which it deletes ranges, because rows may be added to a range meanwhile.
// Other partitions that it writes in are locked against those who lock alone.
func locks(group []*pending) (parts []int64, alone []bool) {
	modes := make(map[kv.Part]bool)
	for _, p := range group {
		mark(modes, p.lanes)
		for i := range p.batch.Ops {
			op := &p.batch.Ops[i]
			modes[op.Part] = modes[op.Part] || op.Kind == kv.OpDeleteRange
		}
	}
	for _, p := range slices.Sorted(maps.Keys(modes)) {
		parts, alone = append(parts, int64(p)), append(alone, modes[p])
	}
	return parts, alone
}
