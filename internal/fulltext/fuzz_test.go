package fulltext

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func FuzzState(f *testing.F) {
	s := State{epoch: 1, next: 600, number: 9, segments: []segment{{number: 3, level: 1, hi: 512, chunks: 7}, {number: 8, lo: 512, hi: 600, partly: 1}}}
	f.Add(s.append(nil))
	f.Fuzz(func(t *testing.T, row []byte) {
		for _, row := range [][]byte{row, seal(slices.Clone(row))} {
			var s State
			if s.decode(row) != nil {
				continue
			}
			var again State
			if err := again.decode(s.append(nil)); err != nil || !slices.Equal(again.segments, s.segments) || again.next != s.next {
				t.Errorf("%+v, then %+v, %v", s, again, err)
			}
		}
	})
}

func FuzzChunk(f *testing.F) {
	f.Add([]byte{0, 0, 3, 'f', 'o', 'o', 2, 2, 1, 'x', 5})
	f.Fuzz(func(t *testing.T, row []byte) {
		c, err := readChunk(seal(slices.Clone(row)))
		if err != nil {
			return
		}
		d := &dictionary{text: []byte{0}}
		if d.add(&c) != nil {
			return
		}
		for i := range d.class {
			d.class[i] = uint32(min(1, max(0, i-int(c.class))))
		}
		for _, term := range bytes.Split(bytes.Trim(d.text, "\x00"), []byte{0}) {
			found := false
			d.find(c.class, term, func(posting) { found = true })
			if !found {
				t.Errorf("%q is not found", term)
			}
			d.find(c.class, needle(term, true, true), func(posting) {})
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add([]byte{1, 2, 0x80, 1}, false)
	f.Add([]byte{0xff, 1}, true)
	f.Fuzz(func(t *testing.T, list []byte, isBits bool) {
		docs, err := appendDocs(nil, list, isBits)
		set := NewDocs(1 << 16)
		if addList(set, list, isBits) != nil || err != nil {
			return
		}
		if got := slices.Collect(set.All); !slices.Equal(got, docs) {
			t.Errorf("%v and %v", got, docs)
		}
		again, bits := appendList(nil, docs)
		other := NewDocs(1 << 16)
		if err := addList(other, again, bits == 1); err != nil || !slices.Equal(set, other) {
			t.Errorf("%v is written as %v", docs, again)
		}
	})
}

// FuzzTerms holds what the index finds to what the text contains.
func FuzzTerms(f *testing.F) {
	f.Add("ha noi", "Thủ đô Hà Nội")
	f.Add("thủ đô hà", "Thủ đô Hà Nội")
	f.Add("bar baz", "foo ❤\ufe0f bar baz, q \u0303 x")
	f.Add("人民", "中华人民")
	f.Add("人 foo", "中华人\ufe0f foo")
	f.Add(strings.Repeat("ab", 17), strings.Repeat("ab", 300))
	f.Fuzz(func(t *testing.T, query, text string) {
		w := newWorld(t)
		w.texts[0], w.texts[1] = [2]string{text, query}, [2]string{query, text}
		w.index(1)
		w.index(2)
		w.check(query)
	})
}

func FuzzPlaces(f *testing.F) {
	f.Add([]byte{5, 2, 0, 0x81, 1, 4})
	f.Fuzz(func(t *testing.T, row []byte) {
		r := placesReader{rest: row}
		var docs []uint32
		var places []uint64
		for doc := uint32(0); len(r.rest) > 0 && r.err == nil; doc++ {
			docs = append(docs, doc)
			r.next(func(at uint32) { places = append(places, uint64(doc)<<32|uint64(at)) })
		}
		if r.err != nil || len(places) == 0 {
			return
		}
		again := appendPlaces(nil, docs, places)
		if len(again) > len(row) || !bytes.Equal(again, row) && len(again) == len(row) {
			t.Errorf("%x is written as %x", row, again)
		}
	})
}
