package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"tem/internal/sasl"
	"tem/internal/wire/imap/imapclient"
	"tem/internal/wire/pop3"
	"tem/internal/wire/smtp"
)

// Exit codes: what a script can act on.
const (
	Failure   = 1
	Usage     = 2
	NoMatch   = 3
	AuthError = 4
	Network   = 5 // or TLS
	Temporary = 6 // 4xx: try again later
	Permanent = 7 // 5xx: will not help to repeat
)

// Error is an error with the exit code that it asks for.
type Error struct {
	Code int
	Err  error
}

// Error is safe to show: it may quote what a server or a letter said.
func (e *Error) Error() string { return visibleText(e.Err.Error()) }
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code of the program.
func (e *Error) ExitCode() int { return e.Code }

func failf(code int, format string, args ...any) error {
	return &Error{code, fmt.Errorf(format, args...)}
}

// coded gives err the exit code that its kind asks for.
func coded(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Error{codeOf(err), err}
}

func codeOf(err error) int {
	var (
		reply  *smtp.Reply
		status *imapclient.Status
		pop    *pop3.Error
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		netErr net.Error
	)
	switch {
	case errors.Is(err, sasl.ErrFailed), errors.Is(err, sasl.ErrUnproven), errors.Is(err, sasl.ErrUnknownMechanism):
		return AuthError
	case errors.As(err, &reply):
		return replyCode(reply.Code)
	case errors.As(err, &status):
		return statusCode(status)
	case errors.As(err, &pop):
		return popCode(pop)
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Network
	}
	return Failure
}

// replyCode is the exit code for an SMTP reply code.
func replyCode(code int) int {
	switch {
	case code == 530 || code == 534 || code == 535 || code == 538: // RFC 4954 §6
		return AuthError
	case code >= 500:
		return Permanent
	case code >= 400:
		return Temporary
	}
	return Failure
}

// statusCode is the exit code for an IMAP refusal (RFC 5530 §3).
func statusCode(s *imapclient.Status) int {
	switch s.Code {
	case "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN":
		return AuthError
	case "UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT":
		return Temporary
	case "NONEXISTENT", "TRYCREATE":
		return NoMatch
	}
	if s.Kind == "BYE" {
		return Temporary
	}
	return Permanent
}

func popCode(e *pop3.Error) int {
	switch {
	case e.Temporary():
		return Temporary
	case e.Code == pop3.CodeAuth:
		return AuthError
	}
	return Permanent
}

// refusedLogin makes a refusal of a login that is not for now exit code 4.
func refusedLogin(err error) error {
	if err == nil {
		return nil
	}
	switch code := codeOf(err); code {
	case Temporary, Network:
		return &Error{code, fmt.Errorf("log in: %w", err)}
	default:
		return &Error{AuthError, fmt.Errorf("log in: %w", err)}
	}
}
