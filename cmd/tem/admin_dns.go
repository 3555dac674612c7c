package main

import (
	"context"
	"encoding/json"
	"net/netip"

	"tem/internal/app"
	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/dns"
	"tem/internal/dnsplan"
	"tem/internal/transport/sts"
)

type dnsCommand struct {
	Records dnsRecords `cmd:"" help:"Print every record that a domain has to publish, as lines of a zone file."`
	Check   dnsCheck   `cmd:"" help:"Compare what a domain publishes with what it should, and say whose move it is."`
}

func (dnsRecords) Help() string {
	return `Examples:
  tem dns records hanoi.example
  tem dns records hanoi.example --address 192.0.2.1 --json`
}

func (dnsCheck) Help() string {
	return `Examples:
  tem dns check hanoi.example
  tem dns check hanoi.example --dns 9.9.9.9 --lang vi
  tem dns check hanoi.example --zone hanoi.zone

Exit codes: 0 nothing is to be done, 1 something is, or it can't be told, 2 a mistake in the command.
--json is a list: of each record its state (ok, missing, different, harmful, unknown, advice), name, type,
what is wanted and found, why, and whose move it is.`
}

// dnsFlags are those of both commands.
type dnsFlags struct {
	adminFlags
	Domain  string       `arg:"" help:"The domain, hanoi.example."`
	Address []netip.Addr `placeholder:"IP" help:"Public address of the server; may be repeated (default: those of this machine)."`
	STS     string       `name:"mta-sts" enum:",enforce,testing,none" default:"" help:"Mode of the MTA-STS policy: enforce, testing or none (default: web.mta_sts of the configuration)."`
	Lang    string       `enum:",en,vi" default:"" help:"Language: en or vi (default: by LANG)."`
}

func (f dnsFlags) plan(ctx context.Context, env *adminEnv) (plan dnsplan.Plan, err error) {
	err = f.ask(ctx, env, control.Call{
		Verb:     "dns.records",
		Request:  control.DNSPlan{Domain: f.Domain, Addresses: f.Address, Mode: sts.Mode(f.STS)},
		Response: &plan,
	})
	return plan, err
}

func (f dnsFlags) language() string { return languageOf(f.Lang) }

type dnsRecords struct{ dnsFlags }

func (c *dnsRecords) Run(ctx context.Context, env *adminEnv) error {
	plan, err := c.plan(ctx, env)
	switch {
	case err != nil:
		return err
	case c.JSON:
		return json.NewEncoder(env.Out).Encode(plan)
	}
	return plan.WriteZone(env.Out, c.language())
}

type dnsCheck struct {
	dnsFlags
	Zone string   `placeholder:"FILE" xor:"source" help:"Answer from a zone file instead of the network."`
	DNS  []string `name:"dns" placeholder:"SERVER" xor:"source" help:"Name server to ask, address or address:port (default: outbound.dns of the configuration)."`
}

func (c *dnsCheck) Run(ctx context.Context, env *adminEnv) error {
	plan, err := c.plan(ctx, env)
	if err != nil {
		return err
	}
	resolver, err := c.resolver(plan.Site)
	if err != nil {
		return err
	}
	var fetch dnsplan.Fetch
	if c.Zone == "" { // a zone file has no web server
		fetch = (&sts.Fetcher{Addresses: resolver.Addresses}).Fetch
	}
	findings := dnsplan.Check(ctx, plan, resolver, fetch)
	if ctx.Err() != nil {
		return failf("stopped before the end")
	}
	if c.JSON {
		err = json.NewEncoder(env.Out).Encode(findings)
	} else {
		err = dnsplan.WriteFindings(env.Out, findings, c.language(), cleanCell)
	}
	for _, f := range findings {
		if err == nil && f.ToDo() {
			return &exitError{exitFailure, errSaid{}}
		}
	}
	return err
}

// errSaid is an error of which everything was said already.
type errSaid struct{}

func (errSaid) Error() string { return "" }

// resolver is the one that the flags ask for, or else as the server's own.
func (c *dnsCheck) resolver(site dnsplan.Site) (*dns.Resolver, error) {
	if c.Zone != "" {
		records, err := dns.ReadZone(c.Zone)
		if err != nil {
			return nil, usagef("--zone: %w", err)
		}
		r, err := dns.ZoneResolver(records...)
		if err != nil {
			return nil, usagef("--zone %s: %w", c.Zone, err)
		}
		return r, nil
	}
	o := config.Outbound{DNS: site.Servers, DNSSEC: site.DNSSEC}
	if len(c.DNS) > 0 {
		o.DNS = nil
	}
	for _, s := range c.DNS {
		server, err := nameServer(s)
		if err != nil {
			return nil, usagef("%w", err)
		}
		o.DNS = append(o.DNS, server)
	}
	return app.Resolver(o), nil
}
