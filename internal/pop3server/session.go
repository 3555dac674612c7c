package pop3server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// stage is where a session stands (RFC 1939 §3); UPDATE is not a stage that
// takes commands.
type stage uint8

const (
	authorization stage = 1 << iota
	transaction
)

// session is one client's dialogue.
type session struct {
	server *Server
	conn   *line.Conn
	log    *slog.Logger
	visit  *login.Visit
	// serving ends when the server does, which cuts a login's wait short; no
	// command is run under it.
	serving context.Context

	errors   int    // bad commands and failed logins
	early    int    // commands before the login
	user     string // what USER said
	utf8     bool   // UTF8 was given
	language language
	drop     *maildrop
	pass     *directory.Pass // of who has logged in
	quit     bool

	// Memory for a piece of a text, a small text, a row of a listing, an answer.
	buf, small, row, answer []byte
	ahead                   ahead
}

// errLost says that the dialogue is out of step and must end.
var errLost = errors.New("connection lost")

// command is how one verb is carried out. run answers +OK itself; what it
// returns becomes -ERR.
type command struct {
	stages stage
	run    func(x *session, ctx context.Context, c pop3.Command) error
}

func commands(v pop3.Verb) command {
	switch v {
	case pop3.Capa:
		return command{authorization | transaction, (*session).capa}
	case pop3.Quit:
		return command{authorization | transaction, (*session).leave}
	case pop3.User:
		return command{authorization, (*session).name}
	case pop3.Pass:
		return command{authorization, (*session).password}
	case pop3.Auth:
		return command{authorization, (*session).auth}
	case pop3.Stls:
		return command{authorization, (*session).startTLS}
	case pop3.Lang:
		return command{authorization | transaction, (*session).lang}
	case pop3.UTF8:
		return command{authorization, (*session).utf8Mode}
	case pop3.Stat:
		return command{transaction, (*session).stat}
	case pop3.List:
		return command{transaction, (*session).list}
	case pop3.Uidl:
		return command{transaction, (*session).uidl}
	case pop3.Retr:
		return command{transaction, (*session).retrieve}
	case pop3.Top:
		return command{transaction, (*session).top}
	case pop3.Dele:
		return command{transaction, (*session).remove}
	case pop3.Rset:
		return command{transaction, (*session).reset}
	default:
		return command{transaction, (*session).noop}
	}
}

func (x *session) run(ctx context.Context) {
	x.ok("%s POP3 ready", x.server.o.Hostname)
	for !x.quit {
		if err := x.step(ctx); err != nil {
			x.log.Debug("pop3 session broken", "err", err)
			return
		}
	}
}

// end gives the maildrop back, if the session still has one, whatever ended it.
func (x *session) end() {
	x.pass.End()
	x.pass = nil
	if x.drop == nil {
		return
	}
	x.server.drops.release(x.drop.account.ID)
	x.log.Info("pop3 session", "account", x.drop.account.Address.String(),
		"retrieved", x.drop.retrieved, "removed", x.drop.removed, "moved", x.drop.moved)
	x.drop = nil
}

// maxEarly bounds the commands of one who has not logged in: no client needs a
// tenth of them. After the login there is no bound: a client that says NOOP all
// day is answered as fast as it reads, one command at a time.
const maxEarly = 100

// step reads and answers one command; its error ends the session.
func (x *session) step(ctx context.Context) error {
	l, err := x.readLine()
	if x.drop == nil {
		x.early++
	}
	if x.early > maxEarly && x.drop == nil && err == nil {
		x.err(&pop3.Error{Text: "too many commands without a login, closing"})
		return errors.New("too many commands without a login")
	}
	var refused *pop3.Error
	switch {
	case err == nil && x.pass.Over():
		x.err(errExpelled)
		return errExpelled
	case errors.As(err, &refused):
		return x.refuse(refused)
	case err != nil:
		return err
	}
	c, err := pop3.Parse(l)
	if err == nil {
		err = x.perform(ctx, c)
	}
	if err != nil {
		return x.refuse(err)
	}
	if x.drop != nil { // who is logged in and gets something right is no attacker
		x.errors = 0
	}
	return nil
}

// readLine returns the client's next line; *pop3.Error is for a line that
// can't be taken, after which the dialogue goes on.
func (x *session) readLine() ([]byte, error) {
	l, err := x.conn.ReadLine()
	switch {
	case errors.Is(err, line.ErrTooLong):
		return nil, &pop3.Error{Text: "a line can't be longer than %d octets", Args: []any{maxLine}}
	case errors.Is(err, line.ErrBareNewline):
		// QUIRK(hand-typed sessions): a line that ends in LF alone is taken.
		if bytes.IndexByte(l, '\r') < 0 {
			return l, nil
		}
		return nil, &pop3.Error{Text: "a line must end in CRLF and hold no other CR"}
	case errors.Is(err, line.ErrInterrupted) && x.pass.Over(): // that is what interrupted it
		x.err(errExpelled)
		return nil, err
	case errors.Is(err, line.ErrInterrupted):
		x.err(x.shuttingDown())
		return nil, err
	}
	// A time-out ends the session without a word and without UPDATE. RFC 1939 §3
	return l, err
}

// errExpelled ends the session of an account that was disabled or removed or got
// another password. RFC 3206 §4
var errExpelled = &pop3.Error{Code: pop3.CodeAuth, Text: "the account has changed: log in again; nothing was deleted"}

func (x *session) shuttingDown() *pop3.Error {
	return &pop3.Error{Code: pop3.CodeTemporary, Text: "%s is shutting down; nothing was deleted", Args: []any{x.server.o.Hostname}}
}

func (x *session) perform(ctx context.Context, c pop3.Command) error {
	how := commands(c.Verb)
	stage := authorization
	if x.drop != nil {
		stage = transaction
	}
	switch {
	case how.stages&stage != 0:
		return how.run(x, ctx, c)
	case stage == authorization:
		return &pop3.Error{Text: "%s wants a login first", Args: []any{c.Verb}}
	}
	return &pop3.Error{Text: "%s can't be used after login", Args: []any{c.Verb}}
}

// refuse answers -ERR; it returns an error when the session can't go on.
func (x *session) refuse(err error) error {
	if errors.Is(err, errLost) {
		return err
	}
	x.err(x.reply(err))
	var e *pop3.Error
	if !errors.As(err, &e) || e.Code != "" && e.Code != pop3.CodeAuth {
		return nil // not the client's mistake
	}
	if x.errors++; x.errors >= x.server.o.MaxErrors {
		x.err(&pop3.Error{Text: "too many errors, closing"})
		return errors.New("too many errors")
	}
	return nil
}

// reply turns any error into what a client is told.
func (x *session) reply(err error) *pop3.Error {
	var told *pop3.Error
	if errors.As(err, &told) {
		return told
	}
	var e *mail.Error
	if errors.As(err, &e) && e.Kind != mail.Internal {
		code := ""
		if e.Kind == mail.Busy {
			code = pop3.CodeTemporary
		}
		return &pop3.Error{Code: code, Text: e.Text}
	}
	x.log.Error("pop3 command failed", "err", err)
	return &pop3.Error{Code: pop3.CodeTemporary, Text: "internal error, session %s", Args: []any{x.conn.Session()}}
}

// ok and err answer in one line, in the client's language. A failed write shows
// in the next read.
func (x *session) ok(format string, args ...any) {
	x.answer = fmt.Appendf(append(x.answer[:0], "+OK "...), x.language.text(format), args...)
	x.conn.WriteLineBytes(clip(x.answer))
}

func (x *session) err(e *pop3.Error) {
	x.conn.WriteLineBytes(clip([]byte(e.In(x.language.text))))
}

// maxAnswer is the longest answer without its CRLF. RFC 1939 §3
const maxAnswer = 510

// clip cuts an answer that is too long, not within a character.
func clip(answer []byte) []byte {
	n := min(len(answer), maxAnswer)
	for n < len(answer) && !utf8.RuneStart(answer[n]) {
		n--
	}
	return answer[:n]
}

// leave is QUIT: in TRANSACTION it enters UPDATE. RFC 1939 §6
// The maildrop is free before the client is told, which may come back at once.
func (x *session) leave(ctx context.Context, _ pop3.Command) error {
	x.quit = true
	defer x.end()
	if x.drop != nil {
		if err := x.drop.update(ctx); err != nil {
			x.log.Error("pop3 update failed", "account", x.drop.account.Address.String(), "err", err)
			return &pop3.Error{Code: pop3.CodeTemporary, Text: "some messages were not removed"}
		}
	}
	x.ok("%s says goodbye", x.server.o.Hostname)
	return nil
}

func (x *session) noop(context.Context, pop3.Command) error { x.ok("done"); return nil }
