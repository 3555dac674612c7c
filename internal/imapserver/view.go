package imapserver

import (
	"context"
	"slices"
	"sort"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// view is the selected mailbox as the client knows it: item i has sequence
// number i+1.
type view struct {
	box      mail.Mailbox
	readOnly bool
	items    []mail.Item
	gone     []mail.UID // expunged, but the client has not been told yet
	saved    []mail.UID // "$" (RFC 5182)
}

// find is the index of a UID, or of the next larger one.
func (v *view) find(uid mail.UID) (int, bool) {
	return slices.BinarySearchFunc(v.items, uid, func(i mail.Item, u mail.UID) int { return int(int64(i.UID) - int64(u)) })
}

// pick returns the indexes of a set, ascending and each once. Sequence numbers
// that don't exist are an error, UIDs are not (RFC 9051 §6.4.9).
func (v *view) pick(set imap.Set, uid bool) ([]int, error) {
	var spans []imap.Range // of indexes, To excluded
	if set.Saved {
		for _, u := range v.saved {
			if i, ok := v.find(u); ok {
				spans = append(spans, imap.Range{From: uint32(i), To: uint32(i + 1)})
			}
		}
	}
	for _, r := range set.Ranges {
		span, err := v.span(r, uid)
		if err != nil {
			return nil, err
		}
		spans = append(spans, span)
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].From < spans[j].From })
	var picked []int
	next := 0
	for _, r := range spans {
		for next = max(next, int(r.From)); next < int(r.To); next++ {
			picked = append(picked, next)
		}
	}
	return picked, nil
}

func (v *view) span(r imap.Range, uid bool) (imap.Range, error) {
	n := uint32(len(v.items))
	if uid {
		last := uint32(v.box.UIDNext)
		if n > 0 {
			last = uint32(v.items[n-1].UID)
		}
		r = r.Resolve(last)
		lo, _ := v.find(mail.UID(r.From))
		hi, found := v.find(mail.UID(r.To))
		if found {
			hi++
		}
		return imap.Range{From: uint32(lo), To: uint32(hi)}, nil
	}
	if r = r.Resolve(n); r.From == 0 || r.To > n {
		return r, bad("no such message number")
	}
	return imap.Range{From: r.From - 1, To: r.To}, nil
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

// appendFlags writes a flag list.
func (v *view) appendFlags(dst []byte, f mail.Flags) []byte {
	dst = append(dst, '(')
	start := len(dst)
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

// sayFlags tells which flags there are and which can be kept.
func (s *session) sayFlags() {
	names := `\Answered \Flagged \Deleted \Seen \Draft`
	if len(s.view.box.Keywords) > 0 {
		names += " " + strings.Join(s.view.box.Keywords, " ")
	}
	s.say("* FLAGS (%s)", names)
	if s.view.readOnly {
		s.say("* OK [PERMANENTFLAGS ()] read-only")
	} else {
		s.say(`* OK [PERMANENTFLAGS (%s \*)] kept`, names)
	}
}

func (s *session) selectMailbox(ctx context.Context, c *imap.Select) error {
	s.deselect() // RFC 9051 §6.3.2: also when this fails
	box, err := s.account.Mailbox(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	v := &view{readOnly: c.ReadOnly}
	if v.box, v.items, err = s.account.List(ctx, box.ID); err != nil {
		return err
	}
	s.view, s.state = v, imap.Selected
	s.sayFlags()
	s.say("* %d EXISTS", len(v.items))
	s.say("* 0 RECENT")
	if i := slices.IndexFunc(v.items, func(i mail.Item) bool { return i.Flags&mail.Seen == 0 }); i >= 0 {
		s.say("* OK [UNSEEN %d] first unseen", i+1)
	}
	s.say("* OK [UIDVALIDITY %d] UIDs valid", v.box.UIDValidity)
	s.say("* OK [UIDNEXT %d] predicted next UID", v.box.UIDNext)
	if c.ReadOnly {
		return ok("READ-ONLY", "EXAMINE done")
	}
	return ok("READ-WRITE", "SELECT done")
}

func (s *session) deselect() {
	if s.view != nil {
		s.view, s.state = nil, imap.Authenticated
	}
}

// sync tells the client what happened in the mailbox since it last looked.
func (s *session) sync(ctx context.Context, expunges bool) error {
	v := s.view
	d, err := s.account.Changes(ctx, v.box.ID, v.box.HighestModSeq)
	if err != nil {
		return err
	}
	if d.Deleted {
		s.ended, s.view = true, nil
		return s.say("* BYE the mailbox was deleted")
	}
	known := len(v.box.Keywords)
	v.box = d.Mailbox
	if len(v.box.Keywords) != known {
		s.sayFlags()
	}
	v.gone = append(v.gone, d.Gone...)
	if expunges {
		s.tellGone()
	}
	s.tellChanged(d.Changed)
	return nil
}

// tellGone says EXPUNGE for what is gone, highest number first.
func (s *session) tellGone() {
	v := s.view
	if len(v.gone) == 0 {
		return
	}
	gone := make(map[mail.UID]bool, len(v.gone))
	for _, uid := range v.gone {
		gone[uid] = true
	}
	for i := len(v.items) - 1; i >= 0; i-- {
		if gone[v.items[i].UID] {
			s.say("* %d EXPUNGE", i+1)
		}
	}
	v.items = slices.DeleteFunc(v.items, func(i mail.Item) bool { return gone[i.UID] })
	v.gone = nil
}

// tellChanged says EXISTS for new messages and FETCH for new flags.
func (s *session) tellChanged(changed []mail.Item) {
	v := s.view
	before := len(v.items)
	for _, item := range changed {
		i, known := v.find(item.UID)
		switch {
		case !known && i == len(v.items):
			v.items = append(v.items, item)
		case known && v.items[i].Flags != item.Flags:
			v.items[i] = item
			s.sayItemFlags(i, true)
		case known:
			v.items[i] = item
		}
	}
	if len(v.items) > before {
		s.say("* %d EXISTS", len(v.items))
		s.say("* 0 RECENT")
	}
}

func (s *session) sayItemFlags(i int, uid bool) {
	item := s.view.items[i]
	s.out = appendFetchStart(s.out[:0], i)
	if uid {
		s.out = appendUint(append(s.out, "UID "...), uint64(item.UID))
		s.out = append(s.out, ' ')
	}
	s.out = s.view.appendFlags(append(s.out, "FLAGS "...), item.Flags)
	s.c.WriteLineBytes(append(s.out, ')'))
}
