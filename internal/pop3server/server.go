// Package pop3server serves POP3 (RFC 1939 with 2449, 2595, 3206, 5034 and
// 6856): the protocol's state and translation into calls of mail, nothing else.
//
// Invariant: one session at a time holds an account's maildrop, sees it as it
// was at login, and removes messages only at QUIT. Each session runs in the
// goroutine of its connection; the package starts none.
package pop3server

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/mail"
	"tem/internal/sasl"
	"tem/internal/wire/pop3"
)

// Options are what a Server stands on.
type Options struct {
	Hostname string
	TLS      *tls.Config // nil: no STLS
	Auth     sasl.Backend
	Guard    *login.Guard // slows and logs logins; nil: one of its own
	// InsecureAuth says whether a peer may send its password in clear; nil: none may.
	InsecureAuth func(net.Addr) bool
	Mail         *mail.Store
	Directory    *directory.Directory
	IdleTimeout  time.Duration // 0: ten minutes
	LoginDelay   time.Duration // shortest time between two logins of one account, in this process; 0: none
	MaxErrors    int           // bad commands and failed logins before a session is ended; 0: 10
	Log          *slog.Logger
	Now          func() time.Time // nil: time.Now
}

// Server has what its sessions share.
type Server struct {
	o     Options
	drops *locks
}

// New returns a server that takes connections by Handle.
func New(o Options) *Server {
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 10*time.Minute) // RFC 1939 §3
	o.MaxErrors = cmp.Or(o.MaxErrors, 10)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Guard == nil {
		o.Guard = login.NewGuard(o.Log)
	}
	if o.InsecureAuth == nil {
		o.InsecureAuth = func(net.Addr) bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, drops: newLocks(o.LoginDelay)}
}

// maxLine is the longest line taken, more than RFC 2449 §4 asks for (255), for
// the responses of SASL exchanges: as long as RFC 4954 §4 has them for SMTP.
const maxLine = 12288

// Options are what every connection needs.
func (s *Server) Options() line.Options {
	return line.Options{ReadTimeout: s.o.IdleTimeout, MaxLine: maxLine, Redact: pop3.Redact}
}

// Handle runs one session. It ends when the client leaves or c is interrupted.
func (s *Server) Handle(ctx context.Context, c *line.Conn) {
	log := s.o.Log.With("session", c.Session(), "remote", c.RemoteAddr().String())
	visit := s.o.Guard.Visit(login.Peer{Protocol: "pop3", Session: c.Session(), Remote: c.RemoteAddr(), Source: line.Origin(c.RemoteAddr())})
	x := &session{server: s, conn: c, log: log, visit: visit, serving: ctx, language: languages()[0]}
	defer x.end()
	// A command under way is finished: the end of the server reaches a session
	// as ErrInterrupted of its next read.
	x.run(context.WithoutCancel(ctx))
}
