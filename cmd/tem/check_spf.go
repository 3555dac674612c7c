package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"tem/internal/dns"
	"tem/internal/trust/spf"
)

// CheckSPFCommand asks whether an address may send for a domain.
type CheckSPFCommand struct {
	IP   string `name:"ip" required:"" placeholder:"A" help:"Address of the client."`
	From string `required:"" placeholder:"S" help:"Sender of the envelope: name@domain; \"\" for the null path."`
	Helo string `placeholder:"H" help:"What the client called itself (default: the sender's domain)."`
	checkFlags
}

func (CheckSPFCommand) Help() string {
	return `Examples:
  tem check spf --ip 192.0.2.7 --from an@hanoi.example --helo mx.hanoi.example
  tem check spf --ip 2001:db8::7 --from an@hanoi.example --zone lesson.zone
  tem check spf --ip 192.0.2.7 --from "" --helo mx.hanoi.example --dns 127.0.0.1:5353 --json

Exit codes: 0 pass, neutral or none, 1 any other result, 2 a mistake in the command.`
}

// Run checks.
func (c *CheckSPFCommand) Run(ctx context.Context, std *streams) error {
	ip, err := clientAddress(c.IP, c.From)
	if err != nil {
		return usageError{err}
	}
	if c.From == "" && c.Helo == "" {
		return usageError{fmt.Errorf("--helo is needed with the null path: its domain is the one checked")}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		o := spf.Check(ctx, r, spfQuery(ip, c.Helo, c.From))
		rep.Check, rep.Verdict, rep.Reason = "spf", string(o.Result), o.Reason
		rep.Says = o.Explanation
		rep.spf(o)
		return nil
	})
}

// clientAddress reads --ip, and sees that --from is what stands between the brackets of MAIL FROM.
func clientAddress(ip, from string) (netip.Addr, error) {
	a, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return a, fmt.Errorf("--ip %s is not an address, such as 192.0.2.7 or 2001:db8::7", ip)
	case strings.ContainsAny(from, "<>"):
		return a, fmt.Errorf("--from %s: give the address without the brackets, as in an@hanoi.example", from)
	}
	return a, nil
}

func spfQuery(ip netip.Addr, helo, from string) spf.Query {
	if helo == "" {
		helo = from[strings.LastIndexByte(from, '@')+1:]
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // RFC 7208 §7.3
	}
	return spf.Query{IP: ip, Hello: helo, Sender: from, Receiver: host, Now: time.Now(), Detail: true}
}

// spf adds the steps of an SPF evaluation.
func (r *checkReport) spf(o spf.Outcome) {
	r.step("identity", "%s %s, domain %s, address %s", o.Identity, o.Sender, o.Domain, o.IP)
	if o.Record != "" {
		r.step("record of "+o.Domain, "%s", o.Record)
	}
	for _, s := range o.Steps {
		found := "no match"
		if s.Match {
			found = "match"
		}
		if s.Found != "" {
			found += " (" + s.Found + ")"
		}
		r.step(strings.Repeat("  ", s.Depth)+s.Domain+" "+s.Term, "%s", found)
	}
	if o.Explanation != "" {
		r.step("explanation of "+o.Domain, "%s", o.Explanation)
	}
	r.step("limits", "%d of 10 terms asked the DNS, %d of 2 look-ups found nothing", o.Lookups, o.Void)
	r.step("SPF", "%s: %s", o.Result, o.Reason)
}
