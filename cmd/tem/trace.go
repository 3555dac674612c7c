package main

import (
	"context"

	"tem/internal/agent"
)

// TraceCommand speaks a protocol by hand.
type TraceCommand struct {
	Protocol string `arg:"" enum:"smtp,pop3,imap" help:"smtp, pop3 or imap."`
	Server   string `arg:"" help:"HOST:PORT."`
	TLS      bool   `xor:"tls" help:"TLS from the first octet."`
	StartTLS bool   `xor:"tls" name:"starttls" help:"Start TLS at once."`
	Insecure bool   `help:"Accept any certificate."`
	CA       string `placeholder:"FILE" help:"Certificate of a private authority."`
	Script   string `placeholder:"FILE" help:"Lines to send (default: standard input)."`
	Times    bool   `help:"Show timings."`
}

// Help shows how to use it.
func (TraceCommand) Help() string {
	return "Examples:\n  tem trace smtp 127.0.0.1:1025\n  printf 'EHLO me\\nQUIT\\n' | tem trace smtp 127.0.0.1:1025 --times\n  tem trace imap imap.gmail.com:993 --tls"
}

// Run speaks until the input or the dialogue ends.
func (c *TraceCommand) Run(ctx context.Context, s *streams) error {
	return agent.Speak(ctx, agent.Dialogue{
		Protocol: c.Protocol, Server: c.Server, TLS: c.TLS, StartTLS: c.StartTLS, Insecure: c.Insecure,
		CA: c.CA, Script: c.Script, Times: c.Times, In: s.in, Out: s.out, Err: s.err,
	})
}
