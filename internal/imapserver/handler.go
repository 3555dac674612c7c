package imapserver

import (
	"context"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

var _ imap.Handler = (*session)(nil)

// The commands that take a line or two; the others have files of their own.

func (s *session) Capability(context.Context, *imap.Capability) error {
	return s.say("* CAPABILITY %s", s.capabilities())
}

func (s *session) Noop(context.Context, *imap.Noop) error   { return nil }
func (s *session) Check(context.Context, *imap.Check) error { return nil }

func (s *session) Logout(context.Context, *imap.Logout) error {
	s.ended, s.view = true, nil
	return s.say("* BYE see you")
}

func (s *session) ID(context.Context, *imap.ID) error { return s.say(`* ID ("name" "Tem")`) }

// Enable knows one extension (RFC 9051 §6.3.1); unknown ones are passed over.
func (s *session) Enable(_ context.Context, c *imap.Enable) error {
	if !slices.Contains(c.Names, "IMAP4REV2") {
		return s.say("* ENABLED")
	}
	s.rev2, s.r.UTF8 = true, true
	if s.view != nil {
		s.view.recent = nil
	}
	return s.say("* ENABLED IMAP4rev2")
}

func (s *session) Create(ctx context.Context, c *imap.Create) error {
	_, err := s.account.Create(ctx, c.Mailbox, c.SpecialUse)
	return err
}

func (s *session) Delete(ctx context.Context, c *imap.Delete) error {
	err := s.account.Delete(ctx, c.Mailbox)
	if !isKind(err, mail.NotFound) {
		return err
	}
	if all, e := s.folders(ctx, false); e == nil && all[c.Mailbox] != nil { // RFC 9051 §6.3.5
		return no("HASCHILDREN", "%s is only the name above other mailboxes", c.Mailbox)
	}
	return err
}

func (s *session) Rename(ctx context.Context, c *imap.Rename) error {
	return s.account.Rename(ctx, c.From, c.To)
}

func (s *session) Subscribe(ctx context.Context, c *imap.Subscribe) error {
	return s.account.Subscribe(ctx, c.Mailbox, c.On)
}

func (s *session) Namespace(context.Context, *imap.Namespace) error {
	return s.say(`* NAMESPACE (("" "/")) NIL NIL`) // RFC 2342 §5
}

func (s *session) Unselect(context.Context, *imap.Unselect) error {
	s.deselect()
	return nil
}
