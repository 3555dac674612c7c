package smtpserver

import (
	"context"
	"net"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/wire/smtp"
)

func (x *session) helo(_ context.Context, c *smtp.Command) {
	if x.introduced(c) {
		x.extended = false
		x.reply(250, "", x.o.Hostname+" Hello "+c.Arg+" "+x.address())
	}
}

func (x *session) ehlo(_ context.Context, c *smtp.Command) {
	if x.introduced(c) {
		x.extended = true
		x.reply(250, "", append([]string{x.o.Hostname + " Hello " + c.Arg + " " + x.address()}, x.offered()...)...)
	}
}

// introduced takes the client's name; it also clears the transaction (RFC 5321 §4.1.4).
func (x *session) introduced(c *smtp.Command) bool {
	if !isName(c.Arg) {
		x.reply(501, "5.5.4", "Syntax: "+c.Verb+" domain or [address]")
		return false
	}
	x.drop()
	x.unsee()
	x.hello = c.Arg
	return true
}

// isName is lenient about names (RFC 5321 §4.1.4: they must not be a reason to
// refuse mail), but holds them to what may stand in a Received field.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._:[]", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// address is the client's as an address literal (RFC 5321 §4.1.3).
func (x *session) address() string {
	t, ok := x.remote.(*net.TCPAddr)
	if !ok {
		return "[" + x.remote.Network() + "]"
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

// startTLS starts anew inside TLS (RFC 3207 §4.2).
func (x *session) startTLS(ctx context.Context, _ *smtp.Command) {
	switch {
	case x.c.TLS() != nil:
		x.reply(503, "5.5.1", "TLS is already active")
		return
	case x.o.TLS == nil:
		x.reply(454, "4.7.0", "TLS not available")
		return
	}
	x.reply(220, "2.0.0", "Ready to start TLS")
	if err := x.c.StartTLS(ctx, x.o.TLS); err != nil {
		x.log.Info("smtp handshake failed", "err", err)
		x.ended = true
		return
	}
	x.anew()
}

// anew forgets everything that the client has said of itself and its message.
func (x *session) anew() {
	x.drop()
	x.hello, x.extended = "", false
	x.as(address.Address{}, nil)
	x.logAs()
}

// as makes user, whose right to that is pass, who has logged in; nil: nobody.
func (x *session) as(user address.Address, pass *directory.Pass) {
	if x.pass != pass {
		x.pass.End()
	}
	x.user, x.pass, x.principal = user, pass, ""
	if pass != nil {
		x.principal = user.String()
	}
}
