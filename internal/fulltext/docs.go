package fulltext

import "math/bits"

// Docs is a set of documents: document d is bit d%64 of word d/64. Sets that
// are joined have one length.
type Docs []uint64

// NewDocs is the empty set with room for the documents below n.
func NewDocs(n uint32) Docs { return make(Docs, (uint64(n)+63)/64) }

// Has reports whether d is in the set.
func (s Docs) Has(d uint32) bool { return uint64(d/64) < uint64(len(s)) && s[d/64]&(1<<(d%64)) != 0 }

// Add adds d, for which there is room.
func (s Docs) Add(d uint32) { s[d/64] |= 1 << (d % 64) }

// AddRange adds lo <= d < hi.
func (s Docs) AddRange(lo, hi uint32) {
	for ; lo < hi && lo%64 != 0; lo++ {
		s.Add(lo)
	}
	for ; hi-lo >= 64 && lo < hi; lo += 64 {
		s[lo/64] = ^uint64(0)
	}
	for ; lo < hi; lo++ {
		s.Add(lo)
	}
}

// And keeps what is in t too.
func (s Docs) And(t Docs) {
	for i := range s {
		s[i] &= t[i]
	}
}

// Or adds what is in t.
func (s Docs) Or(t Docs) {
	for i, w := range t {
		s[i] |= w
	}
}

// AndNot removes what is in t.
func (s Docs) AndNot(t Docs) {
	for i, w := range t {
		s[i] &^= w
	}
}

// Count is how many documents are in the set.
func (s Docs) Count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// All iterates in order.
func (s Docs) All(yield func(d uint32) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(uint32(i*64 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
