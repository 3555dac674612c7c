package imapserver

import (
	"context"
	"strings"

	"tem/internal/wire/imap"
)

// Idle begins to tell what happens until the client says DONE (RFC 9051
// §6.3.13); step does the telling, done ends it.
func (t *turn) Idle(ctx context.Context, _ *imap.Idle) error {
	if err := t.say("+ idling"); err != nil {
		return err
	}
	t.idling = t
	t.listen()
	return errAnswered
}

// done reads the line that ends IDLE.
func (s *session) done(ctx context.Context) error {
	text, err := s.c.ReadLine()
	if err != nil {
		return err
	}
	t := s.idling
	s.idling = nil
	s.listen()
	if !strings.EqualFold(string(text), "DONE") {
		return t.end(ctx, bad("expected DONE"))
	}
	return t.end(ctx, nil)
}

// listen asks for news of the account while they are wanted.
func (s *session) listen() {
	switch wanted := s.idling != nil; {
	case wanted && s.unlisten == nil:
		account := s.account
		if s.view != nil {
			account = s.view.account
		}
		s.unlisten = account.Notify(s.c.Nudge)
	case !wanted:
		s.deaf()
	}
}

func (s *session) deaf() {
	if s.unlisten != nil {
		s.unlisten()
		s.unlisten = nil
	}
}
