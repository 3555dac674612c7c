package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"tem/internal/line"
	"tem/internal/sasl"
	"tem/internal/wire/imap/imapclient"
	"tem/internal/wire/pop3"
	"tem/internal/wire/smtp"
)

const (
	dialTimeout    = 30 * time.Second
	defaultTimeout = 5 * time.Minute // §15 advises it
)

// dial opens the connection under a protocol, with TLS if it is implicit.
func (e *Env) dial(ctx context.Context, a *Account, p Endpoint, redact func([]byte) []byte) (*line.Conn, error) {
	cfg, err := a.tlsConfig(p)
	if err != nil {
		return nil, err
	}
	timeout, err := a.timeout()
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	nc, err := d.DialContext(ctx, "tcp", p.Host)
	if err != nil {
		return nil, &Error{Network, err}
	}
	o := line.Options{ReadTimeout: timeout, WriteTimeout: timeout, MaxLine: imapclient.MaxLine, Redact: redact}
	if e.Trace {
		o.Tap = e.tap()
	}
	c := line.NewConn(nc, line.Client, o)
	if p.TLS != "implicit" {
		return c, nil
	}
	if err := c.StartTLS(ctx, cfg); err != nil {
		c.Close()
		return nil, &Error{Network, fmt.Errorf("TLS with %s: %w", p.Host, err)}
	}
	return c, nil
}

func (a *Account) timeout() (time.Duration, error) {
	if a.Timeout == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(a.Timeout)
	if err != nil || d <= 0 {
		return 0, failf(Usage, "account %s: timeout %q is not a duration such as 5m", a.Address, a.Timeout)
	}
	return d, nil
}

func (a *Account) tlsConfig(p Endpoint) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(p.Host)
	if err != nil {
		return nil, failf(Usage, "server %q: %w", p.Host, err)
	}
	cfg := &tls.Config{ServerName: or(a.ServerName, host), MinVersion: tls.VersionTLS12}
	if a.CA == "" {
		return cfg, nil
	}
	cfg.RootCAs, err = loadCA(a.CA)
	return cfg, err
}

func loadCA(name string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, failf(Usage, "certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, failf(Usage, "certificate authority: no certificate in %s", name)
	}
	return pool, nil
}

// open reaches one server of the account and returns what starting TLS and
// logging in need.
func (e *Env) open(ctx context.Context, a *Account, protocol string, redact func([]byte) []byte) (*line.Conn, *tls.Config, string, error) {
	p, err := a.endpoint(protocol)
	if err != nil {
		return nil, nil, "", err
	}
	secret, err := e.password(ctx, a)
	if err != nil {
		return nil, nil, "", err
	}
	conn, err := e.dial(ctx, a, p, redact)
	if err != nil || p.TLS != "starttls" {
		return conn, nil, secret, err
	}
	cfg, err := a.tlsConfig(p)
	return conn, cfg, secret, err
}

// imap opens the account over IMAP, logged in.
func (e *Env) imap(ctx context.Context, a *Account) (*imapclient.Client, error) {
	conn, cfg, secret, err := e.open(ctx, a, "imap", imapclient.Redact)
	if err != nil {
		return nil, err
	}
	c, err := imapclient.New(ctx, conn)
	if err == nil && cfg != nil {
		err = c.StartTLS(ctx, cfg)
	}
	if err != nil {
		conn.Close()
		return nil, coded(fmt.Errorf("connect to %s: %w", a.IMAP.Host, err))
	}
	if err := c.Login(ctx, a.credentials(secret, c.Conn())); err != nil {
		conn.Close()
		return nil, refusedLogin(err)
	}
	return c, nil
}

// smtp opens the account's way out, logged in.
func (e *Env) smtp(ctx context.Context, a *Account) (*smtp.Client, error) {
	conn, cfg, secret, err := e.open(ctx, a, "smtp", smtp.Redact)
	if err != nil {
		return nil, err
	}
	c, err := smtp.NewClient(ctx, conn)
	if err == nil {
		err = c.Hello(ctx, "localhost")
	}
	if err == nil && cfg != nil {
		err = c.StartTLS(ctx, cfg)
	}
	if err != nil {
		conn.Close()
		return nil, coded(fmt.Errorf("connect to %s: %w", a.SMTP.Host, err))
	}
	if err := authSMTP(ctx, c, a.credentials(secret, conn)); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// credentials are what the account logs in with: secret is its token or its password.
func (a *Account) credentials(secret string, conn *line.Conn) sasl.Credentials {
	c := sasl.Credentials{Login: a.Address, Channel: sasl.Under(conn)}
	if a.TokenCommand != "" {
		c.Token = secret
	} else {
		c.Password = secret
	}
	return c
}

func authSMTP(ctx context.Context, c *smtp.Client, who sasl.Credentials) error {
	offered, ok := c.Ext["AUTH"]
	if !ok {
		return failf(AuthError, "log in: the server offers no AUTH here; TLS may be needed")
	}
	m, err := sasl.NewClient(fields(offered), who)
	if err != nil {
		return refusedLogin(err)
	}
	return refusedLogin(c.Auth(ctx, m))
}

// pop3 opens the account over POP3, logged in.
func (e *Env) pop3(ctx context.Context, a *Account) (*pop3.Client, error) {
	conn, cfg, secret, err := e.open(ctx, a, "pop3", pop3.Redact)
	if err != nil {
		return nil, err
	}
	c, err := pop3.NewClient(ctx, conn)
	if err == nil && cfg != nil {
		err = c.StartTLS(ctx, cfg)
	}
	if err != nil {
		conn.Close()
		return nil, coded(fmt.Errorf("connect to %s: %w", a.POP.Host, err))
	}
	if err := loginPOP(ctx, c, a.credentials(secret, conn)); err != nil {
		conn.Close()
		return nil, refusedLogin(err)
	}
	return c, nil
}

func loginPOP(ctx context.Context, c *pop3.Client, who sasl.Credentials) error {
	k, _ := c.Capa(ctx) // an old server knows no CAPA: USER and PASS then
	if k.Has("UTF8") {
		_ = c.UTF8(ctx) // RFC 6856 §2.1: a server may refuse; a lost connection shows in the next command
	}
	m, err := sasl.NewClient(k["SASL"], who)
	switch {
	case err == nil:
		return c.Auth(ctx, m)
	case who.Password == "":
		return err
	}
	return c.Login(ctx, who.Login, who.Password)
}

// inbox is an open folder of an account.
type inbox struct {
	*imapclient.Client
	account *Account
}

// folder opens the account and Env.Folder in it.
func (e *Env) folder(ctx context.Context, readOnly bool) (*inbox, error) {
	a, err := e.account()
	if err != nil {
		return nil, err
	}
	c, err := e.imap(ctx, a)
	if err != nil {
		return nil, err
	}
	if _, err := c.Select(ctx, or(e.Folder, "INBOX"), readOnly); err != nil {
		c.Close()
		return nil, coded(fmt.Errorf("open folder %s: %w", or(e.Folder, "INBOX"), err))
	}
	return &inbox{c, a}, nil
}

// close says goodbye; what it answers matters no more.
func (b *inbox) close(ctx context.Context) { _ = b.Logout(ctx) }
