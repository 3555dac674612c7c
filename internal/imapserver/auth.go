package imapserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/sasl"
	"tem/internal/wire/imap"
)

func (s *session) mayLogin() bool {
	return s.c.TLS() != nil || s.o.InsecureAuth != nil && s.o.InsecureAuth(s.c.RemoteAddr())
}

var errPrivacy = &reply{"NO", "PRIVACYREQUIRED", "start TLS first"}

func (t *turn) StartTLS(ctx context.Context, _ *imap.StartTLS) error {
	if t.o.TLS == nil || t.c.TLS() != nil {
		return bad("TLS is not available here")
	}
	// The answer goes before the handshake (RFC 9051 §6.2.1).
	if err := t.say("%s OK begin TLS", t.cmd.Tag); err != nil {
		return err
	}
	if err := t.c.StartTLS(ctx, t.o.TLS); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return errAnswered
}

func (t *turn) Login(ctx context.Context, c *imap.Login) error {
	if !t.mayLogin() {
		return errPrivacy
	}
	if t.visit.Wait(ctx) != nil {
		return line.ErrInterrupted
	}
	since, err := t.o.Directory.Version(ctx)
	if err != nil {
		return t.unavailable(err)
	}
	principal, err := t.o.Auth.VerifyPassword(ctx, c.User, c.Password)
	return t.loggedIn(ctx, attempt{c.User, "LOGIN", since}, principal, err)
}

// Authenticate runs a SASL exchange (RFC 9051 §6.2.2).
func (t *turn) Authenticate(ctx context.Context, c *imap.Authenticate) error {
	if !t.mayLogin() {
		return errPrivacy
	}
	server, err := sasl.NewServer(c.Mechanism, t.o.Auth, sasl.Under(t.c))
	if err != nil {
		return no("CANNOT", "mechanism not supported")
	}
	if t.visit.Wait(ctx) != nil {
		return line.ErrInterrupted
	}
	since, err := t.o.Directory.Version(ctx)
	if err != nil {
		return t.unavailable(err)
	}
	t.c.Secret(true)
	defer t.c.Secret(false)
	var unanswered error // why the client gave no answer
	err = sasl.Exchange(ctx, server, c.Initial, func(challenge []byte) (response []byte, err error) {
		response, unanswered = t.ask(challenge)
		return response, unanswered
	})
	if unanswered != nil && !errors.Is(err, sasl.ErrFailed) {
		return unanswered
	}
	return t.loggedIn(ctx, attempt{server.Login(), strings.ToUpper(c.Mechanism), since}, server.Principal(), err)
}

// attempt is a login as the log tells it, the name that was given and how, and
// the version of the directory that it began with.
type attempt struct {
	login, mechanism string
	since            uint64
}

func (t *turn) unavailable(err error) error {
	t.log.Error("imap login", "err", err)
	return no("UNAVAILABLE", "try again later")
}

// ask sends a challenge and reads the client's response.
func (t *turn) ask(challenge []byte) ([]byte, error) {
	t.say("+ %s", base64.StdEncoding.EncodeToString(challenge))
	text, err := t.readLine()
	if errors.Is(err, line.ErrTooLong) {
		return nil, bad("the response is too long")
	}
	if err != nil {
		return nil, err
	}
	if string(text) == "*" {
		return nil, bad("authentication given up")
	}
	response, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, bad("the response is not base64")
	}
	return append([]byte{}, response...), nil
}

// loggedIn ends LOGIN and AUTHENTICATE.
func (t *turn) loggedIn(ctx context.Context, a attempt, principal string, err error) error {
	var acc directory.Account
	var pass *directory.Pass
	if err == nil {
		acc, pass, err = t.admit(ctx, principal, a.since)
	}
	switch {
	case errors.Is(err, sasl.ErrFailed):
		t.visit.Failed(a.login, a.mechanism, sasl.Reason(err))
		return no("AUTHENTICATIONFAILED", "wrong name or password")
	case errors.Is(err, sasl.ErrMalformed):
		t.visit.Failed(a.login, a.mechanism, sasl.Reason(err))
		return bad("malformed response")
	case err != nil:
		return t.unavailable(err)
	}
	t.visit.Succeeded(principal, a.mechanism, t.c.TLS())
	t.late.Stop()
	t.user, t.person, t.pass = principal, acc, pass
	t.account, t.state = t.o.Mail.Account(acc.ID), imap.Authenticated
	t.r.MaxLiteral, t.r.MaxSkip = imap.MaxCommand, t.o.MaxMessage
	t.logClient()
	return ok("CAPABILITY "+t.capabilities(), "welcome")
}

// admit finds the account of a principal, which may have been removed a moment ago.
func (s *session) admit(ctx context.Context, principal string, since uint64) (acc directory.Account, pass *directory.Pass, err error) {
	addr, err := address.Parse(principal)
	if err != nil {
		return acc, nil, err
	}
	acc, pass, err = s.o.Directory.Admit(ctx, addr, since, s.c.Nudge)
	if errors.Is(err, directory.ErrNotFound) {
		err = sasl.ErrFailed
	}
	return acc, pass, err
}
