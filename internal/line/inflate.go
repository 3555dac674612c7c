package line

import (
	"encoding/binary"
	"io"
	"sync"
)

const (
	window   = 32 << 10 // how far back a match may reach (RFC 1951 §2)
	maxMatch = 258      // octets (RFC 1951 §3.2.5)
)

// inflater undoes DEFLATE (RFC 1951). Unlike others it never waits for input:
// it gives all that can be made of what has come, whether or not the sender
// has flushed, and goes on when there is more. So a connection can be asked
// whether there is something to read, and a time-out damages nothing.
type inflater struct {
	in   []byte // what has come and was not used
	bits uint64 // taken from it and not used, the next bit lowest
	held uint   // how many bits; those above are of no meaning

	next  func(*inflater) error // the next step
	last  bool                  // this block is the last
	left  int                   // octets of a stored block that are still to come
	codes *codes                // of this block; nil between blocks
	err   error

	// ring holds the end of what was made, in a power of two that grows with it up to the window.
	ring        []byte
	made, given int // octets since the beginning
}

// codes are those of one block.
type codes struct {
	symbols, distances     huffman
	lengths                [286 + 30]uint8
	nSymbols, nDistances   int
	nLengths, have, codeAt int // lengths of codes of lengths; how many of lengths are known
}

var codesPool = sync.Pool{New: func() any { return new(codes) }}

// errShort: a step needs more input than there is.
var errShort = errNothing

func newInflater() *inflater { return &inflater{next: (*inflater).header} }

// read puts what can be made of the input into p. It returns 0, nil when it
// needs more input, and io.EOF at the end of the last block. How much p can be
// given bounds how much is made.
func (z *inflater) read(p []byte) (int, error) {
	for z.made == z.given {
		if z.err != nil {
			return 0, z.err
		}
		err := z.next(z)
		if err == errShort && z.made == z.given {
			return 0, nil
		}
		if err != errShort {
			z.err = err
		}
	}
	at := z.given & (len(z.ring) - 1)
	n := copy(p, z.ring[at:min(len(z.ring), at+z.made-z.given)])
	z.given += n
	return n, nil
}

// refill takes as many whole octets from the input as there is room for.
func (z *inflater) refill() {
	if len(z.in) >= 8 {
		z.bits |= binary.LittleEndian.Uint64(z.in) << z.held
		n := (63 - z.held) >> 3
		z.in = z.in[n:]
		z.held += n << 3
		return
	}
	z.bits &= 1<<z.held - 1
	for z.held <= 56 && len(z.in) > 0 {
		z.bits |= uint64(z.in[0]) << z.held
		z.in = z.in[1:]
		z.held += 8
	}
}

// need makes sure of n ≤ 56 bits.
func (z *inflater) need(n uint) bool {
	if z.held < n {
		z.refill()
	}
	return z.held >= n
}

// take uses n bits that are there.
func (z *inflater) take(n uint) uint {
	v := uint(z.bits) & (1<<n - 1)
	z.bits >>= n
	z.held -= n
	return v
}

// header begins a block (RFC 1951 §3.2.3).
func (z *inflater) header() error {
	if z.last {
		return io.EOF
	}
	if !z.need(3) {
		return errShort
	}
	z.last = z.take(1) == 1
	switch z.take(2) {
	case 0:
		z.take(z.held & 7) // §3.2.4: from the next octet on
		z.next = (*inflater).storedHeader
	case 1:
		z.codes = fixedCodes()
		z.next = (*inflater).symbols
	case 2:
		z.next = (*inflater).counts
	default:
		return errDeflate
	}
	return nil
}

// storedHeader reads the length of a stored block (RFC 1951 §3.2.4).
func (z *inflater) storedHeader() error {
	if !z.need(32) {
		return errShort
	}
	n, complement := z.take(16), z.take(16)
	if n != complement^0xffff {
		return errDeflate
	}
	z.left = int(n)
	z.next = (*inflater).stored
	return nil
}

// stored copies a stored block.
func (z *inflater) stored() error {
	for ; z.left > 0 && z.held > 0; z.left-- {
		if !z.room(1) {
			return nil
		}
		z.put(byte(z.take(8)))
	}
	for z.left > 0 {
		n := min(z.left, len(z.in))
		if n == 0 {
			return errShort
		}
		z.bits = 0
		if n = z.putSome(z.in[:n]); n == 0 {
			return nil
		}
		z.in = z.in[n:]
		z.left -= n
	}
	z.next = (*inflater).header
	return nil
}

// counts begins the codes of a block that brings its own (RFC 1951 §3.2.7).
func (z *inflater) counts() error {
	if !z.need(14) {
		return errShort
	}
	c := codesPool.Get().(*codes)
	c.nSymbols, c.nDistances, c.nLengths = int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	c.have, c.codeAt = 0, 0
	clear(c.lengths[:])
	z.codes = c
	if c.nSymbols > 286 || c.nDistances > 30 {
		return errDeflate
	}
	z.next = (*inflater).codeLengths
	return nil
}

// order is that of the lengths of the codes of lengths (RFC 1951 §3.2.7).
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codeLengths reads the code in which the lengths of the codes are written. It
// has the room of the distances until these are known.
func (z *inflater) codeLengths() error {
	c := z.codes
	for ; c.codeAt < c.nLengths; c.codeAt++ {
		if !z.need(3) {
			return errShort
		}
		c.lengths[order[c.codeAt]] = uint8(z.take(3))
	}
	if err := c.distances.build(c.lengths[:len(order)]); err != nil {
		return err
	}
	z.next = (*inflater).lengths
	return nil
}

// lengths reads the lengths of the codes (RFC 1951 §3.2.7).
func (z *inflater) lengths() error {
	c := z.codes
	for all := c.nSymbols + c.nDistances; c.have < all; {
		z.need(maxCode + 7)
		s, n := c.distances.decode(z.bits)
		extra := [3]uint{2, 3, 7}[max(s, 16)-16]
		if s < 16 {
			extra = 0
		}
		if n == 0 && z.held >= maxCode {
			return errDeflate
		}
		if n == 0 || n+extra > z.held {
			return errShort
		}
		z.take(n)
		if !c.repeat(s, int(z.take(extra)), all) {
			return errDeflate
		}
	}
	if c.lengths[256] == 0 { // the block would have no end
		return errDeflate
	}
	if err := c.symbols.build(c.lengths[:c.nSymbols]); err != nil {
		return err
	}
	if err := c.distances.build(c.lengths[c.nSymbols:c.have]); err != nil {
		return err
	}
	z.next = (*inflater).symbols
	return nil
}

// repeat adds the lengths that symbol s with its extra bits stands for.
func (c *codes) repeat(s uint, extra, most int) bool {
	n, v := 1, uint8(s)
	switch s {
	case 16:
		if c.have == 0 {
			return false
		}
		n, v = 3+extra, c.lengths[c.have-1]
	case 17:
		n, v = 3+extra, 0
	case 18:
		n, v = 11+extra, 0
	}
	if c.have+n > most {
		return false
	}
	for ; n > 0; n-- {
		c.lengths[c.have] = v
		c.have++
	}
	return true
}

// fixedCodes are those of RFC 1951 §3.2.6.
var fixedCodes = sync.OnceValue(func() *codes {
	c := new(codes)
	var lengths [288]uint8
	for s := range lengths {
		switch {
		case s < 144:
			lengths[s] = 8
		case s < 256:
			lengths[s] = 9
		case s < 280:
			lengths[s] = 7
		default:
			lengths[s] = 8
		}
	}
	var distances [32]uint8 // 30 and 31 take part in the code and never occur
	for s := range distances {
		distances[s] = 5
	}
	if c.symbols.build(lengths[:]) != nil || c.distances.build(distances[:]) != nil {
		panic("the fixed codes do not add up")
	}
	return c
})

// The octets that a length or distance symbol stands for, and its extra bits (RFC 1951 §3.2.5).
var (
	lengthBase = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra  = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193,
		257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// symbols makes octets of a block's symbols, each of which is used whole or not at all.
func (z *inflater) symbols() error {
	c := z.codes
	for z.room(maxMatch) {
		if z.held < 48 { // the longest symbol with its distance
			z.refill()
		}
		s, n := c.symbols.decode(z.bits)
		switch {
		case n == 0 && z.held >= maxCode:
			return errDeflate
		case n == 0 || n > z.held:
			return errShort
		case s < 256:
			z.take(n)
			z.put(byte(s))
		case s == 256:
			z.take(n)
			z.endBlock()
			return nil
		default:
			if err := z.match(c, s-257, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// endBlock lets go of the codes, so that a connection at rest has none.
func (z *inflater) endBlock() {
	if z.codes != fixedCodes() {
		codesPool.Put(z.codes)
	}
	z.codes = nil
	z.next = (*inflater).header
}

// match copies what length symbol s, after a code of n bits, and the distance behind it stand for.
func (z *inflater) match(c *codes, s, n uint) error {
	if s >= uint(len(lengthBase)) {
		return errDeflate
	}
	b := z.bits >> n
	e := uint(lengthExtra[s])
	length := int(lengthBase[s]) + int(b&(1<<e-1))
	b >>= e
	n += e
	d, m := c.distances.decode(b)
	if m == 0 {
		if z.held >= n+maxCode {
			return errDeflate
		}
		return errShort
	}
	if d >= uint(len(distanceBase)) {
		return errDeflate
	}
	b >>= m
	e = uint(distanceExtra[d])
	if n += m + e; n > z.held {
		return errShort
	}
	distance := int(distanceBase[d]) + int(b&(1<<e-1))
	if distance > z.made {
		return errDeflate
	}
	z.bits >>= n
	z.held -= n
	z.repeat(distance, length)
	return nil
}

// room makes room in the ring for n octets more without touching what was not
// given. It reports false when some has to be given first.
func (z *inflater) room(n int) bool {
	if z.made-z.given+n <= len(z.ring) && (z.made+n <= len(z.ring) || len(z.ring) == window) {
		return true
	}
	if len(z.ring) == window {
		return false
	}
	size := max(512, len(z.ring))
	for size < window && size < z.made+n {
		size *= 2
	}
	larger := make([]byte, size)
	copy(larger, z.ring) // nothing has come round yet
	z.ring = larger
	return z.made-z.given+n <= size
}

// put adds an octet that there is room for.
func (z *inflater) put(b byte) {
	z.ring[z.made&(len(z.ring)-1)] = b
	z.made++
}

// putSome adds what there is room for.
func (z *inflater) putSome(p []byte) int {
	z.room(min(len(p), window))
	free := len(z.ring) - (z.made - z.given)
	at := z.made & (len(z.ring) - 1)
	n := copy(z.ring[at:], p[:min(len(p), free)])
	z.made += n
	return n
}

// repeat adds n octets that there is room for, from distance octets ago on.
func (z *inflater) repeat(distance, n int) {
	mask := len(z.ring) - 1
	from, to := (z.made-distance)&mask, z.made&mask
	if distance >= n && from+n <= len(z.ring) && to+n <= len(z.ring) {
		copy(z.ring[to:to+n], z.ring[from:from+n])
		z.made += n
		return
	}
	for range n { // what is added may be repeated
		z.ring[z.made&mask] = z.ring[(z.made-distance)&mask]
		z.made++
	}
}
