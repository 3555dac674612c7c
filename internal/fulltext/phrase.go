package fulltext

import (
	"fmt"
	"slices"
)

// maxStarts is how many places of a word are looked at for where a phrase
// begins, in one segment; where there are more, all documents have to be verified.
const maxStarts = 1 << 21

// findPhrase finds the documents of a set in which the words of each chain stand
// one after the other. A chain stands in one text.
func (v *View) findPhrase(g *segment, d *dictionary, q *Query, found []foundRun, all Docs) (answer, error) {
	a := answer{may: all}
	for len(found) > 0 {
		chain := found[0].chain
		words := ofChain(found, chain)
		found = slices.DeleteFunc(found, func(r foundRun) bool { return r.chain == chain })
		if chain == 0 || len(words) < 2 {
			continue
		}
		p := phrase{v: v, g: g, docs: a.may}
		if err := p.find(d, words); err != nil {
			return answer{}, fmt.Errorf("read the places of segment %d of account %d: %w", g.number, v.part, err)
		}
		a = answer{p.docs, p.sure}
	}
	if !q.exact {
		a.sure = nil
	}
	return a, nil
}

func ofChain(found []foundRun, chain int) (words []foundRun) {
	for _, r := range found {
		if r.chain == chain {
			words = append(words, r)
		}
	}
	return words
}

// phrase is where a chain can stand.
type phrase struct {
	v       *View
	g       *segment
	docs    Docs     // the documents that can match
	sure    Docs     // those that do
	unknown Docs     // those in which the places of a word are not known
	starts  []uint64 // document and place of the chain's beginning, in order
	hits    []bool   // the next word stands where it should
}

// find tries the words, the rarest first.
func (p *phrase) find(d *dictionary, words []foundRun) (err error) {
	if p.unknown, err = p.placeless(d, words); err != nil {
		return err
	}
	if err := p.eachPlace(words[0], p.start); err != nil {
		return err
	}
	if len(p.starts) > maxStarts {
		return nil
	}
	slices.Sort(p.starts)
	for _, w := range words[1:] {
		p.hits = make([]bool, len(p.starts))
		if err := p.eachPlace(w, p.hit); err != nil {
			return err
		}
		p.keepHits()
	}
	p.sure = make(Docs, len(p.docs))
	p.addStarts(p.sure)
	return nil
}

// placeless leaves in words the terms that have places. It returns the documents
// in which all words are among the others.
func (p *phrase) placeless(d *dictionary, words []foundRun) (Docs, error) {
	lo, hi := d.class[Header], d.class[Header+1]
	var others []foundRun
	for i := range words {
		var with, without []posting
		for _, t := range words[i].list {
			if t.chunk >= lo && t.chunk < hi {
				without = append(without, t)
			} else {
				with = append(with, t)
			}
		}
		words[i].list = with
		others = append(others, foundRun{list: without})
	}
	return p.v.collectAll(p.g, others)
}

// key is where the chain begins if a word of it stands at a place; below 0 the
// numbers go round, which makes no two of them one.
func key(doc, at, offset uint32) uint64 { return uint64(doc)<<32 | uint64(at-offset) }

func (p *phrase) start(key uint64) {
	if len(p.starts) <= maxStarts {
		p.starts = append(p.starts, key)
	}
}

func (p *phrase) hit(key uint64) {
	if i, ok := slices.BinarySearch(p.starts, key); ok {
		p.hits[i] = true
	}
}

// keepHits forgets where the latest word does not stand.
func (p *phrase) keepHits() {
	n := 0
	for i, hit := range p.hits {
		if hit {
			p.starts[n] = p.starts[i]
			n++
		}
	}
	p.starts = p.starts[:n]
	docs := slices.Clone(p.unknown)
	p.addStarts(docs)
	p.docs = docs
}

func (p *phrase) addStarts(set Docs) {
	for _, key := range p.starts {
		set.Add(uint32(key >> 32))
	}
}

// eachPlace gives where the chain begins for all places of a word.
func (p *phrase) eachPlace(w foundRun, fn func(key uint64)) error {
	list := w.list
	var keys [][]byte
	var groups [][]posting
	for len(list) > 0 {
		n := chunkOf(list)
		keys = append(keys, rowKey(p.g.number, rowLists, list[0].chunk), rowKey(p.g.number, rowPlaces, list[0].chunk))
		groups, list = append(groups, list[:n]), list[n:]
	}
	read, docs := 0, []byte(nil) // a row is valid during its call only
	err := p.v.r.GetMulti(p.v.part, keys, func(i int, row []byte) (err error) {
		if read++; i%2 == 0 {
			row, err = unseal(row)
			docs = append(docs[:0], row...)
			return err
		}
		return p.chunk(docs, row, groups[i/2], w.offset, fn)
	})
	if err == nil && read < len(keys) {
		err = ErrDamaged
	}
	return err
}

// chunk reads the places of some terms of one chunk.
func (p *phrase) chunk(lists, row []byte, list []posting, offset uint32, fn func(key uint64)) error {
	row, err := unseal(row)
	var places []byte
	var docs []uint32
	for nth, left := uint32(0), list; len(left) > 0 && err == nil; nth++ {
		if places, row, err = termPlaces(row); err != nil || nth < left[0].nth {
			continue
		}
		if left[0].end > uint32(len(lists)) || left[0].start > left[0].end {
			return ErrDamaged
		}
		docs, err = appendDocs(docs[:0], lists[left[0].start:left[0].end], left[0].bits)
		if err == nil {
			err = p.term(docs, places, offset, fn)
		}
		left = left[1:]
	}
	return err
}

// term reads the places of one term.
func (p *phrase) term(docs []uint32, places []byte, offset uint32, fn func(key uint64)) error {
	r := placesReader{rest: places}
	for _, doc := range docs {
		wanted := p.docs.Has(doc)
		known := false
		if len(places) > 0 {
			known = r.next(func(at uint32) {
				if wanted {
					fn(key(doc, at, offset))
				}
			})
		}
		if !known && wanted {
			p.unknown.Add(doc)
		}
		if r.err != nil {
			return r.err
		}
	}
	if len(r.rest) > 0 {
		return ErrDamaged
	}
	return nil
}
