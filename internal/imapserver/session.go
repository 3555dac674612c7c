package imapserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// session is one connection's state. It belongs to one goroutine; while a group
// of commands runs side by side (group.go) nothing in it changes but the output.
type session struct {
	o             *Options
	recents       *recents
	c             *line.Conn
	r             *imap.Reader
	log           *slog.Logger
	visit         *login.Visit
	late          *time.Timer // ends a session that does not log in
	state         imap.State
	user          string
	person        directory.Account
	pass          *directory.Pass // nil: nobody has logged in
	account       *mail.Account   // the person's own
	view          *view           // of the selected mailbox
	enabled       features
	client        string // what it says of itself (RFC 2971)
	clientLogged  bool
	errors        int // see count
	ended         bool
	behind        *imap.Command // was read with a group that it may not run beside
	idling        *turn         // IDLE, while it lasts
	watch         *watch        // what NOTIFY asked for; nil: it was not used yet
	mine          arrival       // what the command that is running has put somewhere
	ears          []ear         // where news come from
	active, quiet time.Time     // of the last input; of the last thing that needed the list of messages
	out           []byte        // what is told beside a command's own answers is built here

	writing sync.Mutex // held for each whole response
}

// say buffers one line of a response.
func (s *session) say(format string, args ...any) error {
	return s.line(fmt.Appendf(nil, format, args...))
}

// line buffers one line of a response.
func (s *session) line(text []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.c.WriteLineBytes(text)
}

// expelled says goodbye if the account was disabled or removed or has got another password.
func (s *session) expelled() bool {
	if !s.pass.Over() {
		return false
	}
	s.ended = true
	s.say("* BYE [EXPIRED] the account has changed: log in again") // RFC 5530 §3
	return true
}

// next answers the next command, and those that came with it and may run beside
// it. An error ends the session.
func (s *session) next(ctx context.Context) error {
	cmd, err := s.read()
	if cmd == nil {
		return err
	}
	if err := s.unfold(ctx); err != nil {
		return s.newTurn(cmd).answer(err)
	}
	if err := s.recheck(ctx); err != nil {
		return s.newTurn(cmd).answer(err)
	}
	if s.ended {
		return s.newTurn(cmd).answer(errNoRight)
	}
	vague := s.view != nil && s.view.vague // then a FETCH begins with sync
	if kind(cmd) != alone && !vague && s.r.Ready() {
		return s.group(ctx, cmd)
	}
	return s.newTurn(cmd).do(ctx)
}

// read returns nil for a command that could not be understood and was refused.
func (s *session) read() (*imap.Command, error) {
	if cmd := s.behind; cmd != nil {
		s.behind = nil
		return cmd, nil
	}
	cmd, err := s.r.Next()
	var syntax *imap.SyntaxError
	if errors.As(err, &syntax) {
		return nil, s.refuse(syntax)
	}
	return cmd, err
}

func (s *session) refuse(e *imap.SyntaxError) error {
	code := ""
	if e.Code != "" {
		code = "[" + e.Code + "] "
	}
	if e.Fatal {
		s.ended = true
		return s.say("* BYE %s%s", code, e.Text)
	}
	s.say("%s BAD %s%s", e.Tag, code, e.Text)
	s.count()
	return nil
}

// count ends a session with too many mistakes: all of those before the login,
// then those in a row, for a session may last for weeks.
func (s *session) count() {
	if s.errors++; s.errors >= s.o.MaxErrors && !s.ended {
		s.ended = true
		s.say("* BYE too many errors")
	}
}
