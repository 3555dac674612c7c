package line

import (
	"errors"
	"math/bits"
)

const (
	maxCode  = 15 // bits of the longest code (RFC 1951 §3.2.7)
	fastBits = 9  // codes up to this length are found in one step
)

// huffman decodes the codes of one alphabet (RFC 1951 §3.2.2).
type huffman struct {
	fast   [1 << fastBits]uint16 // by the next bits: symbol<<4 | length; 0: a longer code, or none
	count  [maxCode + 1]uint16   // codes of each length
	symbol [288]uint16           // in the order of their codes
}

var errDeflate = errors.New("the compressed stream is damaged")

// build makes the codes from their lengths; 0 is for a symbol without one.
func (h *huffman) build(lengths []uint8) error {
	*h = huffman{}
	for _, l := range lengths {
		h.count[l]++
	}
	used := len(lengths) - int(h.count[0])
	h.count[0] = 0
	var first, at [maxCode + 2]uint16 // the first code of each length, and its place in symbol
	left := 1                         // codes of this length that are still free
	for l := 1; l <= maxCode; l++ {
		left = left<<1 - int(h.count[l])
		if left < 0 {
			return errDeflate
		}
		first[l+1] = (first[l] + h.count[l]) << 1
		at[l+1] = at[l] + h.count[l]
	}
	if left > 0 && used > 1 { // RFC 1951 §3.2.7 lets one distance code, or none, be all
		return errDeflate
	}
	for s, l := range lengths {
		if l == 0 {
			continue
		}
		h.symbol[at[l]] = uint16(s)
		at[l]++
		h.find(first[l], uint(l), uint16(s))
		first[l]++
	}
	return nil
}

// find lets a code be found in one step, whatever bits follow it.
func (h *huffman) find(code uint16, length uint, symbol uint16) {
	if length > fastBits {
		return
	}
	reversed := bits.Reverse16(code) >> (16 - length) // codes come with the first bit lowest
	for i := uint(reversed); i < 1<<fastBits; i += 1 << length {
		h.fast[i] = symbol<<4 | uint16(length)
	}
}

// decode returns the symbol that b begins with, and the length of its code; 0: there is none.
func (h *huffman) decode(b uint64) (symbol, length uint) {
	if e := uint(h.fast[b&(1<<fastBits-1)]); e != 0 {
		return e >> 4, e & 15
	}
	code, first, at := 0, 0, 0
	for l := 1; l <= maxCode; l++ {
		code |= int(b & 1)
		b >>= 1
		n := int(h.count[l])
		if code-first < n {
			return uint(h.symbol[at+code-first]), uint(l)
		}
		at += n
		first = (first + n) << 1
		code <<= 1
	}
	return 0, 0
}
