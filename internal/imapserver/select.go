package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Select answers SELECT and EXAMINE (RFC 9051 §6.3.2, RFC 3501 §6.3.1).
func (s *session) Select(ctx context.Context, c *imap.Select) error {
	if s.view != nil { // also when this fails
		s.deselect()
		s.say("* OK [CLOSED] the mailbox before is closed")
	}
	box, err := s.account.Mailbox(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	v := &view{readOnly: c.ReadOnly}
	if v.box, v.items, err = s.account.List(ctx, box.ID); err != nil {
		return err
	}
	s.view, s.state = v, imap.Selected
	s.claimRecent()
	s.sayFlags()
	s.sayExists()
	if err := s.sayFirst(ctx); err != nil {
		return err
	}
	s.say("* OK [UIDVALIDITY %d] UIDs valid", v.box.UIDValidity)
	s.say("* OK [UIDNEXT %d] predicted next UID", v.box.UIDNext)
	if c.ReadOnly {
		return ok("READ-ONLY", "EXAMINE done")
	}
	return ok("READ-WRITE", "SELECT done")
}

// sayFirst is where the revisions differ: the first unseen message in the one
// (RFC 3501 §6.3.1), the mailbox's name in the other (RFC 9051 §6.3.2).
func (s *session) sayFirst(ctx context.Context) error {
	v := s.view
	if !s.rev2 {
		if i := slices.IndexFunc(v.items, func(i mail.Item) bool { return i.Flags&mail.Seen == 0 }); i >= 0 {
			return s.say("* OK [UNSEEN %d] first unseen", i+1)
		}
		return nil
	}
	all, err := s.folders(ctx, false)
	if err != nil || all[v.box.Name] == nil {
		return err
	}
	return s.sayFolder(ctx, &imap.List{}, v.box.Name, all[v.box.Name])
}

func (s *session) deselect() {
	if s.view != nil {
		s.view, s.state = nil, imap.Authenticated
	}
}
