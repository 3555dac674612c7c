package imapserver

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tem/internal/line"
	"tem/internal/mail"
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
	text, err := s.readLine()
	if errors.Is(err, line.ErrTooLong) { // as of a command that is too long
		return s.refuse(&imap.SyntaxError{Text: "line too long", Fatal: true})
	}
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

// readLine reads a line that is no command. As in commands, its end may be a bare LF.
func (s *session) readLine() ([]byte, error) {
	text, err := s.c.ReadLine()
	if errors.Is(err, line.ErrBareNewline) {
		err = nil
	}
	return text, err
}

// ear is where news of an account come from, or of the server (0), until stop.
type ear struct {
	owner mail.AccountID
	stop  func()
}

// listen asks for news of the accounts of which they are wanted. Its caller
// looks afterwards.
func (s *session) listen() {
	s.deaf()
	if s.view != nil && (s.idling != nil || s.watch != nil && s.watch.selected != 0) {
		s.hearOf(s.view.account, s.view.owner)
	}
	if s.watch != nil && len(s.watch.groups) > 0 {
		s.hearOf(s.account, s.person.ID)
	}
	if s.watch != nil && s.watch.asks(imap.ServerMetadataChange) {
		s.ears = append(s.ears, ear{0, s.o.Mail.NotifyServer(s.c.Nudge)})
	}
}

func (s *session) hearOf(account *mail.Account, owner mail.AccountID) {
	if !slices.ContainsFunc(s.ears, func(e ear) bool { return e.owner == owner }) {
		s.ears = append(s.ears, ear{owner, account.Notify(s.c.Nudge)})
	}
}

func (s *session) deaf() {
	for _, e := range s.ears {
		e.stop()
	}
	s.ears = nil
}
