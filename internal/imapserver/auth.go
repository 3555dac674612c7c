package imapserver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/sasl"
	"tem/internal/wire/imap"
)

// capabilities are those of the state we are in (RFC 9051 §7.2.2); docs/imap.md
// says where each is.
func (s *session) capabilities() string {
	caps := "IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE"
	if s.state != imap.NotAuthenticated {
		return caps + " IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN LIST-EXTENDED LIST-STATUS STATUS=SIZE" +
			" SPECIAL-USE CREATE-SPECIAL-USE ESEARCH SEARCHRES BINARY"
	}
	if s.o.TLS != nil && s.c.TLS() == nil {
		caps += " STARTTLS"
	}
	if !s.mayLogin() {
		return caps + " LOGINDISABLED" // RFC 9051 §7.2.2
	}
	return caps + " AUTH=" + strings.Join(sasl.Mechanisms(), " AUTH=")
}

func (s *session) mayLogin() bool {
	return s.c.TLS() != nil || s.o.InsecureAuth != nil && s.o.InsecureAuth(s.c.RemoteAddr())
}

var errPrivacy = &reply{"NO", "PRIVACYREQUIRED", "start TLS first"}

func (s *session) StartTLS(ctx context.Context, _ *imap.StartTLS) error {
	if s.o.TLS == nil || s.c.TLS() != nil {
		return bad("TLS is not available here")
	}
	// The answer goes before the handshake (RFC 9051 §6.2.1).
	if err := s.say("%s OK begin TLS", s.tag); err != nil {
		return err
	}
	if err := s.c.StartTLS(ctx, s.o.TLS); err != nil {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return errAnswered
}

func (s *session) Login(ctx context.Context, c *imap.Login) error {
	if !s.mayLogin() {
		return errPrivacy
	}
	principal, err := s.o.Auth.VerifyPassword(ctx, c.User, c.Password)
	return s.loggedIn(ctx, principal, err)
}

// Authenticate runs a SASL exchange (RFC 9051 §6.2.2).
func (s *session) Authenticate(ctx context.Context, c *imap.Authenticate) error {
	if !s.mayLogin() {
		return errPrivacy
	}
	server, err := sasl.NewServer(c.Mechanism, s.o.Auth)
	if err != nil {
		return no("CANNOT", "mechanism not supported")
	}
	s.c.Secret(true)
	defer s.c.Secret(false)
	response := c.Initial
	for {
		challenge, done, err := server.Next(ctx, response)
		if err != nil {
			return s.loggedIn(ctx, "", err)
		}
		if done && len(challenge) == 0 {
			return s.loggedIn(ctx, server.Principal(), nil)
		}
		if response, err = s.ask(challenge); err != nil {
			return err
		}
		if done {
			return s.loggedIn(ctx, server.Principal(), nil)
		}
	}
}

// ask sends a challenge and reads the client's response.
func (s *session) ask(challenge []byte) ([]byte, error) {
	s.say("+ %s", base64.StdEncoding.EncodeToString(challenge))
	text, err := s.c.ReadLine()
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
func (s *session) loggedIn(ctx context.Context, principal string, err error) error {
	if errors.Is(err, sasl.ErrFailed) {
		s.log.Info("imap login failed", "remote", s.c.RemoteAddr().String())
		return s.failLogin(ctx)
	}
	if errors.Is(err, sasl.ErrMalformed) {
		return bad("malformed response")
	}
	if err != nil {
		s.log.Error("imap login", "err", err)
		return no("UNAVAILABLE", "try again later")
	}
	addr, err := address.Parse(principal)
	if err != nil {
		return s.failLogin(ctx)
	}
	acc, err := s.o.Directory.Account(ctx, addr)
	if err != nil {
		return s.failLogin(ctx)
	}
	s.late.Stop()
	s.user, s.person = principal, acc
	s.account, s.state = s.o.Mail.Account(acc.ID), imap.Authenticated
	s.r.MaxLiteral = imap.MaxCommand
	return ok("CAPABILITY "+s.capabilities(), "welcome")
}

// failLogin answers the later the more often it was wrong.
func (s *session) failLogin(ctx context.Context) error {
	select {
	case <-time.After(time.Duration(min(s.errors, 10)) * 200 * time.Millisecond):
	case <-ctx.Done():
	}
	return no("AUTHENTICATIONFAILED", "wrong name or password")
}
