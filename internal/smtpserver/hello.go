package smtpserver

import (
	"context"
	"net"
	"strconv"
	"strings"

	"tem/internal/sasl"
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
		x.reply(250, "", append([]string{x.o.Hostname + " Hello " + c.Arg + " " + x.address()}, x.extensions()...)...)
	}
}

// introduced takes the client's name; it also clears the transaction (RFC 5321 §4.1.4).
func (x *session) introduced(c *smtp.Command) bool {
	if !isName(c.Arg) {
		x.reply(501, "5.5.4", "Syntax: "+c.Verb+" domain or [address]")
		return false
	}
	x.drop()
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
	t, ok := x.c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return "[" + x.c.RemoteAddr().String() + "]"
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

func (x *session) extensions() []string {
	all := []string{"PIPELINING", "SIZE " + strconv.FormatInt(x.o.MaxSize, 10), "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"}
	if x.o.TLS != nil && x.c.TLS() == nil {
		all = append(all, "STARTTLS")
	}
	if x.mayAuth() && x.principal == "" {
		all = append(all, "AUTH "+strings.Join(sasl.Mechanisms(x.o.Auth, sasl.Under(x.c)), " "))
	}
	return append(all, "HELP")
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
	x.drop()
	x.hello, x.extended, x.principal = "", false, ""
}
