package imapserver

import (
	"slices"
	"sort"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// view is the selected mailbox as the client knows it: item i has sequence
// number i+1.
type view struct {
	place
	examined bool // by EXAMINE
	readOnly bool // nothing can be changed
	items    []mail.Item
	shared   bool            // others have items too: own comes before a change
	folded   []mail.UIDRange // in place of items while the session rests; else nil
	vague    bool            // some flags are unknownFlags, until sync has told
	gone     []mail.UIDRange // expunged, but the client has not been told yet
	whole    mail.ModSeq     // up to here the client was told all
	saved    []mail.UIDRange // "$" (RFC 5182), in order
	recent   []mail.UIDRange
	updated  []*updated // searches that are kept up to date (RFC 5267)
	missing  bool       // NOTIFY left something out after whole
}

// find is the index of a UID, or of the next larger one.
func (v *view) find(uid mail.UID) (int, bool) {
	return slices.BinarySearchFunc(v.items, uid, func(i mail.Item, u mail.UID) int { return int(int64(i.UID) - int64(u)) })
}

// findFrom is find, faster where the UID is at the index from.
func (v *view) findFrom(from int, uid mail.UID) (int, bool) {
	if from < len(v.items) && v.items[from].UID == uid {
		return from, true
	}
	return v.find(uid)
}

// own makes items the view's own.
func (v *view) own() {
	if v.shared {
		v.items, v.shared = slices.Clone(v.items), false
	}
}

// isGone reports a message that the client has not been told is gone.
func (v *view) isGone(uid mail.UID) bool {
	return slices.ContainsFunc(v.gone, func(r mail.UIDRange) bool { return r.From <= uid && uid <= r.To })
}

// goneAt reports the same of the message at an index, for many of them.
func (v *view) goneAt() func(i int) bool {
	if len(v.gone) == 0 {
		return func(int) bool { return false }
	}
	marks := v.marked(v.gone)
	return func(i int) bool { return marks[i] }
}

// pick returns the indexes of a set, ascending and each once. Sequence numbers
// that don't exist are an error, UIDs are not (RFC 9051 §6.4.9).
func (v *view) pick(set imap.Set, uid bool) ([]int, error) {
	var spans []imap.Range // of indexes, To excluded
	if set.Saved {
		for _, r := range v.saved {
			spans = append(spans, v.spanOf(r))
		}
	}
	for _, r := range set.Ranges {
		span, err := v.span(r, uid)
		if err != nil {
			return nil, err
		}
		spans = append(spans, span)
	}
	return flat(spans), nil
}

// flat are the indexes in spans, To excluded, ascending and each once.
func flat(spans []imap.Range) (picked []int) {
	sort.Slice(spans, func(i, j int) bool { return spans[i].From < spans[j].From })
	next := 0
	for _, r := range spans {
		for next = max(next, int(r.From)); next < int(r.To); next++ {
			picked = append(picked, next)
		}
	}
	return picked
}

func (v *view) span(r imap.Range, uid bool) (imap.Range, error) {
	n := uint32(len(v.items))
	if uid {
		r = r.Resolve(v.lastUID())
		return v.spanOf(mail.UIDRange{From: mail.UID(r.From), To: mail.UID(r.To)}), nil
	}
	if r = r.Resolve(n); r.From == 0 || r.To > n {
		return r, bad("no such message number")
	}
	return imap.Range{From: r.From - 1, To: r.To}, nil
}

// lastUID is what * means among UIDs.
func (v *view) lastUID() uint32 {
	if n := len(v.items); n > 0 {
		return uint32(v.items[n-1].UID)
	}
	return uint32(v.box.UIDNext)
}

// spanOf are the indexes of a range of UIDs, To excluded.
func (v *view) spanOf(r mail.UIDRange) imap.Range {
	lo, _ := v.find(r.From)
	hi, found := v.find(r.To)
	if found {
		hi++
	}
	return imap.Range{From: uint32(lo), To: uint32(hi)}
}

// marked says of each index whether its UID is in one of the ranges.
func (v *view) marked(list []mail.UIDRange) []bool {
	marks := make([]bool, len(v.items))
	for _, r := range list {
		for i, _ := v.find(r.From); i < len(marks) && v.items[i].UID <= r.To; i++ {
			marks[i] = true
		}
	}
	return marks
}

// uids are those of the indexes.
func (v *view) uids(picked []int) []mail.UID {
	uids := make([]mail.UID, len(picked))
	for i, at := range picked {
		uids[i] = v.items[at].UID
	}
	return uids
}

var systemFlags = []struct {
	bit  mail.Flags
	name string
}{{mail.Answered, `\Answered`}, {mail.Flagged, `\Flagged`}, {mail.Deleted, `\Deleted`}, {mail.Seen, `\Seen`}, {mail.Draft, `\Draft`}}

// flagNames are the flags of the mailbox but for some.
func (v *view) flagNames(without mail.Flags) (names []string) {
	for _, sys := range systemFlags {
		if without&sys.bit == 0 {
			names = append(names, sys.name)
		}
	}
	for n, keyword := range v.box.Keywords {
		if without&(1<<(mail.FirstKeyword+n)) == 0 {
			names = append(names, keyword)
		}
	}
	return names
}

// appendFlags writes a message's flag list.
func (v *view) appendFlags(dst []byte, item mail.Item) []byte {
	f := item.Flags
	dst = append(dst, '(')
	start := len(dst)
	if len(v.recent) > 0 && v.isRecent(item.UID) {
		dst = append(dst, `\Recent `...)
	}
	for _, sys := range systemFlags {
		if f&sys.bit != 0 {
			dst = append(append(dst, sys.name...), ' ')
		}
	}
	for n, keyword := range v.box.Keywords {
		if f&(1<<(mail.FirstKeyword+n)) != 0 {
			dst = append(append(dst, keyword...), ' ')
		}
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1]
	}
	return append(dst, ')')
}

// keywordBits are the bits of those names that the mailbox has.
func (v *view) keywordBits(names []string) (bits mail.Flags) {
	for n, known := range v.box.Keywords {
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, known) }) {
			bits |= 1 << (mail.FirstKeyword + n)
		}
	}
	return bits
}

// parseFlags sorts flags into system ones and keywords.
func parseFlags(names []string) (system mail.Flags, keywords []string, err error) {
next:
	for _, name := range names {
		for _, sys := range systemFlags {
			if strings.EqualFold(name, sys.name) {
				system |= sys.bit
				continue next
			}
		}
		if strings.HasPrefix(name, `\`) {
			if strings.EqualFold(name, `\Recent`) { // RFC 3501 §2.3.2: clients can't change it
				continue
			}
			return 0, nil, no("CANNOT", "unknown flag %s", name)
		}
		keywords = append(keywords, name)
	}
	return system, keywords, nil
}
