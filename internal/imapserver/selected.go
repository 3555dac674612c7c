package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The selected mailbox of a client that has said NOTIFY (RFC 5465 §3.1). What
// it does not want to know of it stays out of its view, or changes there
// silently, until another NOTIFY asks for it.

// rewind has the next sync tell what was left out, as far as it is wanted now.
func (v *view) rewind(wanted imap.Events) {
	if !v.missing || wanted == 0 {
		return
	}
	for i := range v.items {
		if v.items[i].ModSeq > v.whole {
			v.own()
			v.items[i].Flags, v.vague = unknownFlags, true
		}
	}
	v.box.HighestModSeq, v.missing = v.whole, false
}

// lose notes what is gone of the messages that the client knows.
func (v *view) lose(gone []mail.UIDRange) {
	for _, r := range gone {
		if i, _ := v.find(r.From); i < len(v.items) && v.items[i].UID <= r.To {
			v.gone = append(v.gone, r)
		}
	}
}

// newcomers are the messages that EXISTS has just told of.
type newcomers struct {
	from  int               // index of the first
	shown map[mail.UID]bool // of which a FETCH was sent
}

// show sends what NOTIFY wants of each that is new (RFC 5465 §5.2).
func (s *session) show(ctx context.Context, n *newcomers) error {
	if s.watch == nil || len(s.watch.show) == 0 {
		return nil
	}
	var picked []int
	for i := n.from; i < len(s.view.items); i++ {
		picked = append(picked, i)
	}
	return s.showThese(ctx, s.watch.show, n, picked)
}

// showFound sends of those that are new and were found by a search what is
// wanted of its results, with what NOTIFY wants (RFC 5465 §5.2, §7).
func (s *session) showFound(ctx context.Context, items []imap.Item, n *newcomers, found []mail.UID) error {
	if len(items) == 0 {
		return nil
	}
	if s.watch != nil {
		items = joined(items, s.watch.show)
	}
	var picked []int
	for _, uid := range found {
		if i, known := s.view.find(uid); known && i >= n.from {
			picked = append(picked, i)
		}
	}
	return s.showThese(ctx, items, n, picked)
}

// showThese leaves out what was sent, and what this client has put there itself.
func (s *session) showThese(ctx context.Context, items []imap.Item, n *newcomers, picked []int) error {
	v := s.view
	picked = slices.DeleteFunc(picked, func(i int) bool {
		uid := v.items[i].UID
		_, put := slices.BinarySearch(s.mine.uids, uid)
		return n.shown[uid] || put && s.mine.owner == v.owner && s.mine.validity == v.box.UIDValidity
	})
	if n.shown == nil {
		n.shown = make(map[mail.UID]bool, len(picked))
	}
	for _, i := range picked {
		n.shown[v.items[i].UID] = true
	}
	if s.enabled.condstore { // RFC 7162 §3.1
		items = joined(items, []imap.Item{{Kind: imap.ItemModSeq, Label: "MODSEQ"}})
	}
	f := newFetcher(s.newTurn(nil), &imap.Fetch{Items: items, UID: s.enabled.condstore}) // RFC 7162 §3.2.4: with the UID
	f.uid = true                                                                         // one that is gone already is passed over
	for part := range slices.Chunk(picked, chunk) {
		if err := f.run(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// joined are items and those of more that are not among them.
func joined(items, more []imap.Item) []imap.Item {
	items = slices.Clone(items)
	for _, it := range more {
		if !slices.ContainsFunc(items, func(has imap.Item) bool { return has.Label == it.Label }) {
			items = append(items, it)
		}
	}
	return items
}

// immediate: the client wants to know of expunges at any time, and so uses no
// numbers (RFC 5465 §5.3, §6.1.1).
func (s *session) immediate() bool {
	return s.watch != nil && !s.watch.delayed && s.watch.selected&imap.MessageExpunge != 0
}

// catchUp tells of expunges that could not be told in a command.
func (s *session) catchUp() {
	if s.view != nil && s.immediate() {
		s.tellGone()
	}
}
