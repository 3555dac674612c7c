package mail

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// logHead stands before the entries of a change-log row.
type logHead struct {
	at          int64     // seconds since 1970
	nextEmail   EmailID   // before the commit: emails numbered from here were made by it or later
	nextMailbox MailboxID // likewise
}

// logEntry is what one commit did to one mailbox.
type logEntry struct {
	changed    []UID
	gone       []tombstone
	properties bool // the mailbox was made, deleted, renamed, (un)subscribed, shared or annotated otherwise
}

// tombstone is what is left of a message that was removed from a mailbox.
type tombstone struct {
	uid    UID
	email  EmailID
	thread ThreadID
}

// appendLog writes a change-log row: the head, then for each mailbox its id,
// what happened, ranges of UIDs and tombstones.
func appendLog(dst []byte, h logHead, log map[MailboxID]*logEntry) []byte {
	dst = appendUints(dst, uint64(h.at), uint64(h.nextEmail), uint64(h.nextMailbox))
	for _, id := range slices.Sorted(maps.Keys(log)) {
		l := log[id]
		dst = append(binary.AppendUvarint(dst, uint64(id)), bit(l.properties))
		dst = appendTombstones(appendRanges(dst, l.changed), l.gone)
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
		ranges = extend(ranges, UIDRange{u, u})
	}
	return ranges
}

// extend adds a range that does not begin before the last one.
func extend(ranges []UIDRange, r UIDRange) []UIDRange {
	if n := len(ranges); n > 0 && uint64(r.From) <= uint64(ranges[n-1].To)+1 {
		ranges[n-1].To = max(ranges[n-1].To, r.To)
		return ranges
	}
	return append(ranges, r)
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

// appendTombstones writes how many there are, then for each its UID minus the
// one before, its email minus the one before, and the email minus the thread.
func appendTombstones(dst []byte, gone []tombstone) []byte {
	slices.SortFunc(gone, func(x, y tombstone) int { return cmp.Compare(x.uid, y.uid) })
	dst = binary.AppendUvarint(dst, uint64(len(gone)))
	var last tombstone
	for _, t := range gone {
		dst = binary.AppendUvarint(dst, uint64(t.uid-last.uid))
		dst = binary.AppendVarint(dst, int64(t.email-last.email))
		dst = binary.AppendVarint(dst, int64(t.email)-int64(t.thread))
		last = t
	}
	return dst
}

func (d *decoder) tombstones() (gone []tombstone) {
	var t tombstone
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		t.uid += UID(d.uint())
		t.email += EmailID(d.int())
		t.thread = ThreadID(int64(t.email) - d.int())
		gone = append(gone, t)
	}
	return gone
}

// readLog reads a change-log row and calls fn, if there is one, for each mailbox
// that it is about.
func readLog(row []byte, fn func(id MailboxID, properties bool, changed []UIDRange, gone []tombstone)) (h logHead, err error) {
	d := &decoder{b: row}
	h = logHead{int64(d.uint()), EmailID(d.uint()), MailboxID(d.uint())}
	for fn != nil && len(d.b) > 0 {
		box, properties, changed, gone := MailboxID(d.uint()), d.byte(), d.ranges(), d.tombstones()
		if d.err == nil {
			fn(box, properties != 0, changed, gone)
		}
	}
	return h, d.err
}
