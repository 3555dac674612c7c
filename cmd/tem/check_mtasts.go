package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tem/internal/dns"
	"tem/internal/transport"
	"tem/internal/transport/sts"
)

// CheckMTASTSCommand fetches a domain's policy and compares its mail servers with it.
type CheckMTASTSCommand struct {
	exchangerFlags
	HTTPSPort int `default:"443" name:"https-port" help:"Port of the web server with the policy."`
	checkFlags
}

func (CheckMTASTSCommand) Help() string {
	return `Examples:
  tem check mta-sts hanoi.example
  tem check mta-sts hanoi.example --no-connect                    the policy and the names only
  tem check mta-sts hanoi.example --dns 127.0.0.1:5353 --https-port 1443 --port 1025 --roots ca.pem --json

Exit codes: 0 pass or none, 1 any other result, 2 a mistake in the command.`
}

// Run checks (RFC 8461 §3, §4).
func (c *CheckMTASTSCommand) Run(ctx context.Context, std *streams) error {
	if err := c.settle(); err != nil {
		return usageError{err}
	}
	if c.HTTPSPort < 1 || c.HTTPSPort > 65535 {
		return usageError{fmt.Errorf("--https-port %d: it may be 1 to 65535", c.HTTPSPort)}
	}
	roots, _ := c.roots() // was read before
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		rep.Check = "mta-sts"
		if !c.announced(ctx, r, rep) {
			return nil
		}
		fetcher := sts.Fetcher{Addresses: r.Addresses, Roots: roots, Port: c.HTTPSPort}
		p, err := fetcher.Fetch(ctx, c.Domain)
		if err != nil {
			rep.step(sts.URL(c.Domain), "%v", err)
			rep.Verdict, rep.Reason = "fail", "the policy can't be had: "+err.Error()
			return nil
		}
		rep.step(sts.URL(c.Domain), "%s", strings.Join(p.Lines(), "\n"))
		hosts, ok := c.hosts(ctx, r, rep)
		if ok {
			c.judge(ctx, r, rep, p, hosts)
		}
		return nil
	})
}

// announced looks for the record; without one the report has its verdict.
func (c *CheckMTASTSCommand) announced(ctx context.Context, r *dns.Resolver, rep *checkReport) bool {
	name := "_mta-sts." + c.Domain
	records, err := r.TXT(ctx, name)
	if err != nil && !errors.Is(err, dns.ErrNotFound) {
		rep.step("TXT of "+name, "%v", err)
		rep.Verdict, rep.Reason = "temperror", "the record can't be had"
		return false
	}
	id, bad := "", sts.ErrRecord
	if err == nil {
		id, bad = sts.ParseRecord(records)
	}
	if bad != nil {
		rep.step("TXT of "+name, "%v", bad)
		rep.Verdict, rep.Reason = "none", "the domain announces no policy: "+bad.Error()
		return false
	}
	rep.step("TXT of "+name, "policy %s", id)
	return true
}

// judge compares each mail exchanger with the policy.
func (c *CheckMTASTSCommand) judge(ctx context.Context, r *dns.Resolver, rep *checkReport, p *sts.Policy, hosts []string) {
	roots, _ := c.roots() // was read before
	rep.Verdict, rep.Reason = "pass", fmt.Sprintf("mode %s; the policy names every mail server, and what was looked at conforms", p.Mode)
	fail := func(format string, args ...any) { rep.Verdict, rep.Reason = "fail", fmt.Sprintf(format, args...) }
	for _, host := range hosts {
		if !p.Matches(host) && p.Mode != sts.None {
			rep.step("policy for "+host, "does not name it")
			fail("the policy does not name %s, so mail must not go there", host)
			continue
		}
		seen, err := c.look(ctx, r, rep, host)
		switch {
		case !c.Connect || p.Mode == sts.None:
		case err != nil:
			fail("%s can't be reached", host)
		case seen.TLS == nil:
			fail("%s does not offer TLS", host)
		default:
			if err := transport.Verify(seen.TLS.PeerCertificates, host, roots); err != nil {
				fail("the certificate of %s is not good: %v", host, err)
			}
		}
	}
}
