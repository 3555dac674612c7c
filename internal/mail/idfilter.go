package mail

// idFilter is a Bloom filter of the Message-ID hashes that an account has: most
// letters belong to no thread yet, and a look in the store for each of their
// ids would cost a fifth of a delivery. It is made when enough has come in to
// be worth reading all ids once, lives as long as the account's cache, and is
// not used where other processes add ids.
//
// Ids are only ever added; one that is gone costs a look in vain.
type idFilter struct {
	blocks []idBlock // a power of two of them
	room   int       // ids that may still be added
}

// idBlock is one line of the processor's cache: all bits of an id are in one.
type idBlock [8]uint64

const (
	idsPerBlock = 32 // 16 bits each
	idBits      = 6  // of them set by each: one look in some 5,000 is in vain
	// A filter pays once so many letters have come, and one for each
	// idsPerArrival emails that the account has.
	firstArrivals = 16
	idsPerArrival = 100
)

// newIDFilter makes one with room for some more than n ids.
func newIDFilter(n int) *idFilter {
	room := n + n/2 + 1024
	blocks := 1
	for blocks*idsPerBlock < room {
		blocks *= 2
	}
	return &idFilter{make([]idBlock, blocks), room}
}

// place is the block of a hash, and what its bits are taken from.
func (f *idFilter) place(hash uint64) (*idBlock, uint64) {
	hash *= 0x9E3779B97F4A7C15 // FNV's low bits are its good ones; here all count
	hash ^= hash >> 32
	return &f.blocks[hash&uint64(len(f.blocks)-1)], hash * 0xD6E8FEB86659FD93
}

// add adds a hash; false when there was no room left.
func (f *idFilter) add(hash uint64) bool {
	if f.room == 0 {
		return false
	}
	f.room--
	b, bits := f.place(hash)
	for range idBits {
		b[bits>>61] |= 1 << (bits >> 55 & 63)
		bits <<= 9
	}
	return true
}

// has reports whether a hash may have been added.
func (f *idFilter) has(hash uint64) bool {
	b, bits := f.place(hash)
	for range idBits {
		if b[bits>>61]&(1<<(bits>>55&63)) == 0 {
			return false
		}
		bits <<= 9
	}
	return true
}
