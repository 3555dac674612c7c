package fulltext

import (
	"bytes"
	"fmt"
	"sort"

	"tem/internal/kv"
)

// dictionary is the terms of a segment as one text: NUL, a term, NUL, the next,
// …, NUL. To look for a term is to look for a piece of that text: "foo" inside
// of words, "\x00foo" at their beginning, "\x00foo\x00" as a whole.
type dictionary struct {
	text   []byte
	chunks []chunk
	lists  []uint32               // where each term's list ends in its chunk, times two, plus one for a bit set
	class  [classCount + 1]uint32 // the first chunk of each class
}

// chunk is where one begins.
type chunk struct {
	start uint32 // the NUL before its first term
	first uint32 // the number of its first term
}

// posting is where a term's documents stand.
type posting struct {
	chunk      uint32
	nth        uint32 // term of the chunk
	start, end uint32 // in the row of lists
	bits       bool
}

// readDictionary reads a segment's.
func readDictionary(r kv.Reader, part kv.Part, g *segment) (*dictionary, error) {
	d := &dictionary{text: []byte{0}}
	class := 0
	lo, hi := rowKey(g.number, rowTerms, 0), rowKey(g.number, rowTerms+1, 0)
	err := r.Scan(part, lo, hi, kv.ScanOptions{}, func(_, row []byte) error {
		c, err := readChunk(row)
		if err != nil || int(c.class) < class-1 {
			return ErrDamaged
		}
		for ; class <= int(c.class); class++ {
			d.class[class] = uint32(len(d.chunks))
		}
		return d.add(&c)
	})
	for ; class <= int(classCount); class++ {
		d.class[class] = uint32(len(d.chunks))
	}
	if err == nil && len(d.chunks) != int(g.chunks) {
		err = ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("read the terms of segment %d of account %d: %w", g.number, part, err)
	}
	return d, nil
}

func (d *dictionary) add(c *chunkReader) error {
	d.chunks = append(d.chunks, chunk{uint32(len(d.text) - 1), uint32(len(d.lists))})
	end := uint64(0)
	for c.next() {
		if bytes.IndexByte(c.term, 0) >= 0 {
			return ErrDamaged
		}
		d.text = append(append(d.text, c.term...), 0)
		if end += c.list; end >= 1<<31 {
			return ErrDamaged
		}
		list := uint32(end) << 1
		if c.bits {
			list |= 1
		}
		d.lists = append(d.lists, list)
	}
	if end == 0 && c.err == nil {
		return ErrDamaged // a chunk without terms, or terms without documents
	}
	return c.err
}

func (d *dictionary) size() int64 {
	return int64(cap(d.text) + 4*cap(d.lists) + 8*cap(d.chunks))
}

// end is where a chunk's text ends: the NUL after its last term.
func (d *dictionary) end(chunk uint32) uint32 {
	if int(chunk)+1 < len(d.chunks) {
		return d.chunks[chunk+1].start
	}
	return uint32(len(d.text) - 1)
}

// find calls fn for every term of a class that needle is in; the NULs around
// terms are part of what is looked in.
func (d *dictionary) find(class Class, needle []byte, fn func(posting)) {
	at, last := d.class[class], d.class[class+1]
	if at == last {
		return
	}
	if n := len(needle) - 1; n > 0 && needle[0] == 0 && needle[n] == 0 {
		at = d.chunkOf(at, last, needle[1:n])
		last = at + 1
	}
	end := d.end(last - 1)
	counted, number := d.chunks[at].start, d.chunks[at].first // the term behind this NUL
	for pos := int(counted); ; {
		i := bytes.Index(d.text[pos:end+1], needle)
		if i < 0 {
			return
		}
		pos += i
		if needle[0] == 0 {
			pos++
		}
		for at+1 < last && int(d.chunks[at+1].start) < pos {
			at++
			counted, number = d.chunks[at].start, d.chunks[at].first
		}
		number += uint32(bytes.Count(d.text[counted+1:pos], []byte{0}))
		pos += bytes.IndexByte(d.text[pos:], 0)
		counted = uint32(pos)
		fn(d.posting(at, number))
		number++
	}
}

// chunkOf is the chunk of at <= c < last that a term is in, if any is.
func (d *dictionary) chunkOf(at, last uint32, term []byte) uint32 {
	n := sort.Search(int(last-at), func(i int) bool {
		first := d.text[d.chunks[int(at)+i].start+1:]
		return bytes.Compare(first[:bytes.IndexByte(first, 0)], term) > 0
	})
	return at + uint32(max(n-1, 0))
}

// posting is where the documents of a term of a chunk are.
func (d *dictionary) posting(chunk, number uint32) posting {
	p := posting{chunk: chunk, nth: number - d.chunks[chunk].first, end: d.lists[number] >> 1, bits: d.lists[number]&1 != 0}
	if number > d.chunks[chunk].first {
		p.start = d.lists[number-1] >> 1
	}
	return p
}
