package fulltext

import "encoding/binary"

// The places of a term are written for each document of its list in order: for
// each place its distance from the one before, times two, plus one if another
// follows. A single 0 says that they are not known. Nothing at all says that of
// all documents.

// place is where an entry stands in the document.
type place struct{ entry, at uint32 }

// hasPlaces reports a class of which places are kept: fields other than those of
// persons and subjects are seldom asked for by more than a word.
func (c Class) hasPlaces() bool { return c != Header }

const (
	// A term that is in fewer documents of a batch has no places: to read those
	// few is cheap, and of most texts half of the words are such.
	minDocuments  = 8
	maxPlaces     = 1 << 17 // of a document that has more they are not kept
	maxTermPlaces = 1 << 20 // octets of the places of one term in a segment that are kept
)

// endPlaces ends the current document as far as it goes.
func (b *Builder) endPlaces(d *builtDoc) {
	from := 0
	if n := len(b.docs); n > 1 {
		from = b.docs[n-2].placesEnd
	}
	d.placeless = d.placeless || len(b.places)-from > maxPlaces
	if d.placeless {
		for _, p := range b.places[from:] {
			b.entries[p.entry].places--
		}
		b.places = b.places[:from]
	}
	d.placesEnd = len(b.places)
}

// placesOf are the places of each entry that is in so many documents, in order:
// document and place within it.
func (b *Builder) placesOf(documents uint32) [][]uint64 {
	all, lists := make([]uint64, len(b.places)), make([][]uint64, len(b.entries))
	for i := range b.entries {
		if e := &b.entries[i]; e.count >= documents {
			lists[i], all = all[:0:e.places], all[e.places:]
		}
	}
	begin := 0
	for _, d := range b.docs {
		for _, p := range b.places[begin:d.placesEnd] {
			if b.entries[p.entry].count < documents {
				continue
			}
			lists[p.entry] = append(lists[p.entry], uint64(d.doc)<<32|uint64(p.at))
		}
		begin = d.placesEnd
	}
	return lists
}

// appendPlaces writes the places of a term for the documents of its list.
func appendPlaces(dst []byte, docs []uint32, places []uint64) []byte {
	if len(places) == 0 {
		return dst
	}
	for _, doc := range docs {
		if len(places) == 0 || uint32(places[0]>>32) != doc {
			dst = append(dst, 0)
			continue
		}
		before := uint64(0)
		for more := true; more; {
			at := places[0] & (1<<32 - 1)
			places = places[1:]
			more = len(places) > 0 && uint32(places[0]>>32) == doc
			gap := (at - before) << 1
			if more {
				gap |= 1
			}
			dst, before = binary.AppendUvarint(dst, gap), at
		}
	}
	return dst
}

// placesReader walks over the places of a term's documents.
type placesReader struct {
	rest []byte
	err  error
}

// next calls fn, which may be nil, with each place in the next document; known
// is false if they are not known.
func (p *placesReader) next(fn func(at uint32)) (known bool) {
	for at, more := uint64(0), true; more; {
		v, n := binary.Uvarint(p.rest)
		if n <= 0 || v == 1 || v>>1+at >= 1<<32 {
			p.rest, p.err = nil, ErrDamaged
			return false
		}
		p.rest, more = p.rest[n:], v&1 != 0
		if v == 0 {
			if at > 0 {
				p.err = ErrDamaged
			}
			return false
		}
		if at += v >> 1; fn != nil {
			fn(uint32(at))
		}
	}
	return true
}

// termPlaces takes those of one term off a row.
func termPlaces(row []byte) (places, rest []byte, err error) {
	length, n := binary.Uvarint(row)
	if n <= 0 || length > uint64(len(row)-n) {
		return nil, nil, ErrDamaged
	}
	return row[n : n+int(length)], row[n+int(length):], nil
}
