package imapserver

import (
	"context"
	"time"

	"tem/internal/directory"
	"tem/internal/wire/imap"
)

// Unauthenticate forgets who the client is and all that was turned on for them
// (RFC 8437 §3). Only TLS stays, and what ID said of the program.
func (t *turn) Unauthenticate(context.Context, *imap.Unauthenticate) error {
	if !t.o.Unauthenticate {
		return bad("UNAUTHENTICATE is not available here")
	}
	if t.c.Compressed() { // §4.1: what comes next is in clear, which we can't tell from what is not
		t.ended = true
		t.say("* BYE UNAUTHENTICATE and COMPRESS don't go together here")
		return errAnswered
	}
	t.forget()
	return nil
}

// forget makes the session as it was before the login.
func (s *session) forget() {
	s.deaf()
	s.view, s.watch, s.state = nil, nil, imap.NotAuthenticated
	s.pass.End()
	s.user, s.person, s.pass, s.account = "", directory.Account{}, nil, nil
	s.enabled, s.r.Mode = features{}, imap.Mode{}
	s.r.MaxLiteral, s.r.MaxSkip = maxEarlyLiteral, maxEarlySkip
	s.late = time.AfterFunc(s.o.LoginTimeout, s.c.Interrupt)
}
