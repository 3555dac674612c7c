package imapserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tem/internal/kv"
	"tem/internal/line"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// session is one connection's state. It belongs to one goroutine.
type session struct {
	o         *Options
	c         *line.Conn
	r         *imap.Reader
	log       *slog.Logger
	late      *time.Timer // ends a session that does not log in
	state     imap.State
	user      string
	accountID kv.Part
	account   *mail.Account
	view      *view // of the selected mailbox
	errors    int
	ended     bool
	tag       string
	out       []byte
}

// reply is a tagged answer that is not the plain OK: NO and BAD are errors of
// the handlers; OK carries a response code.
type reply struct{ status, code, text string }

func (r *reply) Error() string { return r.text }

func no(code, format string, args ...any) error {
	return &reply{"NO", code, fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) error { return &reply{"BAD", "", fmt.Sprintf(format, args...)} }

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
	err := s.handle(ctx, cmd.Args)
	if s.view != nil && !isLost(err) {
		// RFC 9051 §7.5.1: no EXPUNGE while sequence numbers are in use.
		if e := s.sync(ctx, cmd.Row.Traits&imap.Numbers == 0); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// isLost reports an error of the connection rather than of the command.
func isLost(err error) bool {
	var r *reply
	var m *mail.Error
	var syntax *imap.SyntaxError
	return err != nil && !errors.As(err, &r) && !errors.As(err, &m) && !errors.As(err, &syntax)
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
	var m *mail.Error
	if errors.As(err, &m) && m.Kind == mail.NotFound {
		return no("TRYCREATE", "%s", m.Text)
	}
	return err
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

// handle gives a command to the function that does it.
func (s *session) handle(ctx context.Context, args any) error {
	switch c := args.(type) {
	case *imap.Capability:
		return s.say("* CAPABILITY %s", s.capabilities()[len("CAPABILITY "):])
	case *imap.Noop, *imap.Check:
		return nil
	case *imap.Logout:
		s.ended = true
		s.view = nil
		return s.say("* BYE see you")
	case *imap.ID:
		return s.say(`* ID ("name" "Tem")`)
	case *imap.StartTLS:
		return s.startTLS(ctx)
	case *imap.Login:
		return s.login(ctx, c)
	case *imap.Authenticate:
		return s.authenticate(ctx, c)
	case *imap.Enable:
		return s.say("* ENABLED") // RFC 5161 §3.1: nothing here needs enabling
	case *imap.Select:
		return s.selectMailbox(ctx, c)
	case *imap.Create:
		_, err := s.account.Create(ctx, c.Mailbox, c.SpecialUse)
		return err
	case *imap.Delete:
		return s.account.Delete(ctx, c.Mailbox)
	case *imap.Rename:
		return s.account.Rename(ctx, c.From, c.To)
	case *imap.Subscribe:
		return s.account.Subscribe(ctx, c.Mailbox, c.On)
	case *imap.List:
		return s.list(ctx, c)
	case *imap.Namespace:
		return s.say(`* NAMESPACE (("" "/")) NIL NIL`) // RFC 2342 §5
	case *imap.Status:
		return s.status(ctx, c)
	case *imap.Append:
		return s.append(ctx, c)
	case *imap.Idle:
		return s.idle(ctx)
	case *imap.Close:
		return s.close(ctx)
	case *imap.Unselect:
		s.deselect()
		return nil
	case *imap.Expunge:
		return s.expunge(ctx, c)
	case *imap.Copy:
		return s.copy(ctx, c)
	case *imap.Store:
		return s.store(ctx, c)
	case *imap.Fetch:
		return s.fetch(ctx, c)
	case *imap.Search:
		return s.search(ctx, c)
	}
	return bad("command not supported")
}
