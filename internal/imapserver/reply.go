package imapserver

import (
	"errors"
	"fmt"
	"io"
	"net"

	"tem/internal/line"
	"tem/internal/mail"
)

// reply is a tagged answer that is not the plain OK: NO and BAD are errors of
// the handlers; OK carries a response code.
type reply struct{ status, code, text string }

func (r *reply) Error() string { return r.text }

func no(code, format string, args ...any) error {
	return &reply{"NO", code, fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) error { return &reply{"BAD", "", fmt.Sprintf(format, args...)} }

func ok(code, text string) error { return &reply{"OK", code, text} }

func isBad(err error) bool {
	var r *reply
	return errors.As(err, &r) && r.status == "BAD"
}

func endsWell(err error) bool {
	var r *reply
	return err == nil || errors.As(err, &r) && r.status == "OK"
}

// errAnswered: the handler has written the tagged response itself.
var errAnswered = &reply{status: "-"}

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
			mail.OverQuota: "OVERQUOTA", mail.LimitReached: "LIMIT", mail.HasChildren: "HASCHILDREN", mail.Busy: "INUSE", mail.BadUse: "USEATTR"}
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
