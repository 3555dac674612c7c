package imap

import (
	"math"
	"slices"
	"strconv"
)

// Star stands for "*", the largest number in use.
const Star = math.MaxUint32

// Range is From to To in either order, as it was written; both included.
type Range struct{ From, To uint32 }

// Set is a sequence set (RFC 9051 §9). Saved is "$", the result of the last
// search (RFC 5182).
type Set struct {
	Ranges []Range
	Saved  bool
}

// Resolve returns the range with * replaced by last and From <= To.
func (r Range) Resolve(last uint32) Range {
	if r.From == Star {
		r.From = last
	}
	if r.To == Star {
		r.To = last
	}
	return Range{min(r.From, r.To), max(r.From, r.To)}
}

// ParseSet reads a whole sequence set.
func ParseSet(s string) (Set, error) {
	d := decoder{b: []byte(s)}
	set := d.set()
	d.end()
	return set, d.err
}

// set reads a sequence set.
func (d *decoder) set() (s Set) {
	if d.take('$') {
		s.Saved = true
		return s
	}
	for {
		s.Ranges = append(s.Ranges, d.setRange())
		if d.err != nil || !d.take(',') {
			return s
		}
	}
}

// messages reads a set of UIDs, or of sequence numbers where there are any.
func (d *decoder) messages(uid bool) Set {
	if !uid && d.UIDOnly && d.peek() != '$' {
		d.uidRequired()
	}
	return d.set()
}

// numbered reads a set without * and $ (RFC 7162 §7 known-uids).
func (d *decoder) numbered() *Set {
	s := d.set()
	star := func(r Range) bool { return r.From == Star || r.To == Star }
	if s.Saved || slices.ContainsFunc(s.Ranges, star) {
		d.fail("expected numbers without * and $")
	}
	return &s
}

func (d *decoder) setRange() (r Range) {
	r.From = d.setNumber()
	r.To = r.From
	if d.take(':') {
		r.To = d.setNumber()
	}
	return r
}

func (d *decoder) setNumber() uint32 {
	if d.take('*') {
		return Star
	}
	n := d.number32()
	if n == 0 {
		d.fail("a sequence set has numbers above 0")
	}
	return n
}

// AppendSet writes the set.
func AppendSet(dst []byte, s Set) []byte {
	if s.Saved {
		return append(dst, '$')
	}
	for i, r := range s.Ranges {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendSetNumber(dst, r.From)
		if r.To != r.From {
			dst = appendSetNumber(append(dst, ':'), r.To)
		}
	}
	return dst
}

func appendSetNumber(dst []byte, n uint32) []byte {
	if n == Star {
		return append(dst, '*')
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// AppendNumbers writes ascending numbers as a set, runs as ranges. The order
// is kept for numbers that don't ascend (COPYUID, RFC 4315 §3).
func AppendNumbers[N ~uint32](dst []byte, nums []N) []byte {
	for i := 0; i < len(nums); {
		j := i
		for j+1 < len(nums) && nums[j+1] == nums[j]+1 {
			j++
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(nums[i]), 10)
		if j > i {
			dst = strconv.AppendUint(append(dst, ':'), uint64(nums[j]), 10)
		}
		i = j + 1
	}
	return dst
}

// AppendVanished writes a VANISHED response without "* " (RFC 7162 §3.2.10);
// earlier: the messages were gone before the client asked.
func AppendVanished[N ~uint32](dst []byte, earlier bool, uids []N) []byte {
	dst = append(dst, "VANISHED "...)
	if earlier {
		dst = append(dst, "(EARLIER) "...)
	}
	return AppendNumbers(dst, uids)
}
