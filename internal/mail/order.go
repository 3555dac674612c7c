package mail

import (
	"cmp"
	"slices"
)

// order is the messages of a mailbox in the order of one sort key. It never
// changes: what comes later makes another of it.
type order struct {
	validity uint32 // the UIDVALIDITY of the mailbox
	next     UID    // of the messages up to here it has all that were there
	uids     []UID  // by value, those of one value ascending
	values   []orderValue
	rest     []byte // what the texts have beyond their first octets, one after the other
}

// orderValue is a value that messages have: the number of a sortColumn, and
// where its messages and the rest of its text end; they begin where those of the
// value before end.
type orderValue struct {
	number    uint64
	uids, end uint32
}

// orderOf is what a sorter of one key, not reversed, has sorted.
func orderOf(s *sorter) *order {
	o := &order{uids: make([]UID, 0, len(s.rows))}
	c := &s.columns[0]
	for i, r := range s.rows {
		if i > 0 && (r.first != s.rows[i-1].first || c.compare(r.n, s.rows[i-1].n) != 0) {
			o.close(s.rows[i-1].first, c.restOf(s.rows[i-1].n))
		}
		o.uids = append(o.uids, r.uid)
	}
	if n := len(s.rows); n > 0 {
		o.close(s.rows[n-1].first, c.restOf(s.rows[n-1].n))
	}
	return o.clip()
}

// close makes one value of the messages that were added since the last; there may be none.
func (o *order) close(number uint64, rest []byte) {
	if len(o.uids) == o.usedBy(len(o.values)) {
		return
	}
	o.rest = append(o.rest, rest...)
	o.values = append(o.values, orderValue{number, uint32(len(o.uids)), uint32(len(o.rest))})
}

func (o *order) clip() *order {
	o.uids, o.values, o.rest = slices.Clip(o.uids), slices.Clip(o.values), slices.Clip(o.rest)
	return o
}

// usedBy is how many messages the first n values have.
func (o *order) usedBy(n int) int {
	if n == 0 {
		return 0
	}
	return int(o.values[n-1].uids)
}

// of are the messages of the n-th value.
func (o *order) of(n int) []UID { return o.uids[o.usedBy(n):o.values[n].uids] }

// beyond is what the text of the n-th value has after its first octets.
func (o *order) beyond(n int) []byte {
	from := uint32(0)
	if n > 0 {
		from = o.values[n-1].end
	}
	return o.rest[from:o.values[n].end]
}

// compare compares the n-th value with the m-th of another order.
func (o *order) compare(n int, p *order, m int) int {
	if d := cmp.Compare(o.values[n].number, p.values[m].number); d != 0 {
		return d
	}
	return slices.Compare(o.beyond(n), p.beyond(m))
}

// with is the order with the messages of another, which all came later, and
// without those that are not in there.
func (o *order) with(later *order, there *uidSet) *order {
	all := &order{uids: make([]UID, 0, len(o.uids)+len(later.uids)), values: make([]orderValue, 0, len(o.values)+len(later.values)),
		rest: make([]byte, 0, len(o.rest)+len(later.rest))}
	for n, m := 0, 0; n < len(o.values) || m < len(later.values); {
		d := 1
		if m == len(later.values) {
			d = -1
		} else if n < len(o.values) {
			d = o.compare(n, later, m)
		}
		from, at := o, n
		if d <= 0 {
			all.uids = there.among(all.uids, o.of(n))
			n++
		}
		if d >= 0 {
			all.uids, from, at = append(all.uids, later.of(m)...), later, m
			m++
		}
		all.close(from.values[at].number, from.beyond(at))
	}
	return all.clip()
}

// among are the messages of the order that are in a set, those of the greatest
// value first if reverse.
func (o *order) among(s *uidSet, reverse bool) []UID {
	found := make([]UID, 0, s.n)
	if !reverse {
		return s.among(found, o.uids)
	}
	for n := len(o.values) - 1; n >= 0; n-- {
		found = s.among(found, o.of(n))
	}
	return found
}

// uidSet is a set of UIDs, a bit each of the range that they span.
type uidSet struct {
	first UID
	n     int // how many there are
	bits  []uint64
}

// newUIDSet makes one with room for UIDs from first to last.
func newUIDSet(first, last UID) *uidSet {
	return &uidSet{first: first, bits: make([]uint64, (last-first)/64+1)}
}

// add adds a UID that is in the range and not in the set.
func (s *uidSet) add(u UID) {
	s.bits[(u-s.first)/64] |= 1 << ((u - s.first) % 64)
	s.n++
}

func (s *uidSet) has(u UID) bool {
	at := u - s.first // far beyond the bits if u is before the first
	return int(at/64) < len(s.bits) && s.bits[at/64]>>(at%64)&1 != 0
}

// among appends those of uids that are in the set.
func (s *uidSet) among(dst, uids []UID) []UID {
	for _, u := range uids {
		if s.has(u) {
			dst = append(dst, u)
		}
	}
	return dst
}
