package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"tem/internal/dialogue"
	"tem/internal/explain"
	"tem/internal/line"
)

// TraceCommand speaks a protocol by hand or from a script.
type TraceCommand struct {
	Protocol   string `arg:"" enum:"smtp,pop3,imap" help:"smtp, pop3 or imap."`
	Server     string `arg:"" placeholder:"HOST[:PORT]" help:"Server; without a port the protocol's own: 25, 110, 143, with --tls 465, 995, 993."`
	TLS        bool   `name:"tls" xor:"security" help:"TLS from the first octet."`
	StartTLS   bool   `name:"starttls" xor:"security" help:"Say STARTTLS (STLS) right after the greeting."`
	Insecure   bool   `help:"Do not verify the certificate."`
	CA         string `name:"ca" type:"path" placeholder:"FILE" help:"Trust this authority (PEM) instead of the system's."`
	ServerName string `placeholder:"NAME" help:"Name that the certificate must have (default: HOST)."`
	Script     string `type:"path" placeholder:"FILE" help:"Read the commands from a file instead of the standard input."`
	Times      bool   `help:"Show the time of each line."`
	Explain    bool   `help:"Tell beside each reply what it means."`
	Lang       string `enum:"en,vi,both" default:"both" help:"Language of --explain: en, vi or both."`
}

func (TraceCommand) Help() string {
	return `Examples:
  tem trace smtp localhost:1025                      type: EHLO me, MAIL FROM:<a@b.example>, …, QUIT
  tem trace imap localhost:1993 --tls --ca ca.pem    type: LOGIN name password, SELECT INBOX; tags are added
  tem trace pop3 pop.gmail.com --tls --times
  printf 'EHLO me\nQUIT\n' | tem trace smtp localhost:1025 --explain
  tem trace smtp localhost:1587 --starttls --script session.txt

Message text after DATA ends with a lone dot, IDLE with DONE. What is typed after
STARTTLS or STLS is encrypted. Passwords are not printed.

Exit codes: 0 fine, 4 login refused, 5 network or TLS, 6 the last error reply was
temporary, 7 it was permanent.`
}

// Exit codes of tem trace beside the common ones.
const (
	exitAuth      = 4
	exitNetwork   = 5
	exitTemporary = 6
	exitPermanent = 7
)

// dialTimeout bounds the wait for a connection.
const dialTimeout = 30 * time.Second

// traceError asks for an exit code; without err there is nothing to say.
type traceError struct {
	code int
	err  error
}

func (e *traceError) ExitCode() int { return e.code }
func (e *traceError) Unwrap() error { return e.err }

func (e *traceError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Run holds the dialogue.
func (c *TraceCommand) Run(ctx context.Context, std *streams) error {
	cfg, err := c.tlsConfig()
	if err != nil {
		return usageError{err}
	}
	var printer line.Tap = &line.Printer{W: std.out, Times: c.Times}
	input, tap, done, err := c.input(ctx, std, printer)
	if err != nil {
		return usageError{err}
	}
	defer done()
	dialer := net.Dialer{Timeout: dialTimeout}
	nc, err := dialer.DialContext(ctx, "tcp", c.address())
	if err != nil {
		return &traceError{exitNetwork, fmt.Errorf("cannot connect to %s: %w", c.address(), err)}
	}
	outcome, err := dialogue.Run(ctx, nc, dialogue.Options{
		Protocol: c.Protocol, Security: c.security(), TLS: cfg, Tap: tap, Input: input, Notes: c.notes(),
	})
	if err != nil {
		return c.failure(ctx, err)
	}
	return outcomeError(outcome)
}

// host and port are the parts of the server's address; port may be missing.
func (c *TraceCommand) split() (host, port string) {
	host, port, err := net.SplitHostPort(c.Server)
	if err != nil {
		return strings.Trim(c.Server, "[]"), ""
	}
	return host, port
}

func (c *TraceCommand) address() string {
	ports := map[string]string{"smtp": "25", "pop3": "110", "imap": "143"}
	if c.TLS {
		ports = map[string]string{"smtp": "465", "pop3": "995", "imap": "993"} // RFC 8314 §3
	}
	host, port := c.split()
	return net.JoinHostPort(host, cmp.Or(port, ports[c.Protocol]))
}

func (c *TraceCommand) security() dialogue.Security {
	switch {
	case c.TLS:
		return dialogue.AtOnce
	case c.StartTLS:
		return dialogue.Upgrade
	}
	return dialogue.OnCommand
}

func (c *TraceCommand) tlsConfig() (*tls.Config, error) {
	host, _ := c.split()
	cfg := &tls.Config{ServerName: cmp.Or(c.ServerName, host), InsecureSkipVerify: c.Insecure} // asked for by --insecure
	if c.CA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--ca %s: no certificate in PEM form in it", c.CA)
	}
	return cfg, nil
}

// notes is what --explain shows beside a reply.
func (c *TraceCommand) notes() func(string) []string {
	if !c.Explain {
		return nil
	}
	return func(reply string) (notes []string) {
		for _, n := range explain.Find(reply) {
			if n.Protocol != strings.ToUpper(c.Protocol) {
				continue
			}
			if c.Lang != "vi" {
				notes = append(notes, n.Short("en"))
			}
			if c.Lang != "en" {
				notes = append(notes, n.Short("vi"))
			}
		}
		return notes
	}
}

// failure is an error of the network, with what can be done about it.
func (c *TraceCommand) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &traceError{exitFailure, errors.New("interrupted")}
	}
	return &traceError{exitNetwork, fmt.Errorf("%s: %w%s", c.address(), err, tlsAdvice(err))}
}

// tlsAdvice is what to try after a failure of TLS.
func tlsAdvice(err error) string {
	var name x509.HostnameError
	var untrusted *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "\n  The server stayed silent: if the port speaks TLS from the first octet, say --tls."
	case errors.As(err, &name):
		return "\n  The certificate is of another name: say it with --server-name NAME, or look anyway with --insecure."
	case errors.As(err, &untrusted):
		return "\n  If the server is yours, give its authority with --ca FILE; --insecure looks without verifying."
	case errors.As(err, &record):
		return "\n  The port does not speak TLS at once: try --starttls, or no flag."
	}
	return ""
}

func outcomeError(o dialogue.Outcome) error {
	codes := map[dialogue.Outcome]int{
		dialogue.AuthRefused: exitAuth, dialogue.Temporary: exitTemporary, dialogue.Permanent: exitPermanent,
	}
	if code, ok := codes[o]; ok {
		return &traceError{code: code} // the reply itself has been shown
	}
	return nil
}
