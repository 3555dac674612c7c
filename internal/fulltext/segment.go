package fulltext

import (
	"encoding/binary"
	"math/bits"
)

// A segment's terms are cut into chunks of one class. The dictionary row of a
// chunk has the class, then for each term how many octets it shares with the
// one before, how many follow, those, and the length of its list times two,
// plus one if the list is a bit set. The row of lists has these, one after the
// other: distances between documents minus one, or bits. Documents are counted
// from the segment's base. A row of places has, for each term, how many octets
// and these; see places.go.

// A chunk is closed when it has so many octets of terms, of lists or of places.
const (
	chunkTerms  = 4 << 10
	chunkLists  = 32 << 10
	chunkPlaces = 64 << 10
)

// segmentWriter makes the rows of a segment from terms in order.
type segmentWriter struct {
	number uint32
	set    func(key, val []byte) error

	chunks uint32 // written
	class  Class
	terms  []byte // of the current chunk
	lists  []byte
	places []byte
	last   []byte // the latest term
}

// add adds a term; places is as appendPlaces writes it.
func (w *segmentWriter) add(class Class, term []byte, docs []uint32, places []byte) error {
	if len(w.terms) > 0 && (class != w.class || len(w.terms) >= chunkTerms || len(w.lists) >= chunkLists || len(w.places) >= chunkPlaces) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if len(w.terms) == 0 {
		w.terms = append(make([]byte, 0, chunkTerms+128), byte(class))
		w.class, w.last = class, w.last[:0]
	}
	before := len(w.lists)
	var isBits uint64
	w.lists, isBits = appendList(w.lists, docs)
	shared := commonPrefix(w.last, term)
	w.terms = binary.AppendUvarint(w.terms, uint64(shared))
	w.terms = binary.AppendUvarint(w.terms, uint64(len(term)-shared))
	w.terms = append(w.terms, term[shared:]...)
	w.terms = binary.AppendUvarint(w.terms, uint64(len(w.lists)-before)<<1|isBits)
	w.last = append(w.last[:0], term...)
	if class.hasPlaces() {
		if len(places) > maxTermPlaces {
			places = nil
		}
		w.places = append(binary.AppendUvarint(w.places, uint64(len(places))), places...)
	}
	return nil
}

// flush writes the current chunk, if there is any.
func (w *segmentWriter) flush() error {
	if len(w.terms) == 0 {
		return nil
	}
	err := w.set(rowKey(w.number, rowTerms, w.chunks), seal(w.terms))
	if err == nil {
		err = w.set(rowKey(w.number, rowLists, w.chunks), seal(w.lists))
	}
	if err == nil && w.class.hasPlaces() {
		err = w.set(rowKey(w.number, rowPlaces, w.chunks), seal(w.places))
	}
	w.chunks++
	w.terms, w.lists, w.places = nil, make([]byte, 0, len(w.lists)), make([]byte, 0, len(w.places))
	return err
}

func commonPrefix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// appendList writes documents in order as whichever is shorter.
func appendList(dst []byte, docs []uint32) (out []byte, isBits uint64) {
	start, next := len(dst), uint32(0)
	for _, d := range docs {
		dst = binary.AppendUvarint(dst, uint64(d-next))
		next = d + 1
	}
	if n := len(dst) - start; n <= 1 || n <= int(next+7)/8 {
		return dst, 0
	}
	dst = append(dst[:start], make([]byte, (next+7)/8)...)
	for _, d := range docs {
		dst[start+int(d/8)] |= 1 << (d % 8)
	}
	return dst, 1
}

// addList adds a list to a set that begins with the segment's base.
func addList(set Docs, list []byte, isBits bool) error {
	if isBits {
		return addBits(set, list)
	}
	limit := uint64(len(set)) * 64
	for next := uint64(0); len(list) > 0; next++ {
		gap, n := uint64(list[0]), 1
		if gap >= 0x80 {
			gap, n = binary.Uvarint(list)
		}
		if next += gap; n <= 0 || gap >= limit || next >= limit {
			return ErrDamaged
		}
		list = list[n:]
		set[next/64] |= 1 << (next % 64)
	}
	return nil
}

func addBits(set Docs, list []byte) error {
	if len(list) > 8*len(set) {
		return ErrDamaged
	}
	i := 0
	for ; len(list) >= 8; i++ {
		set[i] |= binary.LittleEndian.Uint64(list)
		list = list[8:]
	}
	for n, c := range list {
		set[i] |= uint64(c) << (8 * n)
	}
	return nil
}

// appendDocs decodes a list, as addList does.
func appendDocs(dst []uint32, list []byte, isBits bool) ([]uint32, error) {
	if isBits {
		for i, c := range list {
			for ; c != 0; c &= c - 1 {
				dst = append(dst, uint32(8*i+bits.TrailingZeros8(c)))
			}
		}
		return dst, nil
	}
	for next := uint64(0); len(list) > 0; next++ {
		gap, n := binary.Uvarint(list)
		if next += gap; n <= 0 || gap > 1<<32 || next >= 1<<32 {
			return dst, ErrDamaged
		}
		list = list[n:]
		dst = append(dst, uint32(next))
	}
	return dst, nil
}

// chunkReader walks over the terms of a dictionary row.
type chunkReader struct {
	class Class
	rest  []byte
	term  []byte
	list  uint64 // length of the list
	bits  bool   // it is a bit set
	err   error
}

// readChunk checks a dictionary row and stands before its first term.
func readChunk(row []byte) (c chunkReader, err error) {
	row, err = unseal(row)
	if err == nil && (len(row) == 0 || Class(row[0]) >= classCount) {
		err = ErrDamaged
	}
	if err != nil {
		return c, err
	}
	return chunkReader{class: Class(row[0]), rest: row[1:]}, nil
}

// next goes to the next term; false at the end and when err is set.
func (c *chunkReader) next() bool {
	if len(c.rest) == 0 || c.err != nil {
		return false
	}
	shared, length := c.uint(), c.uint()
	if shared > uint64(len(c.term)) || length > uint64(len(c.rest)) || shared+length == 0 {
		c.err = ErrDamaged
		return false
	}
	c.term = append(c.term[:shared], c.rest[:length]...)
	c.rest = c.rest[length:]
	n := c.uint()
	c.list, c.bits = n>>1, n&1 != 0
	return c.err == nil
}

func (c *chunkReader) uint() uint64 {
	v, n := binary.Uvarint(c.rest)
	if n <= 0 {
		c.err, c.rest = ErrDamaged, nil
		return 0
	}
	c.rest = c.rest[n:]
	return v
}
