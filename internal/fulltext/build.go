package fulltext

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"tem/internal/fold"
)

// maxDistinct is how many terms of one document are indexed. What has more is
// no text that anybody wrote.
const maxDistinct = 20000

// Builder collects the terms of a batch of documents. It can be used again
// after Reset.
type Builder struct {
	seed    maphash.Seed
	slots   []uint32 // number of an entry plus one; 0: free
	entries []entry
	terms   []byte
	found   []uint32 // numbers of entries, for one document after the other
	docs    []builtDoc
	begin   int      // of the current document in found
	partly  []uint32 // relative to base
	base    uint32
	text    text // the current one
	places  []place
	common  uint32 // terms of fewer documents have no places
}

// entry is one term.
type entry struct {
	hash   uint32
	start  uint32 // in terms
	length uint8
	class  Class
	last   uint32 // the number of the latest document that has it, counted from 1
	count  uint32 // of documents
	places uint32
}

// builtDoc is a document, and where its terms and their places end.
type builtDoc struct {
	doc       uint32 // relative to base
	end       int    // in found
	placesEnd int
	placeless bool // nothing is known of its places
}

// NewBuilder returns an empty one.
func NewBuilder() *Builder {
	return &Builder{seed: maphash.MakeSeed(), slots: make([]uint32, 1<<14), common: minDocuments}
}

// Reset makes it empty.
func (b *Builder) Reset() {
	clear(b.slots)
	b.entries, b.terms, b.found, b.docs, b.partly = b.entries[:0], b.terms[:0], b.found[:0], b.docs[:0], b.partly[:0]
	b.places = b.places[:0]
}

// Len is how many documents it holds.
func (b *Builder) Len() int { return len(b.docs) }

// Begin starts a document, whose number is above those before it.
func (b *Builder) Begin(doc uint32) {
	if len(b.docs) == 0 {
		b.base = doc &^ 63
	}
	b.begin = len(b.found)
	b.docs = append(b.docs, builtDoc{doc: doc - b.base, end: b.begin, placesEnd: len(b.places)})
	b.text.begin(classCount)
	b.text.at = 0
}

// MarkPartly says that the texts of the current document are not all indexed.
func (b *Builder) MarkPartly() {
	d := b.docs[len(b.docs)-1].doc
	if n := len(b.partly); n == 0 || b.partly[n-1] != d {
		b.partly = append(b.partly, d)
	}
}

// Add indexes a text of the current document, which need not be folded. Terms
// with marks are indexed both ways. Texts of one class that come one after the
// other are pieces of one, as fold.Windows cuts it.
func (b *Builder) Add(class Class, piece []byte) {
	t := &b.text
	if t.class != class {
		t.begin(class)
	}
	folded := t.fold.Plain(piece)
	before := t.separation
	if t.goesOn(folded) {
		b.MarkPartly()
	}
	t.words = t.words[:0]
	t.runs(folded, nil, func(run []byte, k kind, at uint32) {
		if at > 0 {
			t.words = append(t.words, placedWord{run, at})
		}
		b.run(class, run, k, false, at)
	})
	if !fold.IsASCII(piece) {
		b.addMarked(folded, t.fold.Kept(piece), before)
	}
	d := &b.docs[len(b.docs)-1]
	d.end = len(b.found)
	b.endPlaces(d)
}

// addMarked indexes the terms of the kept form that have marks. They stand where
// the same words of the plain form do; where the forms are too different for
// that, nothing is known of the document's places.
func (b *Builder) addMarked(folded, kept []byte, before separation) {
	if bytes.Equal(kept, folded) {
		return
	}
	t := &b.text
	same, words := true, t.words
	after := before
	after.runs(kept, t.bare, func(run []byte, k kind, at uint32) {
		if at > 0 {
			same = same && len(words) > 0 && words[0].at == at && bytes.Equal(words[0].run, t.bare(run))
			words = words[min(1, len(words)):]
		}
		if fold.Marked(run) {
			b.run(t.class, run, k, true, at)
		}
	})
	if !same || len(words) > 0 || after.at != t.at || after.kind != t.kind {
		b.docs[len(b.docs)-1].placeless = true
	}
}

// run indexes the terms of a run, all or those with marks only; at is its place.
func (b *Builder) run(class Class, run []byte, k kind, marked bool, at uint32) {
	switch {
	case k == dense:
		for term := range pairs(run) {
			b.maybe(class, term, marked)
		}
	case len(run) <= maxTerm:
		b.term(class, run, at)
	case len(run) > maxWord:
		b.MarkPartly()
	default:
		for n, last := 0, false; !last; n++ {
			var p []byte
			p, last = piece(run, n)
			b.maybe(class, p, marked)
		}
	}
}

func (b *Builder) maybe(class Class, term []byte, marked bool) {
	if !marked || fold.Marked(term) {
		b.term(class, term, 0)
	}
}

// term notes that the current document has a term.
func (b *Builder) term(class Class, term []byte, at uint32) {
	h := uint32(maphash.Bytes(b.seed, term)) ^ uint32(class)*0x9e3779b1
	mask := uint32(len(b.slots) - 1)
	slot := h & mask
	for ; b.slots[slot] != 0; slot = (slot + 1) & mask {
		e := &b.entries[b.slots[slot]-1]
		if e.hash == h && e.class == class && int(e.length) == len(term) && string(b.bytesOf(e)) == string(term) {
			b.note(b.slots[slot]-1, at)
			return
		}
	}
	b.entries = append(b.entries, entry{hash: h, start: uint32(len(b.terms)), length: uint8(len(term)), class: class})
	b.terms = append(b.terms, term...)
	b.slots[slot] = uint32(len(b.entries))
	b.note(uint32(len(b.entries)-1), at)
	if len(b.entries) > len(b.slots)/2 {
		b.grow()
	}
}

func (b *Builder) bytesOf(e *entry) []byte { return b.terms[e.start : e.start+uint32(e.length)] }

// note adds a term to the current document, unless it has it already, and where it stands.
func (b *Builder) note(number, at uint32) {
	e, doc := &b.entries[number], uint32(len(b.docs))
	if e.last != doc {
		if len(b.found)-b.begin >= maxDistinct {
			b.MarkPartly()
			return
		}
		e.last = doc
		e.count++
		b.found = append(b.found, number)
	}
	if at > 0 && e.class.hasPlaces() {
		e.places++
		b.places = append(b.places, place{number, at})
	}
}

func (b *Builder) grow() {
	b.slots = make([]uint32, 2*len(b.slots))
	mask := uint32(len(b.slots) - 1)
	for i := range b.entries {
		at := b.entries[i].hash & mask
		for b.slots[at] != 0 {
			at = (at + 1) & mask
		}
		b.slots[at] = uint32(i + 1)
	}
}

// ordered are the numbers of the entries in the order of class and term.
func (b *Builder) ordered() []uint32 {
	type keyed struct {
		key    uint64 // class and the first octets of the term
		number uint32
	}
	list := make([]keyed, len(b.entries))
	for i := range b.entries {
		e := &b.entries[i]
		var first [8]byte
		first[0] = byte(e.class)
		copy(first[1:], b.bytesOf(e))
		list[i] = keyed{binary.BigEndian.Uint64(first[:]), uint32(i)}
	}
	slices.SortFunc(list, func(x, y keyed) int {
		if x.key != y.key {
			return cmp.Compare(x.key, y.key)
		}
		return bytes.Compare(b.bytesOf(&b.entries[x.number]), b.bytesOf(&b.entries[y.number]))
	})
	numbers := make([]uint32, len(list))
	for i := range list {
		numbers[i] = list[i].number
	}
	return numbers
}

// lists are the documents of each entry, relative to base.
func (b *Builder) lists() [][]uint32 {
	all, lists := make([]uint32, len(b.found)), make([][]uint32, len(b.entries))
	for i := range b.entries {
		n := b.entries[i].count
		lists[i], all = all[:0:n], all[n:]
	}
	begin := 0
	for _, d := range b.docs {
		for _, number := range b.found[begin:d.end] {
			lists[number] = append(lists[number], d.doc)
		}
		begin = d.end
	}
	return lists
}

// write gives the terms in order to a segment.
func (b *Builder) write(w *segmentWriter) error {
	lists, places := b.lists(), b.placesOf(b.common)
	var written []byte
	for _, n := range b.ordered() {
		e := &b.entries[n]
		if e.count == 0 {
			continue
		}
		written = appendPlaces(written[:0], lists[n], places[n])
		if err := w.add(e.class, b.bytesOf(e), lists[n], written); err != nil {
			return err
		}
	}
	return nil
}
