package fulltext

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tem/internal/kv"
)

// Alive tells which of the documents lo <= d < hi still exist.
type Alive func(lo, hi uint32) (Docs, error)

// Merge merges the oldest segments of the lowest level that has enough of them
// into one, without the documents that are no longer alive. It reports whether
// there were any; there may be more then. Memory is bounded whatever the size
// of the segments, and each commit is small. kv.ErrConflict is as with Append.
func (x *Index) Merge(ctx context.Context, part kv.Part, st *State, alive Alive) (bool, error) {
	from, to := st.mergeable(x.fan)
	if from == to {
		return false, nil
	}
	old := st.segments[from:to]
	g := segment{level: old[0].level + 1, lo: old[0].lo, hi: old[len(old)-1].hi}
	live, err := alive(g.lo, g.hi)
	if err != nil {
		return false, err
	}
	o := x.newOutput(ctx, part, st)
	m := merger{x: x, ctx: ctx, part: part, base: g.base(), live: live, out: &o.segmentWriter}
	if err := m.run(old); err != nil {
		return false, o.explain(err)
	}
	return true, o.end(g, m.partly, from, to)
}

// explain tells rows that another writer has replaced from rows that are damaged.
func (o *output) explain(err error) error {
	if !IsDamaged(err) {
		return err
	}
	readErr := o.kv.View(o.ctx, func(r kv.Reader) error {
		row, _, e := r.Get(o.part, stateKey)
		if e == nil && !bytes.Equal(row, o.state.raw) {
			err = fmt.Errorf("merge the index of account %d: %w", o.part, kv.ErrConflict)
		}
		return e
	})
	return errors.Join(err, readErr)
}

// mergeable finds the segments to be merged. Levels fall from the oldest to the newest.
func (s *State) mergeable(fan int) (from, to int) {
	for end := len(s.segments); end > 0; end = from {
		from = end - 1
		for from > 0 && s.segments[from-1].level == s.segments[from].level {
			from--
		}
		if end-from >= fan {
			return from, from + fan
		}
	}
	return 0, 0
}

// merger copies terms of several segments, in order, into one.
type merger struct {
	x      *Index
	ctx    context.Context
	part   kv.Part
	base   uint32
	live   Docs
	out    *segmentWriter
	partly []uint32
	docs   []uint32 // of the current term
	places []byte
	known  bool // some of the places are
	term   []byte
}

// cursor walks over the terms of one segment.
type cursor struct {
	segment
	chunkReader
	chunk  uint32 // the next one
	lists  []byte // of the current chunk, from the current term's on
	places []byte // of the current term
	later  []byte // of the terms after it
	buf    []uint32
	done   bool
}

func (m *merger) run(segments []segment) error {
	cursors := make([]cursor, len(segments))
	for i := range cursors {
		c := &cursors[i]
		c.segment = segments[i]
		if err := m.addPartly(&c.segment); err != nil {
			return err
		}
		if err := m.next(c); err != nil {
			return err
		}
	}
	for {
		least := leastOf(cursors)
		if least == nil {
			return nil
		}
		if err := m.merge(cursors, least); err != nil {
			return err
		}
	}
}

// leastOf is the cursor with the first term, nil at the end.
func leastOf(cursors []cursor) (least *cursor) {
	for i := range cursors {
		if c := &cursors[i]; !c.done && (least == nil || c.compare(least.class, least.term) < 0) {
			least = c
		}
	}
	return least
}

func (c *cursor) compare(class Class, term []byte) int {
	if c.class != class {
		return int(c.class) - int(class)
	}
	return bytes.Compare(c.term, term)
}

// merge writes the term that least is at, with the documents of all that have it.
func (m *merger) merge(cursors []cursor, least *cursor) error {
	class := least.class
	m.term, m.docs, m.places, m.known = append(m.term[:0], least.term...), m.docs[:0], m.places[:0], false
	for i := range cursors {
		c := &cursors[i]
		if c.done || c.compare(class, m.term) != 0 {
			continue
		}
		if err := m.take(c); err != nil {
			return err
		}
		if err := m.next(c); err != nil {
			return err
		}
	}
	if len(m.docs) == 0 {
		return nil
	}
	if !m.known {
		m.places = m.places[:0]
	}
	return m.out.add(class, m.term, m.docs, m.places)
}

// take adds the living documents of the cursor's term, and its places in them.
func (m *merger) take(c *cursor) (err error) {
	c.buf, err = appendDocs(c.buf[:0], c.lists[:c.list], c.bits)
	if err != nil {
		return err
	}
	known := len(c.places) > 0
	p := placesReader{rest: c.places}
	for _, d := range c.buf {
		row, here := []byte{0}, false
		if known {
			row = p.rest
			here = p.next(nil)
			row = row[:len(row)-len(p.rest)]
		}
		if d += c.base(); m.live.Has(d) {
			m.docs, m.places, m.known = append(m.docs, d-m.base), append(m.places, row...), m.known || here
		}
	}
	if len(p.rest) > 0 {
		p.err = ErrDamaged
	}
	return p.err
}

// next goes to the cursor's next term, in the next chunk if need be.
func (m *merger) next(c *cursor) error {
	if c.lists != nil {
		c.lists = c.lists[c.list:]
	}
	for !c.chunkReader.next() {
		if c.err != nil {
			return c.err
		}
		if c.chunk == c.chunks {
			c.done = true
			return nil
		}
		if err := m.load(c); err != nil {
			return err
		}
	}
	if c.list > uint64(len(c.lists)) {
		return ErrDamaged
	}
	var err error
	if c.class.hasPlaces() {
		c.places, c.later, err = termPlaces(c.later)
	}
	return err
}

func (m *merger) load(c *cursor) error {
	rows, err := m.read(rowKey(c.number, rowTerms, c.chunk), rowKey(c.number, rowLists, c.chunk))
	if err != nil {
		return err
	}
	if c.chunkReader, err = readChunk(rows[0]); err != nil {
		return err
	}
	c.places, c.later = nil, nil
	if c.class.hasPlaces() {
		if c.later, err = m.readPlaces(c); err != nil {
			return err
		}
	}
	c.chunk++
	c.lists, err = unseal(rows[1])
	return err
}

func (m *merger) readPlaces(c *cursor) ([]byte, error) {
	rows, err := m.read(rowKey(c.number, rowPlaces, c.chunk))
	if err != nil {
		return nil, err
	}
	return unseal(rows[0])
}

// read copies rows; segments don't change, so no snapshot is held.
func (m *merger) read(keys ...[]byte) ([][]byte, error) {
	rows, n := make([][]byte, len(keys)), 0
	err := m.x.kv.View(m.ctx, func(r kv.Reader) error {
		return r.GetMulti(m.part, keys, func(i int, val []byte) error {
			rows[i] = bytes.Clone(val)
			n++
			return nil
		})
	})
	if err == nil && n < len(keys) {
		err = ErrDamaged
	}
	return rows, err
}

func (m *merger) addPartly(g *segment) error {
	if g.partly == 0 {
		return nil
	}
	rows, err := m.read(rowKey(g.number, rowPartly, 0))
	if err != nil {
		return err
	}
	set := make(Docs, g.words())
	if err := addPartly(set, rows[0]); err != nil {
		return err
	}
	for d := range set.All {
		if d += g.base(); m.live.Has(d) {
			m.partly = append(m.partly, d-m.base)
		}
	}
	return nil
}

// addPartly adds what a row of partly indexed documents says.
func addPartly(set Docs, row []byte) error {
	row, err := unseal(row)
	if err != nil || len(row) == 0 {
		return ErrDamaged
	}
	last := len(row) - 1
	return addList(set, row[:last], row[last] == 1)
}
