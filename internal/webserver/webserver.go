// Package webserver answers over HTTPS what others ask of a mail server: the
// MTA-STS policy of each domain (RFC 8461 §3.3), the settings that mail
// programs look for by themselves (Thunderbird's autoconfig, Outlook's
// autodiscover), and a page for people that has them in words and in a profile
// for Apple's devices.
//
// Invariant: nothing here needs a login, and nothing that is told depends on who
// has a mailbox: an answer follows from the domain and the configuration. Every
// request is bounded in size and time; there are no files behind it.
//
// Run owns the goroutines of net/http; Handle lends it the connections that a
// line.Listener has accepted and counted.
package webserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options are what a Server has to know.
type Options struct {
	Hostname string
	TLS      *tls.Config
	// Local says whether a domain is ours.
	Local func(ctx context.Context, domain string) (bool, error)
	// Policy is the text of the MTA-STS policy of all domains; "": there is none.
	Policy   string
	Services []Service     // for mail programs, the best of each kind first
	Drain    time.Duration // how long requests may go on after the end; 0: as long as any may
	Log      *slog.Logger
}

// Service is one way in for mail programs, at Options.Hostname.
type Service struct {
	Kind     string // "imap", "pop3" or "smtp"
	Port     uint16
	Implicit bool // TLS from the first octet, not by STARTTLS
}

// Bounds on what a client may take.
const (
	headerTime = 10 * time.Second // for TLS, and again for the header of a request
	wholeTime  = 30 * time.Second // for a request, and again for its answer
	idleTime   = 30 * time.Second
	maxHeader  = 16 << 10 // octets
	maxBody    = 32 << 10
	maxStreams = 32 // requests at once on one connection (HTTP/2)
)

// Server is one web server for any number of ports.
type Server struct {
	o     Options
	http  http.Server
	doors *lent
}

// New makes a server; Run starts it.
func New(o Options) *Server {
	o.Drain = cmp.Or(o.Drain, 2*wholeTime)
	s := &Server{o: o, doors: newLent()}
	s.http = http.Server{
		Handler: s, TLSConfig: o.TLS,
		ReadHeaderTimeout: headerTime, ReadTimeout: wholeTime, WriteTimeout: wholeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // handshakes that fail: any scanner's
	}
	return s
}

// Run serves the connections that Handle is given until ctx ends; then answers
// under way are finished, as far as that takes no longer than Options.Drain.
func (s *Server) Run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.http.ServeTLS(s.doors, "", "") }()
	select {
	case err := <-ended:
		return errors.Join(err, s.http.Close())
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Drain)
	defer cancel()
	if s.http.Shutdown(late) != nil {
		s.doors.cut() // what did not end in time
		s.http.Close()
	}
	<-ended // http.ErrServerClosed
	return nil
}

// Handle serves one connection and returns when it is closed: it is line.Listener.Raw.
func (s *Server) Handle(_ context.Context, nc net.Conn) { s.doors.lend(nc) }
