package mail

import (
	"encoding/binary"
	"slices"
)

// The flags of pageSize UIDs that follow each other may lie in one row, a page,
// under the key of the first: what a mailbox shows then costs a row for 128
// messages, and so does a change of all of them. A new message has a row of its
// own, whose writer needs to know nothing of the others; gather and changes of
// many put such rows into pages.
//
// Invariant: a message is in one row, and those that have rows of their own in
// the span of a page are newer than all in it, so that a scan meets UIDs in order.

// pageSize is a power of two.
const pageSize = 128

// pageMark begins a page. A row of one message begins with the highest octet of
// a modseq, which is 0 (RFC 7162 §3.1: modseqs have 63 bits; a commit adds 1).
const pageMark = 1

// pageOf is the first UID of the page that a message is in, if it is in one.
func pageOf(uid UID) UID { return uid &^ (pageSize - 1) }

func isPage(row []byte) bool { return len(row) > 0 && row[0] == pageMark }

// appendItems appends what a row of flags holds: one message, or those of a
// page, in UID order.
func appendItems(dst []Item, first UID, row []byte) ([]Item, error) {
	if isPage(row) {
		return appendPageItems(dst, first, row)
	}
	i, err := decodeItem(first, row)
	if err != nil {
		return dst, err
	}
	return append(dst, i), nil
}

// appendPage writes the page of items, of which there are 1 to pageSize: how
// many, then their UIDs, modseqs, flags and save dates one after the other, each
// a list of values and of how often they stand.
func appendPage(dst []byte, first UID, items []Item) []byte {
	dst = append(dst, pageMark, byte(len(items)))
	next := first
	dst = appendRuns(dst, items, func(i Item) int64 {
		gap := i.UID - next
		next = i.UID + 1
		return int64(gap)
	})
	modseq := int64(0)
	dst = appendRuns(dst, items, func(i Item) int64 { return step(&modseq, int64(i.ModSeq)) })
	dst = appendRuns(dst, items, func(i Item) int64 { return int64(i.Flags) })
	saved := int64(0)
	return appendRuns(dst, items, func(i Item) int64 { return step(&saved, int64(i.Saved)) })
}

// step is how far a value is from the one before.
func step(last *int64, v int64) int64 {
	d := v - *last
	*last = v
	return d
}

// appendRuns writes one column: each value once for as many items as have it.
func appendRuns(dst []byte, items []Item, value func(Item) int64) []byte {
	run, n := value(items[0]), 1
	for _, i := range items[1:] {
		if v := value(i); v != run {
			dst = appendRun(dst, run, n)
			run, n = v, 0
		}
		n++
	}
	return appendRun(dst, run, n)
}

// appendRun writes a value and how many items have it.
func appendRun(dst []byte, v int64, n int) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, v), uint64(n))
}

// appendPageItems reads a page.
func appendPageItems(dst []Item, first UID, row []byte) ([]Item, error) {
	d := &decoder{b: row[1:]}
	old, n := len(dst), int(d.byte())
	if n == 0 || n > pageSize || first != pageOf(first) {
		return dst, errRow
	}
	dst = slices.Grow(dst, n)[:old+n]
	items := dst[old:]
	next := first
	d.runs(items, func(some []Item, gap int64) {
		for k := range some {
			some[k].UID = next + UID(gap)
			next = some[k].UID + 1
		}
		if gap < 0 || gap >= pageSize || next-first > pageSize {
			d.err = errRow
		}
	})
	modseq := int64(0)
	d.runs(items, func(some []Item, by int64) {
		for k := range some {
			modseq += by
			some[k].ModSeq = ModSeq(modseq)
		}
	})
	d.runs(items, func(some []Item, flags int64) {
		for k := range some {
			some[k].Flags = Flags(flags)
		}
	})
	saved := int64(0)
	d.runs(items, func(some []Item, by int64) {
		for k := range some {
			saved += by
			some[k].Saved = uint32(saved)
		}
	})
	if d.err != nil || len(d.b) > 0 {
		return dst[:old], errRow
	}
	return dst, nil
}

// runs reads one column and calls fn with the items that have one value.
func (d *decoder) runs(items []Item, fn func(some []Item, v int64)) {
	for len(items) > 0 && d.err == nil {
		v, n := d.int(), d.uint()
		if n == 0 || n > uint64(len(items)) {
			d.err = errRow
			return
		}
		fn(items[:n], v)
		items = items[n:]
	}
}
