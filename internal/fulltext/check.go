package fulltext

// Missing returns which documents of b, built from their texts, the index does
// not find by each of their terms.
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
	lists := b.lists()
	order := b.ordered()
	for i := range v.state.segments {
		c := checker{v: v, g: &v.state.segments[i], b: b, missing: missing}
		if err := c.check(order, lists); err != nil {
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
	chunk   uint32 // of row, counted from 1
	row     []byte
}

func (c *checker) check(order []uint32, lists [][]uint32) error {
	if len(c.b.docs) == 0 || c.b.base+c.b.docs[0].doc >= c.g.hi || c.b.base+c.b.docs[len(c.b.docs)-1].doc < c.g.lo {
		return nil
	}
	d, err := c.v.x.dictionary(c.v.r, c.v.part, c.v.state.epoch, c.g)
	for _, n := range order {
		if err != nil {
			break
		}
		e, set := &c.b.entries[n], make(Docs, c.g.words())
		d.find(e.class, needle(c.b.bytesOf(e), true, true), func(p posting) {
			if err == nil {
				err = c.collect(p, set)
			}
		})
		c.compare(set, lists[n])
	}
	return err
}

func (c *checker) collect(p posting, set Docs) error {
	if c.chunk != p.chunk+1 {
		row, ok, err := c.v.r.Get(c.v.part, rowKey(c.g.number, rowLists, p.chunk))
		if err != nil {
			return err
		}
		if !ok {
			return ErrDamaged
		}
		c.chunk, c.row = p.chunk+1, row
	}
	return addPostings(set, c.row, []posting{p})
}

// compare notes the documents of the segment that have a term but are not in its list.
func (c *checker) compare(set Docs, docs []uint32) {
	for _, d := range docs {
		if d += c.b.base; d >= c.g.lo && d < c.g.hi && !set.Has(d-c.g.base()) {
			c.missing.Add(d)
		}
	}
}
