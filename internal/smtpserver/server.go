// Package smtpserver is the receiving end of SMTP: from other servers (Relay),
// from our people (Submission) and from a mail server of ours (LMTP). It
// translates between the dialogue and delivery, and decides nothing that
// delivery can decide.
//
// Invariant: 250 to the final dot is said after delivery.Accept has made the
// message durable, never before; whatever goes wrong before that leaves nothing.
//
// Handle runs a session in its caller's goroutine and starts no other.
package smtpserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"tem/internal/delivery"
	"tem/internal/directory"
	"tem/internal/journey"
	"tem/internal/line"
	"tem/internal/login"
	"tem/internal/sasl"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
	"tem/internal/wire/smtp"
)

// Mode says whom a port is for.
type Mode uint8

const (
	Relay      Mode = iota // port 25: anybody, for local people; who logs in submits
	Submission             // ports 587 and 465: our people, who must log in (RFC 6409)
	LMTP                   // another mail server of ours, which has it delivered here (RFC 2033)
)

// Options for New.
type Options struct {
	Hostname string
	Mode     Mode
	TLS      *tls.Config  // for STARTTLS; nil: not offered
	Auth     sasl.Backend // nil: not offered
	Guard    *login.Guard // slows and logs logins; nil: one of its own
	// InsecureAuth tells which clients may log in without TLS; nil: nobody.
	InsecureAuth func(remote net.Addr) bool

	Delivery  *delivery.Delivery
	Directory *directory.Directory

	MaxSize       int64         // octets of one message; 0: 50 MiB
	MaxRecipients int           // of one message; 0: 1000
	MaxErrors     int           // 5xx replies before we hang up; 0: 50
	MaxAuthFails  int           // 0: 3
	Timeout       time.Duration // for each step; 0: 5 minutes

	// GreetDelay is how long clients of port 25 must wait for the greeting: those
	// that speak meanwhile are sent away. 0: it comes at once and nobody is.
	GreetDelay time.Duration
	// Trusted tells which peers may say by XCLIENT whom they speak for; nil: none.
	Trusted func(peer net.Addr) bool

	// Judge says what to think of mail from elsewhere; nil: nobody does.
	Judge *trust.Judge
	// Judged is told of each verdict; it returns at once. nil: nobody is.
	Judged func(*trust.Verdict)
	// Keys sign what our people send, by the domain in From; nil: nothing is signed.
	Keys dkim.Keys
	// Sealer is the key that seals (ARC) what is judged and passed on; false: there is none, of
	// which it has told whom that concerns. nil: nothing is sealed.
	Sealer func(ctx context.Context) (dkim.Key, bool)
	// Throttle says who does too much; nil: nobody.
	Throttle *Throttle
	// Record tells the journey of what was refused; nil: nobody.
	Record journey.Record

	// Room says whether the disk can take so many octets more; nil: always.
	Room func(octets int64) bool

	Log *slog.Logger
	Now func() time.Time // nil: time.Now
}

// Server is safe for concurrent use.
type Server struct{ o Options }

// New fills in what o leaves open.
func New(o Options) *Server {
	o.MaxSize = cmp.Or(o.MaxSize, 50<<20)
	o.MaxRecipients = cmp.Or(o.MaxRecipients, 1000)
	o.MaxErrors = cmp.Or(o.MaxErrors, 50)
	o.MaxAuthFails = cmp.Or(o.MaxAuthFails, 3)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Minute) // RFC 5321 §4.5.3.2.7
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Room == nil {
		o.Room = func(int64) bool { return true }
	}
	if o.Guard == nil {
		o.Guard = login.NewGuard(o.Log)
	}
	if o.InsecureAuth == nil {
		o.InsecureAuth = func(net.Addr) bool { return false }
	}
	if o.Trusted == nil {
		o.Trusted = func(net.Addr) bool { return false }
	}
	return &Server{o}
}

// maxLine is the longest command line with its CRLF, and maxAuthLine the
// longest step of AUTH (RFC 4954 §4).
const (
	maxLine     = 2048
	maxAuthLine = 12288
)

// Options are those of one connection that Handle is given.
func (s *Server) Options() line.Options {
	return line.Options{
		ReadTimeout:  s.o.Timeout,
		WriteTimeout: s.o.Timeout,
		MaxLine:      maxAuthLine,
		Redact:       smtp.Redact,
	}
}

// Refuse is the line for a connection beyond the listener's limits.
func (s *Server) Refuse() string {
	return "421 4.7.0 " + s.o.Hostname + " has too many connections, try again later"
}

// Handle runs one session.
func (s *Server) Handle(ctx context.Context, c *line.Conn) {
	x := &session{Server: s, c: c}
	x.dialogue, _ = c.Tap().(*journey.Dialogue)
	x.meet(c.RemoteAddr())
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("smtp session failed", "panic", p, "stack", string(debug.Stack()))
			x.reply(421, "4.3.0", x.o.Hostname+" has an internal error, session "+c.Session())
		}
		x.drop()
		x.unsee()
		x.pass.End()
		c.Close()
	}()
	x.run(ctx)
}

// logAs has the log name the client, and the user if one has logged in.
func (x *session) logAs() {
	x.log = x.o.Log.With("session", x.c.Session(), "remote", x.remote.String())
	if x.principal != "" {
		x.log = x.log.With("user", x.principal)
	}
}

// meet begins with a client at an address, as it came or as a proxy told.
func (x *session) meet(remote net.Addr) {
	x.unsee()
	x.remote = remote
	x.logAs()
	source := line.Origin(remote)
	if x.unknown() {
		source = line.Origin(x.c.RemoteAddr())
	}
	x.visit = x.o.Guard.Visit(login.Peer{Protocol: "smtp", Session: x.c.Session(), Remote: remote, Source: source})
}
