package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tem/internal/dns"
	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

// errSlow: a server that says something now and again, but does not get to the end.
var errSlow = errors.New("the server takes too long")

// connect returns a connection that is ready for MAIL: an idle one, unless it
// must be fresh, or a new one.
func (a *attempt) connect(ctx context.Context, p peer, n need, fresh bool) (*conn, error) {
	k, from, err := a.key(p, n)
	if err != nil {
		return nil, err
	}
	if !fresh {
		if c := a.pool.get(k); c != nil {
			c.tap.follow(a.said, a.job.ID)
			a.tls = c.tls
			return c, nil
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*a.patience(), errSlow) // a silent one ends by itself before
	defer cancel()
	e := end{key: k, from: from, tickets: a.sessions.under(k, p.relay != nil && p.relay.Login != "")}
	c, err := a.open(ctx, p, n, e)
	if errors.As(err, new(stale)) {
		a.sessions.drop(k)
		e.tickets = nil
		c, err = a.open(ctx, p, n, e)
	}
	if err != nil {
		return nil, err
	}
	if err = a.login(ctx, c, p.relay); err == nil && a.required() && !c.offers("REQUIRETLS") {
		err = &insecure{text: p.String() + " does not offer REQUIRETLS, which the sender requires", code: dsn.Code{5, 7, 30}} // RFC 8689 §4.2.1
	}
	if err != nil {
		c.goodbye()
		return nil, err
	}
	return c, nil
}

// end is ours of a connection.
type end struct {
	key
	from    netip.Addr
	tickets *tickets // nil: no session is resumed, nor kept
}

// config is that of TLS with a host.
func (e *end) config(n *need, host string) *tls.Config {
	c := n.config(host)
	if e.tickets != nil {
		c.ClientSessionCache = e.tickets
	}
	return c
}

// tried reports whether there was a session that the server may have stumbled over.
func (e *end) tried() bool { return e.tickets != nil && e.tickets.offered }

func (r *Remote) patience() time.Duration { return cmp.Or(r.Timeout, 5*time.Minute) } // RFC 5321 §4.5.3.2

// key is that of a connection to p, and the address it comes from.
func (a *attempt) key(p peer, n need) (key, netip.Addr, error) {
	k := key{address: p.address, name: p.name, policy: n.policy, hello: a.Hostname}
	if len(n.tlsa) > 0 {
		k.policy += fmt.Sprint(n.tlsa)
	}
	if slices.ContainsFunc(n.tlsa, func(t dns.TLSA) bool { return t.Usage == 2 }) { // a certificate that is good for these names may not be for others
		k.policy += fmt.Sprint(n.names)
	}
	if a.required() {
		k.policy += " REQUIRETLS"
	}
	if p.relay != nil {
		k.login = p.relay.Name + " " + p.relay.Login
	}
	to, err := netip.ParseAddrPort(p.address)
	if err != nil {
		return k, netip.Addr{}, nil // a socket
	}
	s := a.source(a.job.ReturnPath)
	from, ok := s.from(to.Addr(), a.job.Domain)
	if !ok {
		return k, from, &insecure{text: "no source address of the family of " + p.String(), code: dsn.Code{4, 4, 1}}
	}
	if s != nil {
		k.hello = cmp.Or(s.Hello, a.Hostname)
	}
	if from.IsValid() {
		k.source = from.String()
	}
	return k, from, nil
}

// open connects and says hello, over TLS as is needed or offered. Without a
// need the certificate is not looked at: unverified TLS is still better than
// none (RFC 7435 §3), and so is mail in clear than none.
func (a *attempt) open(ctx context.Context, p peer, n need, e end) (*conn, error) {
	c, err := a.hello(ctx, p, n, e)
	if err != nil || n.policy == inClear || c.Conn().TLS() != nil {
		return c, err
	}
	if !c.offers("STARTTLS") {
		lack := n.lack("starttls-not-supported", p.String()+" does not offer TLS, which "+n.asks())
		a.report(n, p, c, lack)
		if !n.must {
			return c, nil
		}
		c.goodbye()
		return nil, lack
	}
	err = c.StartTLS(ctx, e.config(&n, p.name))
	switch refused := (*smtp.Reply)(nil); {
	case err == nil:
		return c, a.accept(n, p, c)
	case e.tried() && unproven(c.Conn().TLS()) && ctx.Err() == nil:
		c.Close()
		return nil, stale{err}
	case ctx.Err() != nil:
		c.Close()
		return nil, err
	case errors.As(err, &refused) && c.Conn().TLS() == nil && refused.Code != 421 && !n.must:
		a.report(n, p, c, n.lack("starttls-not-supported", refused.Error()))
		return c, nil
	}
	lack := n.lack("validation-failure", "TLS with "+p.String()+" failed, which "+n.asks()+": "+cause(err))
	a.report(n, p, c, lack)
	c.Close()
	if n.must {
		return nil, lack
	}
	a.Log.Info("TLS failed, going on in clear", "id", a.job.ID, "remote", p.name, "err", err)
	return a.hello(ctx, p, n, e)
}

// unproven reports that no server has shown its certificate in a session, if there is one.
func unproven(state *tls.ConnectionState) bool { return state == nil || state.DidResume }

func (n *need) asks() string {
	if n.must {
		return "is a must (" + n.policy + ")"
	}
	return "is not a must"
}

// accept judges a TLS session.
func (a *attempt) accept(n need, p peer, c *conn) error {
	state := c.Conn().TLS()
	c.tls = line.TLSInfo(state)
	if state.DidResume {
		c.tls += ", resumed"
	}
	a.tls = c.tls
	lack := n.check(state, p.name, a.Roots)
	if lack != nil && state.DidResume { // it may show another certificate by now
		c.goodbye()
		return stale{lack}
	}
	a.report(n, p, c, lack)
	if lack == nil {
		return nil
	}
	c.tickets.spoil() // or each connection would be made twice
	if !n.must {
		return nil
	}
	c.goodbye()
	return lack
}

func (n *need) config(host string) *tls.Config {
	if len(n.names) > 0 {
		host = n.names[0] // RFC 7672 §8.1: the server may choose its certificate by the name of the records
	}
	c := &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // check verifies
	if !n.must {
		c.MinVersion = tls.VersionTLS10 // the alternative is not TLS 1.3 but clear text
	}
	return c
}

// hello connects to a peer, hears its greeting and says EHLO.
func (a *attempt) hello(ctx context.Context, p peer, n need, e end) (*conn, error) {
	timeout := a.patience()
	network := "tcp"
	if p.relay != nil {
		network = p.relay.network()
	}
	dialer := net.Dialer{Timeout: min(timeout, connectTimeout), LocalAddr: endpoint(e.from)}
	nc, err := dialer.DialContext(ctx, network, p.address)
	if err != nil {
		return nil, err
	}
	c := &conn{key: e.key, tickets: e.tickets}
	o := line.Options{Session: a.job.ID, ReadTimeout: timeout, WriteTimeout: timeout, Redact: smtp.Redact}
	if a.Tap != nil || a.Record != nil {
		c.tap = &recorder{outer: a.Tap, into: a.said, session: a.job.ID}
		o.Tap = c.tap
	}
	wire := line.NewConn(nc, line.Client, o)
	if p.relay != nil && p.relay.Implicit {
		if err := wire.StartTLS(ctx, e.config(&n, p.name)); err != nil {
			wire.Close()
			if e.tried() {
				return nil, stale{err}
			}
			return nil, n.lack("validation-failure", "TLS with "+p.String()+" failed: "+cause(err))
		}
	}
	if c.Client, err = smtp.NewClient(ctx, wire); err != nil {
		wire.Close()
		return nil, err
	}
	if greeter, _, _ := strings.Cut(c.Greeting.Lines[0], " "); p.relay == nil && strings.EqualFold(greeter, a.Hostname) {
		c.goodbye()
		return nil, &insecure{text: "routing loop: " + p.String() + " is this server", code: codeLoop} // RFC 5321 §5.1: another name for it
	}
	c.LMTP = p.relay != nil && p.relay.lmtp()
	if wire.TLS() != nil {
		if err := a.accept(n, p, c); err != nil {
			return nil, err
		}
	}
	if err := c.Hello(ctx, e.hello); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// login logs in to a relay. What goes wrong is the operator's to mend, and
// never the fault of a message.
func (a *attempt) login(ctx context.Context, c *conn, r *Relay) error {
	if r == nil || r.Login == "" {
		return nil
	}
	kept := r.Token != nil && r.Token.kept()
	err := a.logInOnce(ctx, c, r)
	refused := (*smtp.Reply)(nil)
	if kept && errors.As(err, &refused) && refused.Code != 421 { // it may have ended before its time: a new one is tried at once
		err = a.logInOnce(ctx, c, r)
	}
	if down := (*tokenDown)(nil); errors.As(err, &down) {
		return &insecure{text: "no token for relay " + r.Name + " for now: " + err.Error(), code: dsn.Code{4, 7, 0}} // as RFC 4954 §6 has it for 454
	}
	if err != nil {
		return &insecure{text: "no login at relay " + r.Name + ", which its operator must mend: " + err.Error(), code: dsn.Code{4, 7, 8}}
	}
	return nil
}

// logInOnce forgets a token that was refused.
func (a *attempt) logInOnce(ctx context.Context, c *conn, r *Relay) (err error) {
	who := sasl.Credentials{Login: r.Login, Channel: sasl.Under(c.Conn())}
	if r.Token != nil {
		who.Token, err = r.Token.Get(ctx)
	} else {
		who.Password, err = ReadSecret(r.Password)
	}
	if err != nil {
		return err
	}
	m, err := sasl.NewClient(strings.Fields(c.Ext["AUTH"]), who)
	if err != nil {
		return fmt.Errorf("it offers AUTH %q: %w", c.Ext["AUTH"], err)
	}
	err = c.Auth(ctx, m)
	if refused := (*smtp.Reply)(nil); errors.As(err, &refused) && r.Token != nil {
		r.Token.Forget(who.Token)
	}
	return err
}
