package smtpserver

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

// mayAuth reports whether this client may log in as things stand.
func (x *session) mayAuth() bool {
	return x.o.Auth != nil && (x.c.TLS() != nil || x.o.InsecureAuth(x.remote))
}

// auth is RFC 4954 §4.
func (x *session) auth(ctx context.Context, c *smtp.Command) {
	mechanism, initial, _ := strings.Cut(c.Arg, " ")
	switch {
	case x.o.Auth == nil:
		x.reply(502, "5.5.1", "AUTH is not offered here")
	case x.principal != "":
		x.reply(503, "5.5.1", "Already authenticated")
	case x.mail != nil:
		x.reply(503, "5.5.1", "AUTH is not allowed during a mail transaction")
	case mechanism == "":
		x.reply(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]")
	case !x.mayAuth():
		x.reply(538, "5.7.11", "Encryption required for the requested authentication mechanism: say STARTTLS first")
	default:
		s, err := sasl.NewServer(mechanism, x.o.Auth, sasl.Under(x.c))
		if err != nil {
			x.reply(504, "5.5.4", mechanism+": mechanism not supported")
			return
		}
		x.exchange(ctx, strings.ToUpper(mechanism), s, strings.TrimSpace(initial))
	}
}

// errCancelled says that the client gave the exchange up.
var errCancelled = errors.New("authentication cancelled")

func (x *session) exchange(ctx context.Context, mechanism string, s sasl.Server, initial string) {
	if x.visit.Wait(ctx) != nil {
		x.unreadable(line.ErrInterrupted)
		return
	}
	since, err := x.o.Directory.Version(ctx)
	if err != nil {
		x.unverified(err)
		return
	}
	x.c.Secret(true)
	err = x.steps(ctx, s, initial)
	x.c.Secret(false)
	var user address.Address
	var pass *directory.Pass
	if err == nil {
		user, pass, err = x.admit(ctx, s.Principal(), since)
	}
	if errors.Is(err, sasl.ErrFailed) || errors.Is(err, sasl.ErrMalformed) {
		x.visit.Failed(s.Login(), mechanism, sasl.Reason(err))
	}
	switch {
	case err == nil:
		x.visit.Succeeded(s.Principal(), mechanism, x.c.TLS())
		x.loggedIn(user, pass)
	case x.ended, errors.Is(err, errUnread):
	case errors.Is(err, sasl.ErrFailed):
		x.authFailed()
	case errors.Is(err, sasl.ErrMalformed):
		x.reply(501, "5.5.2", "Response can't be understood")
	case errors.Is(err, errCancelled):
		x.reply(501, "5.7.0", "Authentication cancelled")
	default:
		x.unverified(err)
	}
}

// unverified answers a login that could not be looked at.
func (x *session) unverified(err error) {
	x.log.Error("smtp authentication failed", "err", err)
	x.reply(454, "4.7.0", "Temporary authentication failure")
}

// errUnread says that the reply to a line that could not be read was given.
var errUnread = errors.New("unreadable line")

func (x *session) steps(ctx context.Context, s sasl.Server, initial string) error {
	var response []byte
	if initial != "" {
		var err error
		if response, err = decode64(initial); err != nil {
			return err
		}
	}
	return sasl.Exchange(ctx, s, response, func(challenge []byte) ([]byte, error) {
		x.reply(334, "", base64.StdEncoding.EncodeToString(challenge))
		return x.response()
	})
}

// response reads the answer to a challenge; it is never nil.
func (x *session) response() ([]byte, error) {
	l, err := x.c.ReadLine()
	if err != nil {
		x.unreadable(err)
		return nil, errUnread
	}
	if string(l) == "*" {
		return nil, errCancelled
	}
	return decode64(string(l))
}

func decode64(s string) ([]byte, error) {
	if s == "=" {
		return []byte{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, sasl.ErrMalformed
	}
	return append([]byte{}, b...), nil
}

// admit is the account of a principal, which may have been removed, or changed, since
// the login began.
func (x *session) admit(ctx context.Context, principal string, since uint64) (address.Address, *directory.Pass, error) {
	user, err := address.Parse(principal)
	if err != nil {
		return user, nil, err
	}
	_, pass, err := x.o.Directory.Admit(ctx, user, since, nil)
	if errors.Is(err, directory.ErrNotFound) {
		err = sasl.ErrFailed
	}
	return user, pass, err
}

func (x *session) loggedIn(user address.Address, pass *directory.Pass) {
	x.as(user, pass)
	x.logAs()
	x.reply(235, "2.7.0", "Authentication successful")
}

func (x *session) authFailed() {
	x.authFails++
	x.reply(535, "5.7.8", "Authentication failed: wrong name or password")
	if x.authFails >= x.o.MaxAuthFails {
		x.bye("4.7.0", "too many failed logins")
	}
}
