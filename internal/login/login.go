// Package login is what the servers of all protocols share about a login: how
// long it waits after failures, and the one form in which it is logged.
//
// Invariant: a right password is taken however many wrong ones came before it;
// it only waits. Nothing is held while a login waits, and memory is bounded.
//
// The package starts no goroutine; a wait runs in the session's.
package login

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// Guard slows and logs the logins of one server. It is safe for concurrent use.
type Guard struct {
	log     *slog.Logger
	sources sources
}

// NewGuard returns a guard that logs to log; nil: nowhere.
func NewGuard(log *slog.Logger) *Guard {
	return &Guard{log: cmp.Or(log, slog.New(slog.DiscardHandler))}
}

// Peer is one connection as logins know it.
type Peer struct {
	Protocol string // smtp, imap or pop3
	Session  string
	Remote   net.Addr
	Source   netip.Prefix // the network whose failures count together; invalid: none
}

// Visit is the logins of one connection. It belongs to one goroutine.
type Visit struct {
	guard    *Guard
	peer     Peer
	failures int
}

// Visit begins the logins of a connection. Programs on this machine, such as a
// web mail that logs its people in, are one source for many: only their
// connections are slowed.
func (g *Guard) Visit(p Peer) *Visit {
	if p.Source.Addr().IsLoopback() {
		p.Source = netip.Prefix{}
	}
	return &Visit{guard: g, peer: p}
}

const (
	step    = 200 * time.Millisecond // of delay for each failure
	maxStep = 25                     // failures that count: at most 5 s
)

// Wait is called before a login is looked at. It returns after the delay that
// earlier failures of the connection and of its source have earned, or with
// ctx's cause as soon as ctx ends.
func (v *Visit) Wait(ctx context.Context) error {
	n := max(v.failures, v.guard.sources.failures(v.peer.Source, time.Now()))
	if n == 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(min(n, maxStep)) * step)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Failed counts and logs a login that was refused; login is the name as the
// client gave it, reason a word such as sasl.Reason's. docs/logins.md
func (v *Visit) Failed(login, mechanism, reason string) {
	v.failures++
	v.guard.sources.add(v.peer.Source, time.Now())
	v.write("login failed", slog.String("login", clip(login)), slog.String("mechanism", mechanism), slog.String("reason", reason))
}

// Succeeded logs a login; state is nil in clear. What the connection got wrong
// before is forgotten, what its source did is not.
func (v *Visit) Succeeded(principal, mechanism string, state *tls.ConnectionState) {
	v.failures = 0
	version := "none"
	if state != nil {
		version = tls.VersionName(state.Version)
	}
	v.write("login", slog.String("login", principal), slog.String("mechanism", mechanism), slog.String("tls", version))
}

// write keeps the order of the line: what a client can choose comes after the
// address that filters look for.
func (v *Visit) write(message string, attrs ...slog.Attr) {
	first := []slog.Attr{slog.String("proto", v.peer.Protocol), slog.String("remote", host(v.peer.Remote)), slog.String("session", v.peer.Session)}
	v.guard.log.LogAttrs(context.Background(), slog.LevelInfo, message, append(first, attrs...)...)
}

// host is an address without its port.
func host(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return a.String()
}

// maxLogged bounds the name in a log line, in bytes: the longest address and some.
const maxLogged = 320

// clip bounds a name and puts a mark where it holds what is not text; the rest
// is for the log's handler to quote.
func clip(name string) string {
	cut := len(name) > maxLogged
	name = name[:min(len(name), maxLogged)]
	name = strings.ToValidUTF8(name, string(utf8.RuneError))
	if cut {
		name += "…"
	}
	return name
}
