package mail

import (
	"encoding/binary"
	"maps"
	"slices"
)

// logEntry is what one commit did to one mailbox.
type logEntry struct{ changed, gone []UID }

// appendLog writes a change-log row: for each mailbox its id and two lists of
// UID ranges.
func appendLog(dst []byte, log map[MailboxID]*logEntry) []byte {
	for _, id := range slices.Sorted(maps.Keys(log)) {
		dst = binary.AppendUvarint(dst, uint64(id))
		dst = appendRanges(appendRanges(dst, log[id].changed), log[id].gone)
	}
	return dst
}

// appendRanges writes how many ranges there are, then for each its distance
// from the end of the one before and its length minus one.
func appendRanges(dst []byte, uids []UID) []byte {
	slices.Sort(uids)
	ranges := rangesOf(uids)
	dst = binary.AppendUvarint(dst, uint64(len(ranges)))
	last := UID(0)
	for _, r := range ranges {
		dst = appendUints(dst, uint64(r.From-last), uint64(r.To-r.From))
		last = r.To
	}
	return dst
}

// rangesOf joins neighbours in a sorted list.
func rangesOf(uids []UID) (ranges []UIDRange) {
	for _, u := range uids {
		if n := len(ranges); n > 0 && u <= ranges[n-1].To+1 {
			ranges[n-1].To = u
		} else {
			ranges = append(ranges, UIDRange{u, u})
		}
	}
	return ranges
}

func (d *decoder) ranges() (ranges []UIDRange) {
	last := UID(0)
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		from := last + UID(d.uint())
		last = from + UID(d.uint())
		ranges = append(ranges, UIDRange{from, last})
	}
	return ranges
}

// readLog calls fn for the part of a change-log row that is about one mailbox.
func readLog(row []byte, id MailboxID, fn func(changed, gone []UIDRange)) error {
	d := &decoder{b: row}
	for len(d.b) > 0 {
		box, changed, gone := MailboxID(d.uint()), d.ranges(), d.ranges()
		if d.err == nil && box == id {
			fn(changed, gone)
		}
	}
	return d.err
}
