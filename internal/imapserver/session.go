package imapserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// session is one connection's state. It belongs to one goroutine.
type session struct {
	o       *Options
	recents *recents
	c       *line.Conn
	r       *imap.Reader
	log     *slog.Logger
	late    *time.Timer // ends a session that does not log in
	state   imap.State
	user    string
	person  directory.Account
	account *mail.Account
	view    *view // of the selected mailbox
	rev2    bool  // IMAP4rev2 was enabled (RFC 9051 §6.3.1)
	errors  int
	ended   bool
	tag     string
	out     []byte
}

// reply is a tagged answer that is not the plain OK: NO and BAD are errors of
// the handlers; OK carries a response code.
type reply struct{ status, code, text string }

func (r *reply) Error() string { return r.text }

func no(code, format string, args ...any) error {
	return &reply{"NO", code, fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) error { return &reply{"BAD", "", fmt.Sprintf(format, args...)} }

func isBad(err error) bool {
	var r *reply
	return errors.As(err, &r) && r.status == "BAD"
}

// errAnswered: the handler has written the tagged response itself.
var errAnswered = &reply{status: "-"}

func ok(code, text string) error { return &reply{"OK", code, text} }

// say buffers one line of a response.
func (s *session) say(format string, args ...any) error {
	return s.c.WriteLineBytes(fmt.Appendf(nil, format, args...))
}

// next reads one command and answers it. An error ends the session.
func (s *session) next(ctx context.Context) error {
	cmd, err := s.r.Next()
	var syntax *imap.SyntaxError
	if errors.As(err, &syntax) {
		return s.refuse(syntax)
	}
	if err != nil {
		return err
	}
	s.tag = cmd.Tag
	err = s.run(ctx, cmd)
	if errors.As(err, &syntax) {
		return s.refuse(syntax)
	}
	if lost := s.answer(cmd, err); lost != nil {
		return lost
	}
	return nil
}

func (s *session) run(ctx context.Context, cmd *imap.Command) error {
	if cmd.Row.States&s.state == 0 {
		if a, isAppend := cmd.Args.(*imap.Append); isAppend {
			if err := s.r.Skip(cmd.Tag, a); err != nil {
				return err
			}
		}
		return bad("%s is not allowed in this state", cmd.Row.Name)
	}
	err := cmd.Run(ctx, s)
	if s.view != nil && !isLost(err) {
		// RFC 9051 §7.5.1: no EXPUNGE while sequence numbers are in use.
		if e := s.sync(ctx, cmd.Row.Traits&imap.Numbers == 0); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// errLost marks an error after which the dialogue can't go on.
var errLost = errors.New("connection lost")

// isLost reports an error of the connection rather than of the command.
func isLost(err error) bool {
	var network net.Error
	for _, end := range []error{errLost, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, line.ErrInterrupted} {
		if errors.Is(err, end) {
			return true
		}
	}
	return errors.As(err, &network)
}

// answer writes the tagged response; it returns err if the session can't go on.
func (s *session) answer(cmd *imap.Command, err error) error {
	if isLost(err) {
		return err
	}
	if err == errAnswered {
		return nil
	}
	r := s.replyFor(err)
	if r.text == "" {
		r.text = cmd.Row.Name + " done"
	}
	if r.code != "" {
		r.code = "[" + r.code + "] "
	}
	s.say("%s %s %s%s", cmd.Tag, r.status, r.code, r.text)
	if r.status == "BAD" || r.code == "[AUTHENTICATIONFAILED] " {
		s.count()
	}
	return nil
}

// replyFor is the one place where errors become responses (RFC 5530 §3).
func (s *session) replyFor(err error) reply {
	var r *reply
	if err == nil {
		return reply{status: "OK"}
	}
	if errors.As(err, &r) {
		return *r
	}
	var m *mail.Error
	if errors.As(err, &m) {
		codes := map[mail.Kind]string{mail.NotFound: "NONEXISTENT", mail.Exists: "ALREADYEXISTS", mail.Invalid: "CANNOT",
			mail.OverQuota: "OVERQUOTA", mail.LimitReached: "LIMIT", mail.HasChildren: "HASCHILDREN", mail.Busy: "INUSE"}
		if code, known := codes[m.Kind]; known {
			return reply{"NO", code, m.Text}
		}
	}
	s.log.Error("imap command failed", "user", s.user, "err", err)
	return reply{"NO", "SERVERBUG", "internal error, session " + s.c.Session()}
}

// tryCreate turns "no such mailbox" into the hint of RFC 9051 §6.3.12 and §6.4.7.
func tryCreate(err error) error {
	if isKind(err, mail.NotFound) {
		return no("TRYCREATE", "no such mailbox")
	}
	return err
}

func isKind(err error, kind mail.Kind) bool {
	var m *mail.Error
	return errors.As(err, &m) && m.Kind == kind
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

// count ends a session with too many mistakes.
func (s *session) count() {
	if s.errors++; s.errors >= s.o.MaxErrors && !s.ended {
		s.ended = true
		s.say("* BYE too many errors")
	}
}
