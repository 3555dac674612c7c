package imapserver

import (
	"context"
	"strings"
	"time"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// sync tells the client what happened in the mailbox since it last looked.
func (s *session) sync(ctx context.Context, expunges bool) error {
	if err := s.recheck(ctx); err != nil || s.view == nil {
		return err
	}
	v := s.view
	d, err := s.changes(ctx)
	if err != nil {
		return err
	}
	if d.Deleted {
		s.ended, s.view = true, nil
		return s.say("* BYE the mailbox was deleted")
	}
	keywords := len(v.box.Keywords)
	v.box = d.Mailbox
	if len(v.box.Keywords) != keywords {
		s.sayFlags()
	}
	v.lose(d.Gone)
	s.updateGone(d.Gone)
	if expunges {
		s.tellGone()
	}
	n := &newcomers{from: len(v.items)}
	s.tellChanged(d.Changed)
	if v.vague = false; len(v.gone) == 0 && !v.missing {
		v.whole = v.box.HighestModSeq
	}
	if err := s.updateChanged(ctx, d.Changed, n); err != nil {
		return err
	}
	return s.show(ctx, n) // RFC 5465 §5.2: after ADDTO
}

// changes are what happened in the mailbox. If anything did, the list is read before
// them, so that they explain all that differs there from what the client knows.
func (s *session) changes(ctx context.Context) (mail.Delta, error) {
	v := s.view
	d, err := v.account.Changes(ctx, v.box.ID, v.box.HighestModSeq)
	if err != nil || d.Deleted || d.Mailbox.HighestModSeq == v.box.HighestModSeq {
		return d, err
	}
	s.quiet = time.Now()
	if v.folded == nil {
		return d, nil
	}
	if err := s.unfold(ctx); err != nil {
		return d, err
	}
	return v.account.Changes(ctx, v.box.ID, v.box.HighestModSeq)
}

// tellWhole says that a client which resynchronises must begin before what it was
// not told to be gone, whatever modseqs it was told since (RFC 7162 §6).
func (s *session) tellWhole() {
	if s.enabled.qresync && s.view != nil && (s.view.missing || len(s.view.gone) > 0) {
		s.sayHighestModSeq()
	}
}

// tellGone says EXPUNGE for what is gone, highest number first.
func (s *session) tellGone() {
	v := s.view
	if len(v.gone) == 0 || v.folded != nil {
		return
	}
	gone := v.marked(v.gone)
	s.sayGone(gone)
	v.own()
	kept := v.items[:0]
	for i, item := range v.items {
		if !gone[i] {
			kept = append(kept, item)
		}
	}
	v.items, v.gone = kept, nil
}

// sayGone tells which messages of the view are gone, by number or, where the
// client wants it so, by UID (RFC 7162 §3.2.10, RFC 9586 §3).
func (s *session) sayGone(gone []bool) {
	if !s.enabled.qresync && !s.enabled.uidOnly {
		for i := len(gone) - 1; i >= 0; i-- {
			if gone[i] {
				s.say("* %d EXPUNGE", i+1)
			}
		}
		return
	}
	var uids []mail.UID
	for i, is := range gone {
		if is {
			uids = append(uids, s.view.items[i].UID)
		}
	}
	if len(uids) > 0 {
		s.line(imap.AppendVanished([]byte("* "), false, uids))
	}
}

// tellChanged says EXISTS for new messages and FETCH for new flags, as far as
// that is wanted.
func (s *session) tellChanged(changed []mail.Item) {
	v := s.view
	before, next := len(v.items), 0
	for _, item := range changed {
		i, known := v.findFrom(next, item.UID)
		next = i + 1
		switch {
		case !known && i == len(v.items) && s.wants(imap.MessageNew):
			v.items, v.shared = append(v.items, item), false
		case !known && i == len(v.items):
			v.missing = true
		case known && v.items[i] != item:
			tell := v.items[i].Flags != item.Flags || s.enabled.condstore && v.items[i].ModSeq != item.ModSeq
			v.own()
			v.items[i] = item
			if tell && s.wants(imap.FlagChange) {
				s.sayItemFlags(i, true)
			} else if tell {
				v.missing = true
			}
		}
	}
	if len(v.items) > before {
		s.claimRecent()
		s.sayExists()
	}
}

func (s *session) sayItemFlags(i int, uid bool) {
	s.out = s.appendItemFlags(s.out[:0], i, uid)
	s.line(s.out)
}

func (s *session) appendItemFlags(dst []byte, i int, uid bool) []byte {
	item := s.view.items[i]
	dst = s.appendUID(s.appendFetchStart(dst, i), item, uid)
	dst = s.view.appendFlags(append(dst, "FLAGS "...), item)
	if s.enabled.condstore {
		dst = appendModSeq(append(dst, ' '), item)
	}
	return append(dst, ')')
}

// sayItemModSeq tells the modseq alone, of a change that was to be silent
// (RFC 7162 §3.1.3).
func (s *session) sayItemModSeq(i int, uid bool) {
	item := s.view.items[i]
	s.out = s.appendUID(s.appendFetchStart(s.out[:0], i), item, uid)
	s.line(append(appendModSeq(s.out, item), ')'))
}

// appendUID begins a FETCH with the UID if that was asked for or the client is
// one that resynchronises (RFC 7162 §3.2.4), unless the response is by UID.
func (s *session) appendUID(dst []byte, item mail.Item, asked bool) []byte {
	if s.enabled.uidOnly || !asked && !s.enabled.condstore {
		return dst
	}
	return append(appendUint(append(dst, "UID "...), uint64(item.UID)), ' ')
}

func appendModSeq(dst []byte, item mail.Item) []byte {
	return append(appendUint(append(dst, "MODSEQ ("...), uint64(item.ModSeq)), ')')
}

// appendFetchStart begins the response about the message at index i.
func (s *session) appendFetchStart(dst []byte, i int) []byte {
	if s.enabled.uidOnly { // RFC 9586 §3
		return append(appendUint(append(dst, "* "...), uint64(s.view.items[i].UID)), " UIDFETCH ("...)
	}
	return append(appendUint(append(dst, "* "...), uint64(i+1)), " FETCH ("...)
}

// sayFlags tells which flags there are and which can be kept.
func (s *session) sayFlags() {
	v := s.view
	all, kept := v.flagNames(0), "()"
	if !v.readOnly {
		names := v.flagNames(v.kept())
		if !v.keepsKeywords() {
			names = append(names, `\*`)
		}
		kept = "(" + strings.Join(names, " ") + ")"
	}
	s.say("* FLAGS (%s)", strings.Join(all, " "))
	s.say("* OK [PERMANENTFLAGS %s] kept", kept)
}
