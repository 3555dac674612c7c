package pop3server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/sasl"
	"tem/internal/wire/pop3"
)

// capa lists what holds in this state (RFC 2449 §5).
func (x *session) capa(context.Context, pop3.Command) error {
	x.ok("this is what I can do")
	for _, l := range x.capabilities() {
		x.conn.WriteLine(l)
	}
	x.conn.WriteLine(".")
	return nil
}

func (x *session) capabilities() []string {
	l := []string{
		"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8 USER", "LANG", x.expire(), "IMPLEMENTATION Tem",
	}
	if delay := x.server.o.LoginDelay; delay > 0 { // RFC 2449 §6.5
		l = append(l, fmt.Sprintf("LOGIN-DELAY %d", int(math.Ceil(delay.Seconds()))))
	}
	if x.mayLogin() {
		l = append(l, "USER", "SASL "+strings.Join(x.mechanisms(), " "))
	}
	if x.mayStartTLS() { // RFC 2595 §4: present and permitted in the current state
		l = append(l, "STLS")
	}
	return l
}

// expire says how long a message that was collected stays in the maildrop: for
// ever, or no longer than the session, as the account has it. RFC 2449 §6.7:
// before the login, the least that it is for anybody.
func (x *session) expire() string {
	switch {
	case x.drop == nil:
		return "EXPIRE 0 USER"
	case leaves(x.drop.account.POP):
		return "EXPIRE 0"
	}
	return "EXPIRE NEVER"
}

func (x *session) mechanisms() []string {
	return sasl.Mechanisms(x.server.o.Auth, sasl.Under(x.conn))
}

func (x *session) mayLogin() bool {
	return x.conn.TLS() != nil || x.server.o.InsecureAuth(x.conn.RemoteAddr())
}

func (x *session) mayStartTLS() bool {
	return x.server.o.TLS != nil && x.conn.TLS() == nil && x.drop == nil && !x.utf8
}

// startTLS is STLS. What came in clear behind it is thrown away, and so is
// what was said before. RFC 2595 §4
func (x *session) startTLS(ctx context.Context, _ pop3.Command) error {
	switch {
	case x.conn.TLS() != nil:
		return &pop3.Error{Text: "TLS is on already"}
	case x.utf8:
		return &pop3.Error{Text: "STLS must come before UTF8"} // RFC 6856 §2.1
	case x.server.o.TLS == nil:
		return &pop3.Error{Text: "TLS is not available here"}
	}
	x.ok("begin TLS")
	x.user, x.language = "", languages()[0]
	if err := x.conn.StartTLS(ctx, x.server.o.TLS); err != nil {
		return errors.Join(errLost, err)
	}
	return nil
}

// utf8Mode is UTF8. RFC 6856 §2.1
func (x *session) utf8Mode(context.Context, pop3.Command) error {
	x.utf8 = true
	x.ok("UTF-8 from here on")
	return nil
}

// errClear refuses a login whose password anyone on the way could read.
var errClear = &pop3.Error{Code: pop3.CodeAuth, Text: "a password in clear is not taken here: use STLS first, or port 995"}

// errCredentials does not say which of the two was wrong. RFC 1939 §7
var errCredentials = &pop3.Error{Code: pop3.CodeAuth, Text: "wrong name or password"}

func (x *session) name(_ context.Context, c pop3.Command) error {
	if !x.mayLogin() {
		return errClear
	}
	x.user = c.Arg
	x.ok("and the password?")
	return nil
}

func (x *session) password(ctx context.Context, c pop3.Command) error {
	if !x.mayLogin() {
		return errClear
	}
	if x.user == "" {
		return &pop3.Error{Text: "PASS wants USER first"}
	}
	login := x.user
	x.user = "" // RFC 1939 §7: after a failure the client starts over with USER
	since, err := x.wait(ctx)
	if err != nil {
		return err
	}
	principal, err := x.server.o.Auth.VerifyPassword(ctx, login, c.Arg)
	if err != nil {
		return x.refusedLogin(login, "USER", err)
	}
	return x.login(ctx, since, principal, "USER")
}

// wait is what a login owes for failures before it; it returns the version of
// the directory that the login begins with.
func (x *session) wait(ctx context.Context) (since uint64, err error) {
	if x.visit.Wait(x.serving) == nil {
		return x.server.o.Directory.Version(ctx)
	}
	x.err(x.shuttingDown())
	return 0, errLost
}

func (x *session) refusedLogin(login, mechanism string, err error) error {
	switch {
	case errors.Is(err, sasl.ErrFailed):
		x.visit.Failed(login, mechanism, sasl.Reason(err))
		return errCredentials
	case errors.Is(err, sasl.ErrMalformed):
		x.visit.Failed(login, mechanism, sasl.Reason(err))
		return &pop3.Error{Text: "the response does not fit the mechanism"}
	}
	return err
}

// auth runs one SASL exchange. RFC 5034 §4
func (x *session) auth(ctx context.Context, c pop3.Command) error {
	if !x.mayLogin() {
		return errClear
	}
	if c.Arg == "" {
		return x.listMechanisms()
	}
	m, err := sasl.NewServer(c.Arg, x.server.o.Auth, sasl.Under(x.conn))
	if err != nil {
		return &pop3.Error{Text: "mechanism not supported; CAPA lists those that are"}
	}
	since, err := x.wait(ctx)
	if err != nil {
		return err
	}
	if err := x.exchange(ctx, m, c.Initial); err != nil {
		return x.refusedLogin(m.Login(), strings.ToUpper(c.Arg), err)
	}
	return x.login(ctx, since, m.Principal(), strings.ToUpper(c.Arg))
}

// QUIRK(Outlook): AUTH alone lists the mechanisms, as a draft of RFC 1734 had it.
func (x *session) listMechanisms() error {
	x.ok("mechanisms")
	for _, m := range x.mechanisms() {
		x.conn.WriteLine(m)
	}
	x.conn.WriteLine(".")
	return nil
}

// exchange sends challenges until m is content.
func (x *session) exchange(ctx context.Context, m sasl.Server, initial []byte) error {
	x.conn.Secret(true)
	defer x.conn.Secret(false)
	return sasl.Exchange(ctx, m, initial, func(challenge []byte) ([]byte, error) {
		x.conn.WriteLine("+ " + base64.StdEncoding.EncodeToString(challenge))
		return x.response()
	})
}

// response reads one line of an exchange.
func (x *session) response() ([]byte, error) {
	l, err := x.readLine()
	var refused *pop3.Error
	switch {
	case errors.As(err, &refused):
		return nil, err
	case err != nil:
		return nil, errors.Join(errLost, err)
	case string(l) == "*":
		return nil, &pop3.Error{Text: "cancelled"}
	}
	response := make([]byte, base64.StdEncoding.DecodedLen(len(l)))
	n, err := base64.StdEncoding.Decode(response, l)
	if err != nil {
		return nil, &pop3.Error{Text: "the response is not base64"}
	}
	return response[:n], nil
}

// login opens and locks the maildrop of an authenticated principal.
func (x *session) login(ctx context.Context, since uint64, principal, mechanism string) error {
	who, err := address.Parse(principal)
	if err != nil {
		return err
	}
	account, pass, err := x.server.o.Directory.Admit(ctx, who, since, x.conn.Interrupt)
	if errors.Is(err, directory.ErrNotFound) {
		return errCredentials // removed a moment ago
	}
	if err != nil {
		return err
	}
	if err := x.enter(ctx, account, principal, mechanism); err != nil {
		pass.End()
		return err
	}
	x.pass = pass
	n, size := x.drop.total()
	x.ok("%d messages (%d octets)", n, size)
	return nil
}

// enter locks the maildrop of an account, if it may be had by POP3.
func (x *session) enter(ctx context.Context, account directory.Account, principal, mechanism string) error {
	x.visit.Succeeded(principal, mechanism, x.conn.TLS())
	if account.POP.Access == directory.POPOff { // the password was right: this tells nobody who must not know
		return &pop3.Error{ // RFC 3206 §4: not AUTH, or the client asks for another password
			Code: pop3.CodePermanent, Text: "POP3 is off for this account; whoever runs %s turns it on with: tem account set %s --pop all",
			Args: []any{x.server.o.Hostname, principal},
		}
	}
	if err := x.server.drops.try(account.ID, x.server.o.Now()); err != nil {
		return err
	}
	drop, err := openMaildrop(ctx, x.server.o.Mail.Account(account.ID), account)
	if err != nil {
		x.server.drops.release(account.ID)
		return err
	}
	x.server.drops.opened(account.ID, x.server.o.Now())
	x.drop = drop
	return nil
}
