package imapserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"tem/internal/address"
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
	principal, err := t.o.Auth.VerifyPassword(ctx, c.User, c.Password)
	return t.loggedIn(ctx, principal, err)
}

// Authenticate runs a SASL exchange (RFC 9051 §6.2.2).
func (t *turn) Authenticate(ctx context.Context, c *imap.Authenticate) error {
	if !t.mayLogin() {
		return errPrivacy
	}
	server, err := sasl.NewServer(c.Mechanism, t.o.Auth)
	if err != nil {
		return no("CANNOT", "mechanism not supported")
	}
	t.c.Secret(true)
	defer t.c.Secret(false)
	response := c.Initial
	for {
		challenge, done, err := server.Next(ctx, response)
		if err != nil {
			return t.loggedIn(ctx, "", err)
		}
		if done && len(challenge) == 0 {
			return t.loggedIn(ctx, server.Principal(), nil)
		}
		if response, err = t.ask(challenge); err != nil {
			return err
		}
		if done {
			return t.loggedIn(ctx, server.Principal(), nil)
		}
	}
}

// ask sends a challenge and reads the client's response.
func (t *turn) ask(challenge []byte) ([]byte, error) {
	t.say("+ %s", base64.StdEncoding.EncodeToString(challenge))
	text, err := t.c.ReadLine()
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
func (t *turn) loggedIn(ctx context.Context, principal string, err error) error {
	if errors.Is(err, sasl.ErrFailed) {
		t.log.Info("imap login failed", "remote", t.c.RemoteAddr().String())
		return t.failLogin(ctx)
	}
	if errors.Is(err, sasl.ErrMalformed) {
		return bad("malformed response")
	}
	if err != nil {
		t.log.Error("imap login", "err", err)
		return no("UNAVAILABLE", "try again later")
	}
	addr, err := address.Parse(principal)
	if err != nil {
		return t.failLogin(ctx)
	}
	acc, err := t.o.Directory.Account(ctx, addr)
	if err != nil {
		return t.failLogin(ctx)
	}
	t.late.Stop()
	t.user, t.person = principal, acc
	t.account, t.state = t.o.Mail.Account(acc.ID), imap.Authenticated
	t.r.MaxLiteral = imap.MaxCommand
	return ok("CAPABILITY "+t.capabilities(), "welcome")
}

// failLogin answers the later the more often it was wrong.
func (t *turn) failLogin(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(min(t.errors, 10)) * 200 * time.Millisecond):
	case <-ctx.Done():
	}
	return no("AUTHENTICATIONFAILED", "wrong name or password")
}
