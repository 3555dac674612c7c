package main

import (
	"context"
	"errors"
	"net/netip"

	"tem/internal/dns"
	"tem/internal/trust"
	"tem/internal/trust/dmarc"
	"tem/internal/trust/spf"
)

// CheckDMARCCommand judges a message by the policy of the domain in its From.
type CheckDMARCCommand struct {
	File string `arg:"" help:"The message; - for standard input."`
	IP   string `name:"ip" placeholder:"A" help:"Address of the client that sent it; without it, SPF is left out."`
	From string `placeholder:"S" help:"Sender of the envelope; without it, the null path."`
	Helo string `placeholder:"H" help:"What the client called itself."`
	checkFlags
}

func (CheckDMARCCommand) Help() string {
	return `Examples:
  tem check dmarc letter.eml --ip 192.0.2.7 --from an@hanoi.example --helo mx.hanoi.example
  tem check dmarc letter.eml --zone lesson.zone --json

Exit codes: 0 pass or no policy, 1 any other result, 2 a mistake in the command.`
}

// Run judges.
func (c *CheckDMARCCommand) Run(ctx context.Context, std *streams) error {
	ip, err := c.client()
	if err != nil {
		return usageError{err}
	}
	text, err := readLetter(c.File, std.in)
	if err != nil {
		return usageError{err}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		res := c.judge(ctx, r, rep, ip, text)
		rep.Check, rep.Verdict, rep.Reason = "dmarc", string(res.Value), res.Reason
		rep.dmarc(res)
		return nil
	})
}

// client is the address that sent the message, with who it said it was; the zero address without --ip.
func (c *CheckDMARCCommand) client() (ip netip.Addr, err error) {
	switch {
	case c.IP == "" && c.From == "" && c.Helo == "":
		return ip, nil
	case c.IP == "":
		return ip, errors.New("--from and --helo are for SPF, which needs --ip as well: the address that sent the message")
	case c.From == "" && c.Helo == "":
		return ip, errors.New("--ip needs --from or --helo: SPF checks their domain")
	}
	return clientAddress(c.IP, c.From)
}

// judge makes the checks that DMARC builds on, and comes to its result.
func (c *CheckDMARCCommand) judge(ctx context.Context, r *dns.Resolver, rep *checkReport, ip netip.Addr, text []byte) *dmarc.Result {
	outcome := c.spf(ctx, r, rep, ip)
	signatures, message := verifyDKIM(ctx, r, text)
	rep.dkim(signatures)
	domain, none := trust.Author(message)
	if none != nil {
		return none
	}
	ids := trust.Identifiers(outcome, signatures)
	return dmarc.Discover(ctx, r, domain).Evaluate(ctx, r, ids)
}

// spf checks the sender of the envelope; nil without the address that sent it.
func (c *CheckDMARCCommand) spf(ctx context.Context, r *dns.Resolver, rep *checkReport, ip netip.Addr) *spf.Outcome {
	if !ip.IsValid() {
		rep.step("SPF", "left out: --ip tells which address sent the message")
		return nil
	}
	o := spf.Check(ctx, r, spfQuery(ip, c.Helo, c.From))
	rep.spf(o)
	return &o
}

// dmarc adds what the policy says and how each identifier stands to From.
func (r *checkReport) dmarc(res *dmarc.Result) {
	if res.From != "" {
		r.step("author domain", "%s, of the organization %s", res.From, res.Org)
	}
	if res.Record != nil {
		r.step("policy of "+res.Domain, "%s", res.Record.Text)
		r.step("what it asks for "+res.From, "%s=%s", res.Tag, res.Policy)
	}
	r.Policy = &checkPolicy{Author: res.From, Organization: res.Org, Domain: res.Domain, Asks: string(res.Policy), Apply: string(res.Apply), Identifiers: []checkAligned{}}
	if res.Record != nil {
		r.Policy.Record = res.Record.Text
	}
	for _, a := range res.Alignments {
		r.Policy.Identifiers = append(r.Policy.Identifiers, checkAligned{a.Method, a.Domain, a.Pass, a.Aligned})
		mode := map[bool]string{true: "strict", false: "relaxed"}[a.Strict]
		found := "not verified"
		switch {
		case a.Pass && a.Aligned:
			found = "verified and aligned (" + mode + ")"
		case a.Pass:
			found = "verified, not aligned (" + mode + ")"
		case a.Temporary:
			found = "could not be verified for now"
		}
		r.step(a.Method+" "+a.Domain, "%s", found)
	}
	r.step("DMARC", "%s: %s", res.Value, res.Reason)
	r.step("to do by the policy", "%s", res.Apply)
}
