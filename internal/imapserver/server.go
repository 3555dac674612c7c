// Package imapserver runs IMAP sessions (RFC 3501, RFC 9051): it translates
// typed commands into calls of mail, and what mail answers into responses.
//
// Invariant: sequence numbers change only where RFC 9051 §7.5.1 allows it, and
// whatever changed in the selected mailbox is told after each command.
//
// A session works in one goroutine at a time: that of its connection waits while
// it rests, another while it works (rest.go). Commands that run side by side have
// one each while they last (group.go).
package imapserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/mail"
	"tem/internal/sasl"
	"tem/internal/wire/imap"
)

// Options are what a Server stands on.
type Options struct {
	Hostname     string
	Version      string      // of the program, for ID; "": not told
	TLS          *tls.Config // nil: no STARTTLS
	Auth         sasl.Backend
	Guard        *login.Guard               // slows and logs logins; nil: one of its own
	InsecureAuth func(remote net.Addr) bool // who may send a password in clear; nil: nobody
	// Unauthenticate lets a client log in anew on its connection (RFC 8437). Behind a proxy that
	// checks logins and then only passes octets on it must be off (§8).
	Unauthenticate bool
	Mail           *mail.Store
	Directory      *directory.Directory
	// SetQuota sets the limits of a quota root, an account's address or a domain, in octets and
	// messages; 0 is none. It is called for administrators only. nil: quotas are not set over IMAP.
	SetQuota     func(ctx context.Context, root string, bytes, messages int64) error
	MaxMessage   int64                   // octets; 0: 64 MiB
	Room         func(octets int64) bool // whether the disk can take so much more; nil: always
	IdleTimeout  time.Duration           // 0: 30 minutes (RFC 9051 §5.4)
	LoginTimeout time.Duration           // 0: 1 minute
	MessageLimit int                     // messages that one command may work on (RFC 9738); 0: any number
	MaxErrors    int                     // bad commands and logins, after the login those in a row; 0: 20
	Log          *slog.Logger
	Now          func() time.Time
}

// Server makes sessions. All it holds of its own is what is \Recent.
type Server struct {
	o       Options
	recents recents
}

// New fills in what is left out.
func New(o Options) *Server {
	o.MaxMessage = cmp.Or(o.MaxMessage, 64<<20)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 30*time.Minute)
	o.LoginTimeout = cmp.Or(o.LoginTimeout, time.Minute)
	o.MaxErrors = cmp.Or(o.MaxErrors, 20)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Guard == nil {
		o.Guard = login.NewGuard(o.Log)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Room == nil {
		o.Room = func(int64) bool { return true }
	}
	return &Server{o: o}
}

// Options are those of the connections that Handle is given.
func (s *Server) Options() line.Options {
	return line.Options{ReadTimeout: s.o.IdleTimeout, WriteTimeout: 5 * time.Minute, MaxLine: imap.MaxLine, Redact: imap.Redact}
}

// What a client that has not logged in may send: octets of a literal, and of
// refused ones that are passed over.
const (
	maxEarlyLiteral = 4096
	maxEarlySkip    = 64 << 10
)

// Handle runs one session until it ends, and closes c.
func (s *Server) Handle(ctx context.Context, c *line.Conn) {
	defer c.Close()
	r := imap.NewReader(c)
	r.MaxSkip = maxEarlySkip
	r.MaxLiteral = maxEarlyLiteral
	se := &session{o: &s.o, recents: &s.recents, c: c, r: r, state: imap.NotAuthenticated, log: s.o.Log.With("session", c.Session())}
	se.visit = s.o.Guard.Visit(login.Peer{Protocol: "imap", Session: c.Session(), Remote: c.RemoteAddr(), Source: line.Origin(c.RemoteAddr())})
	se.late = time.AfterFunc(s.o.LoginTimeout, c.Interrupt)
	defer func() { se.late.Stop() }() // UNAUTHENTICATE sets another
	se.say("* OK [CAPABILITY %s] %s IMAP ready", se.capabilities(), s.o.Hostname)
	se.active = time.Now()
	se.quiet = se.active
	defer se.deaf()
	defer func() { se.pass.End() }()
	if err := se.serve(ctx); err != nil {
		se.goodbye(err)
	}
}

// goodbye says why the session ends, where anybody can still hear it.
func (s *session) goodbye(err error) {
	var timeout net.Error
	var store *mail.Error
	switch {
	case s.ended: // BYE was said
	case errors.Is(err, line.ErrInterrupted) && s.state == imap.NotAuthenticated:
		s.say("* BYE no login in time, or shutting down")
	case errors.Is(err, line.ErrInterrupted):
		s.say("* BYE %s is shutting down", s.o.Hostname)
	case errors.As(err, &timeout) && timeout.Timeout():
		s.say("* BYE idle for too long") // RFC 9051 §5.4
	case errors.As(err, &store): // while nobody had asked for anything
		s.say("* BYE %s", s.replyFor(err).text)
	default:
		s.log.Debug("imap session ended", "err", err)
	}
}
