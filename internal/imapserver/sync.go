package imapserver

import (
	"context"
	"strings"
	"time"

	"tem/internal/mail"
)

// sync tells the client what happened in the mailbox since it last looked.
func (s *session) sync(ctx context.Context, expunges bool) error {
	v := s.view
	d, err := v.account.Changes(ctx, v.box.ID, v.box.HighestModSeq)
	if err != nil {
		return err
	}
	if d.Deleted {
		s.ended, s.view = true, nil
		return s.say("* BYE the mailbox was deleted")
	}
	if d.Mailbox.HighestModSeq > v.box.HighestModSeq {
		s.quiet, s.resting = time.Now(), false
		if err := s.unfold(ctx); err != nil {
			return err
		}
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
	gone := make([]bool, len(v.items)) // by index
	for _, r := range v.gone {
		for i, _ := v.find(r.From); i < len(gone) && v.items[i].UID <= r.To; i++ {
			gone[i] = true
		}
	}
	kept := v.items[:0]
	for i := len(gone) - 1; i >= 0; i-- {
		if gone[i] {
			s.say("* %d EXPUNGE", i+1)
		}
	}
	for i, item := range v.items {
		if !gone[i] {
			kept = append(kept, item)
		}
	}
	v.items, v.gone = kept, nil
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
		s.claimRecent()
		s.sayExists()
	}
}

func (s *session) sayItemFlags(i int, uid bool) {
	item := s.view.items[i]
	s.out = appendFetchStart(s.out[:0], i)
	if uid {
		s.out = appendUint(append(s.out, "UID "...), uint64(item.UID))
		s.out = append(s.out, ' ')
	}
	s.out = s.view.appendFlags(append(s.out, "FLAGS "...), item)
	s.line(append(s.out, ')'))
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
