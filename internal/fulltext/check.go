package fulltext

import "bytes"

// Missing returns which documents of b, built from their texts, the index does
// not find by each of their terms, or takes to have them elsewhere.
func (v *View) Missing(b *Builder) (Docs, error) {
	missing := NewDocs(v.state.next + 64)
	partly, err := v.Partly()
	if err != nil {
		return nil, err
	}
	for _, d := range b.partly {
		if d += b.base; !partly.Has(d) {
			missing.Add(d)
		}
	}
	lists, places := b.lists(), b.placesOf(1)
	order := b.ordered()
	for i := range v.state.segments {
		c := checker{v: v, g: &v.state.segments[i], b: b, missing: missing}
		if err := c.check(order, lists, places); err != nil {
			return nil, err
		}
	}
	missing.AndNot(partly)
	return missing, nil
}

// checker compares terms with one segment. As they come in order, a row of
// lists is read once for many.
type checker struct {
	v       *View
	g       *segment
	b       *Builder
	missing Docs
	class   Class  // of the current term
	chunk   uint32 // of the rows, counted from 1
	row     []byte // of lists
	places  []byte // of the terms from nth on
	nth     uint32
	buf     []byte
}

func (c *checker) check(order []uint32, lists [][]uint32, places [][]uint64) error {
	if len(c.b.docs) == 0 || c.b.base+c.b.docs[0].doc >= c.g.hi || c.b.base+c.b.docs[len(c.b.docs)-1].doc < c.g.lo {
		return nil
	}
	d, err := c.v.x.dictionary(c.v.r, c.v.part, c.v.state.epoch, c.g)
	for _, n := range order {
		if err != nil {
			break
		}
		e, set := &c.b.entries[n], make(Docs, c.g.words())
		c.class = e.class
		d.find(e.class, needle(c.b.bytesOf(e), true, true), func(p posting) {
			if err == nil {
				err = c.collect(p, set)
			}
			if err == nil && e.class.hasPlaces() {
				err = c.comparePlaces(p, lists[n], places[n])
			}
		})
		c.compare(set, lists[n])
	}
	return err
}

func (c *checker) collect(p posting, set Docs) error {
	if c.chunk != p.chunk+1 {
		if err := c.read(p.chunk); err != nil {
			return err
		}
	}
	if p.end > uint32(len(c.row)) || p.start > p.end {
		return ErrDamaged
	}
	return addList(set, c.row[p.start:p.end], p.bits)
}

// read reads the rows of a chunk.
func (c *checker) read(chunk uint32) (err error) {
	c.chunk, c.nth, c.places = chunk+1, 0, nil
	if c.row, err = c.readRow(rowLists, chunk); err == nil && c.class.hasPlaces() {
		c.places, err = c.readRow(rowPlaces, chunk)
	}
	return err
}

func (c *checker) readRow(kind byte, chunk uint32) ([]byte, error) {
	row, ok, err := c.v.r.Get(c.v.part, rowKey(c.g.number, kind, chunk))
	if err == nil && !ok {
		err = ErrDamaged
	}
	if err != nil {
		return nil, err
	}
	return unseal(row)
}

// comparePlaces notes the documents in which a term stands elsewhere.
func (c *checker) comparePlaces(p posting, docs []uint32, want []uint64) (err error) {
	var row []byte
	for ; c.nth <= p.nth; c.nth++ {
		if row, c.places, err = termPlaces(c.places); err != nil {
			return err
		}
	}
	listed, err := appendDocs(nil, c.row[p.start:p.end], p.bits)
	if err != nil || len(row) == 0 {
		return err
	}
	r := placesReader{rest: row}
	for _, d := range listed {
		before := r.rest
		known := r.next(nil)
		d += c.g.base() - c.b.base
		for len(docs) > 0 && docs[0] < d {
			docs = docs[1:]
		}
		for len(want) > 0 && uint32(want[0]>>32) < d {
			want = want[1:]
		}
		if !known || len(docs) == 0 || docs[0] != d {
			continue
		}
		if c.buf = appendPlaces(c.buf[:0], docs[:1], want); !bytes.Equal(c.buf, before[:len(before)-len(r.rest)]) {
			c.missing.Add(d + c.b.base)
		}
	}
	return r.err
}

// compare notes the documents of the segment that have a term but are not in its list.
func (c *checker) compare(set Docs, docs []uint32) {
	for _, d := range docs {
		if d += c.b.base; d >= c.g.lo && d < c.g.hi && !set.Has(d-c.g.base()) {
			c.missing.Add(d)
		}
	}
}
