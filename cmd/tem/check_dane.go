package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tem/internal/dns"
	"tem/internal/transport/dane"
)

// CheckDANECommand compares the keys of a domain's mail servers with what it publishes of them under DNSSEC.
type CheckDANECommand struct {
	exchangerFlags
	checkFlags
}

func (CheckDANECommand) Help() string {
	return `Examples:
  tem check dane hanoi.example
  tem check dane hanoi.example --no-connect --zone lesson.zone     a zone with a DNSKEY counts as signed
  tem check dane hanoi.example --dns 127.0.0.1:5353 --port 1025 --json

The name server must check DNSSEC, and its word counts only if it is on this machine.
Exit codes: 0 pass or none, 1 any other result, 2 a mistake in the command.`
}

// Run checks (RFC 7672 §2).
func (c *CheckDANECommand) Run(ctx context.Context, std *streams) error {
	if err := c.settle(); err != nil {
		return usageError{err}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		rep.Check = "dane"
		hosts, ok := c.hosts(ctx, r, rep)
		if !ok {
			return nil
		}
		secure, err := r.Authenticated(ctx, dns.KindMX, c.Domain)
		rep.step("DNSSEC of "+c.Domain, "%s", authenticity(secure, err))
		if !secure {
			rep.Verdict, rep.Reason = "none", "the MX records of "+c.Domain+" are not authenticated, so DANE does not count"
			return nil
		}
		rep.Verdict, rep.Reason = "none", "no mail server has TLSA records"
		bare := ""
		for _, host := range hosts {
			verdict, reason := c.host(ctx, r, rep, host)
			if verdict == "none" {
				bare = reason
			}
			if worseVerdict(verdict, rep.Verdict) {
				rep.Verdict, rep.Reason = verdict, reason
			}
		}
		if rep.Verdict == "pass" && bare != "" { // RFC 7672 §2.2.1: each server stands for itself, and who blocks one leads mail to the next
			rep.Verdict, rep.Reason = "neutral", bare+", while others have keys that count"
		}
		return nil
	})
}

// host is the verdict on one mail exchanger.
func (c *CheckDANECommand) host(ctx context.Context, r *dns.Resolver, rep *checkReport, host string) (verdict, reason string) {
	four, err4 := r.Authenticated(ctx, dns.KindA, host)
	six, err6 := r.Authenticated(ctx, dns.KindAAAA, host)
	rep.step("DNSSEC of "+host, "%s", authenticity(four || six, errors.Join(err4, err6)))
	if !four && !six {
		return "none", "the addresses of " + host + " are not authenticated"
	}
	records, err := r.TLSA(ctx, dane.Name(host))
	if errors.Is(err, dns.ErrNotFound) {
		rep.step("TLSA of "+host, "there are none")
		return "none", host + " has no TLSA records"
	}
	if err != nil {
		rep.step("TLSA of "+host, "%v", err)
		return "temperror", "the TLSA records of " + host + " can't be had, so it must not be used"
	}
	if secure, err := r.Authenticated(ctx, dns.KindTLSA, dane.Name(host)); !secure {
		rep.step("TLSA of "+host, "%s", authenticity(secure, err))
		return "none", "the TLSA records of " + host + " are not authenticated"
	}
	usable := dane.Usable(records)
	rep.step("TLSA of "+host, "%d records, %d of them usable for mail", len(records), len(usable))
	return c.match(ctx, r, rep, host, usable)
}

// match compares the records with what the server shows.
func (c *CheckDANECommand) match(ctx context.Context, r *dns.Resolver, rep *checkReport, host string, usable []dns.TLSA) (verdict, reason string) {
	seen, err := c.look(ctx, r, rep, host)
	switch {
	case err != nil:
		return "fail", host + " can't be reached"
	case !c.Connect:
		return "pass", host + " has usable records; what it shows was not looked at"
	case seen.TLS == nil:
		return "fail", host + " does not offer TLS, which its TLSA records promise"
	case len(usable) == 0:
		return "pass", host + " has TLS; its TLSA records name no key that counts"
	}
	if err := dane.Verify(seen.TLS.PeerCertificates, usable, []string{host, c.Domain}, time.Now()); err != nil {
		rep.step("certificate of "+host, "%v", err)
		return "fail", "no TLSA record fits the certificate of " + host
	}
	rep.step("certificate of "+host, "a TLSA record fits")
	return "pass", "the certificate of every mail server with TLSA records fits"
}

func authenticity(secure bool, err error) string {
	switch {
	case secure:
		return "authenticated"
	case err != nil:
		return fmt.Sprintf("not known: %v", err)
	}
	return "not authenticated"
}

// worseVerdict: a host's verdict counts before those of the hosts so far.
func worseVerdict(new, old string) bool {
	order := map[string]int{"none": 0, "pass": 1, "temperror": 2, "fail": 3}
	return order[new] > order[old]
}
