package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"time"

	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/wire/smtp"
)

// Seen is what a mail exchanger shows to whoever asks.
type Seen struct {
	Greeting   string
	Extensions []string // with their parameters, sorted
	TLS        *tls.ConnectionState
}

// lookTimeout bounds each step of a Look.
const lookTimeout = 15 * time.Second

// Look connects to address (host:port), says hello and begins TLS if it is offered, without verifying
// it, then goodbye. What was seen before an error is returned beside it.
func Look(ctx context.Context, host, address, hello string) (Seen, error) {
	var seen Seen
	dialer := net.Dialer{Timeout: lookTimeout}
	nc, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return seen, err
	}
	conn := line.NewConn(nc, line.Client, line.Options{ReadTimeout: lookTimeout, WriteTimeout: lookTimeout})
	defer conn.Close()
	c, err := smtp.NewClient(ctx, conn)
	if err != nil {
		return seen, err
	}
	seen.Greeting = c.Greeting.Error()
	if err := c.Hello(ctx, hello); err != nil {
		return seen, err
	}
	if _, offered := c.Ext["STARTTLS"]; offered {
		n := need{}
		if err := c.StartTLS(ctx, n.config(host)); err != nil {
			return seen, err
		}
		seen.TLS = conn.TLS()
	}
	for keyword, params := range c.Ext {
		if params != "" {
			keyword += " " + params
		}
		seen.Extensions = append(seen.Extensions, keyword)
	}
	slices.Sort(seen.Extensions)
	c.Quit(ctx) // all was seen
	return seen, nil
}

// Hosts are the mail exchangers of a domain in the order to try them, or why there are none.
func (r *Remote) Hosts(ctx context.Context, domain string) ([]string, dsn.Status) {
	return r.route(ctx, domain)
}

// Verify checks that certificates, the server's own first, are a host's. nil roots are those of the system.
func Verify(shown []*x509.Certificate, host string, roots *x509.CertPool) error {
	return verify(shown, host, roots)
}
