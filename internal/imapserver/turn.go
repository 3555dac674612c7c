package imapserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// turn is one command being answered. What a command says goes through its
// turn, in whole responses, so that commands of a group don't mix theirs.
type turn struct {
	*session
	cmd         *imap.Command
	out         []byte       // responses under construction
	literals    []span       // those in out
	streaming   bool         // literals go out at once rather than into out
	done, total atomic.Int64 // how far it is; total 0: not known
	cut         mail.UID     // below it nothing was worked on (messagelimit.go); 0: all was
	looked      int          // messages looked at by searches, if there is a limit
}

var _ imap.Handler = (*turn)(nil)

func (s *session) newTurn(cmd *imap.Command) *turn { return &turn{session: s, cmd: cmd} }

// do runs a command that has the session to itself.
func (t *turn) do(ctx context.Context) error {
	err := t.run(ctx)
	var syntax *imap.SyntaxError
	if errors.As(err, &syntax) { // in what follows a literal
		return t.refuse(syntax)
	}
	return t.end(ctx, err)
}

// end tells what happened meanwhile, and answers.
func (t *turn) end(ctx context.Context, err error) error {
	if !isLost(err) {
		err = t.update(ctx, err, t.mayExpunge())
	}
	return t.answer(err)
}

// run gives the command to its handler, if it is allowed now. What was refused
// of its messages is passed over.
func (t *turn) run(ctx context.Context) error {
	err := t.handle(ctx)
	if isLost(err) || t.cmd.Row.Traits&imap.Messages == 0 {
		return err
	}
	if e := t.r.Skip(); e != nil {
		return e
	}
	return err
}

func (t *turn) handle(ctx context.Context) error {
	if t.cmd.Row.States&t.state == 0 {
		return bad("%s is not allowed in this state", t.cmd.Row.Name)
	}
	if !lasts(t.cmd.Args) {
		return t.cmd.Run(ctx, t)
	}
	return t.lasting(ctx, func(ctx context.Context) error { return t.cmd.Run(ctx, t) })
}

// update tells what happened, in the mailbox and where else NOTIFY wants to
// know, after a command that ended with err.
func (t *turn) update(ctx context.Context, err error, expunges bool) error {
	if t.view != nil {
		if e := t.sync(ctx, expunges); e != nil && err == nil {
			err = e
		}
	}
	if t.ended { // nothing comes after BYE
		return err
	}
	if e := t.lookAfter(ctx, err); e != nil && err == nil {
		err = e
	}
	t.tellWhole()
	return err
}

// mayExpunge: no EXPUNGE while sequence numbers are in use (RFC 9051 §7.5.1),
// and none that a client which did not wait could not have known of when it
// sent what follows (§5.5), unless it asked for them.
func (t *turn) mayExpunge() bool {
	switch c := t.cmd.Args.(type) {
	case *imap.Expunge, *imap.Replace:
		return true
	case *imap.Copy:
		if c.Move {
			return true
		}
	}
	return t.cmd.Row.Traits&imap.Numbers == 0 && t.c.Buffered() == 0 && t.wants(imap.MessageExpunge)
}

// answer writes the tagged response; it returns err if the session can't go on.
func (t *turn) answer(err error) error {
	if isLost(err) {
		return err
	}
	if err == errAnswered {
		return nil
	}
	r := t.replyFor(err)
	t.sayCut(&r)
	if r.text == "" {
		r.text = t.cmd.Row.Name + " done"
	}
	if r.code != "" {
		r.code = "[" + r.code + "] "
	}
	said := fmt.Sprintf("%s %s %s%s", t.cmd.Tag, r.status, r.code, r.text)
	t.say("%s", strings.Map(plain, said)) // names that came as literals may hold line ends
	switch {
	case r.status == "BAD" || r.code == "[AUTHENTICATIONFAILED] ":
		t.count()
	case r.status == "OK" && t.state != imap.NotAuthenticated:
		t.errors = 0
	}
	return nil
}
