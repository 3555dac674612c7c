package smtpserver

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/wire/smtp"
)

// trusted reports that the peer may say whom it speaks for. It is asked about
// the peer itself, whatever that said before.
func (x *session) trusted() bool { return x.o.Trusted(x.c.RemoteAddr()) }

// xclient is XCLIENT (https://www.postfix.org/XCLIENT_README.html): a proxy
// says who its client is, and the session begins again with that one.
func (x *session) xclient(ctx context.Context, c *smtp.Command) {
	switch {
	case !x.trusted():
		x.reply(550, "5.7.0", "XCLIENT is not for you")
		return
	case x.mail != nil:
		x.reply(503, "5.5.1", "XCLIENT is not allowed during a mail transaction")
		return
	}
	told, err := smtp.ParseXClient(c.Arg)
	if err == nil && told["HELO"] != "" && !isName(told["HELO"]) {
		err = smtp.NewReply(501, "5.5.4", "HELO="+told["HELO"]+": not a name of a client")
	}
	var user address.Address
	var pass *directory.Pass
	if err == nil && told["LOGIN"] != "" {
		user, pass, err = x.vouched(ctx, told["LOGIN"])
	}
	if err != nil {
		x.refuse(err)
		return
	}
	x.become(told, user, pass)
	if _, other := told["ADDR"]; !other {
		x.hail()
		return
	}
	x.errors, x.idle, x.denials, x.authFails = 0, 0, 0, 0 // were those of the client before
	x.ended = !x.welcome()
}

// vouched is the account that a trusted peer has logged in.
func (x *session) vouched(ctx context.Context, login string) (address.Address, *directory.Pass, error) {
	unknown := smtp.NewReply(535, "5.7.8", "LOGIN="+login+": no such account")
	if x.o.Auth == nil || x.o.Mode == LMTP {
		return address.Address{}, nil, unknown
	}
	since, err := x.o.Directory.Version(ctx)
	if err != nil {
		return address.Address{}, nil, unknown
	}
	principal, err := x.o.Auth.Principal(ctx, login)
	if err != nil {
		return address.Address{}, nil, unknown
	}
	user, pass, err := x.admit(ctx, principal, since)
	if err != nil {
		return address.Address{}, nil, unknown
	}
	return user, pass, nil
}

// become begins the session again as what was told; what was not told stays.
func (x *session) become(told smtp.XClient, user address.Address, pass *directory.Pass) {
	if _, given := told["LOGIN"]; !given {
		user, pass, x.pass = x.user, x.pass, nil
	}
	x.anew()
	x.as(user, pass)
	x.hello, x.extended = told["HELO"], strings.EqualFold(told["PROTO"], "ESMTP")
	x.meet(x.moved(told))
}

// moved is the client's address after ADDR and PORT. One that is not known is
// no reason to take the client for the proxy.
func (x *session) moved(told smtp.XClient) net.Addr {
	if _, given := told["ADDR"]; !given {
		return x.remote
	}
	a := told.Addr("ADDR")
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, told.Port("PORT")))
}

// unknown reports that the client's address is not known to the proxy either.
func (x *session) unknown() bool {
	a, ok := x.remote.(*net.TCPAddr)
	return ok && a.IP.IsUnspecified()
}
