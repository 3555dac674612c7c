package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/dns"
	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/transport"
)

// CheckMXCommand looks at the servers that take a domain's mail.
type CheckMXCommand struct {
	exchangerFlags
	checkFlags
}

// exchangerFlags are those of checks of mail exchangers.
type exchangerFlags struct {
	Domain  string `arg:"" help:"The domain of the recipients."`
	Port    int    `default:"25" help:"Port of its mail servers."`
	Connect bool   `default:"true" negatable:"" help:"Connect to the servers; --no-connect asks the DNS only."`
	Roots   string `type:"path" placeholder:"FILE" help:"PEM file with the authorities to verify by (default: those of the system)."`
}

// settle sees that the flags can be used before anything is asked, and takes
// the domain in the form that the DNS has it, lower-case A-labels.
func (f *exchangerFlags) settle() error {
	d, err := address.Domain(strings.TrimSuffix(f.Domain, "."))
	if err != nil || strings.HasPrefix(d, "[") {
		return fmt.Errorf("%q is not a domain, such as hanoi.example: of an address, give what is behind the @", f.Domain)
	}
	f.Domain = d
	if f.Port < 1 || f.Port > 65535 {
		return fmt.Errorf("--port %d: it may be 1 to 65535", f.Port)
	}
	if _, err := f.roots(); err != nil {
		return fmt.Errorf("--roots: %w", err)
	}
	return nil
}

func (CheckMXCommand) Help() string {
	return `Examples:
  tem check mx hanoi.example
  tem check mx hanoi.example --no-connect --zone lesson.zone
  tem check mx hanoi.example --dns 127.0.0.1:5353 --port 1025 --json

Exit codes: 0 every server answers, or the domain says that it takes no mail, 1 any other result, 2 a mistake in the command.`
}

// Run checks.
func (c *CheckMXCommand) Run(ctx context.Context, std *streams) error {
	if err := c.settle(); err != nil {
		return usageError{err}
	}
	return c.run(ctx, std.out, func(ctx context.Context, r *dns.Resolver, rep *checkReport) error {
		rep.Check = "mx"
		hosts, ok := c.hosts(ctx, r, rep)
		if !ok {
			return nil
		}
		var errs []error
		for _, host := range hosts {
			if _, err := c.look(ctx, r, rep, host); err != nil {
				errs = append(errs, err)
			}
			c.remark(ctx, r, rep, host)
		}
		rep.Verdict, rep.Reason = c.verdict(hosts, errs)
		return nil
	})
}

// remark says what senders may take amiss in a host that MX records name.
func (c *CheckMXCommand) remark(ctx context.Context, r *dns.Resolver, rep *checkReport, host string) {
	if host == c.Domain { // without MX records it may be an alias (RFC 5321 §5.1)
		return
	}
	if target, err := r.CNAME(ctx, host); err == nil {
		rep.step("remark on "+host, "it is an alias (CNAME) of %s, and must not be (RFC 5321 §5.1, RFC 2181 §10.3): some senders do not follow it; let the MX record name %s", target, target)
	}
	addrs, err := r.Addresses(ctx, host)
	if err == nil && !slices.ContainsFunc(addrs, public) {
		rep.step("remark on "+host, "none of its addresses %v can be reached from the Internet: they are of this machine or of a private network", addrs)
	}
}

// public: senders elsewhere may reach the address.
func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }

// verdict sums up the hosts of a domain, of which some have errors.
func (c *CheckMXCommand) verdict(hosts []string, errs []error) (verdict, reason string) {
	answered := func(err error) bool { return !errors.Is(err, dns.ErrTemporary) }
	switch {
	case len(errs) == 0:
		return "pass", fmt.Sprintf("mail servers: %d, each can be used", len(hosts))
	case !slices.ContainsFunc(errs, answered):
		return "temperror", fmt.Sprintf("name servers don't say where %d of %d mail servers are", len(errs), len(hosts))
	case len(hosts) == 1 && strings.EqualFold(hosts[0], c.Domain) && errors.Is(errs[0], dns.ErrNotFound): // RFC 5321 §5.1
		return "fail", "neither a mail server of the domain nor the domain itself has an address"
	}
	return "fail", fmt.Sprintf("%d of %d mail servers can't be used", len(errs), len(hosts))
}

// hosts are the mail exchangers; without any the report has its verdict.
func (c *exchangerFlags) hosts(ctx context.Context, r *dns.Resolver, rep *checkReport) ([]string, bool) {
	remote := transport.Remote{Resolver: r}
	hosts, status := remote.Hosts(ctx, c.Domain)
	if len(hosts) > 0 {
		found := strings.Join(hosts, ", ")
		if found == c.Domain {
			found += " (the domain itself, as without MX records: RFC 5321 §5.1)"
		}
		rep.step("MX of "+c.Domain, "%s", found)
		return hosts, true
	}
	rep.step("MX of "+c.Domain, "%s", status)
	rep.Verdict, rep.Reason = "fail", status.Text
	switch {
	case status.Temporary():
		rep.Verdict = "temperror"
	case status.Code == (dsn.Code{5, 1, 10}):
		rep.Verdict = "none"
	}
	return nil, false
}

// look finds the addresses of a host and connects to the first that answers.
// Without connecting, nothing is seen and that is no error.
func (c *exchangerFlags) look(ctx context.Context, r *dns.Resolver, rep *checkReport, host string) (seen transport.Seen, err error) {
	addrs, err := r.Addresses(ctx, host)
	if err != nil {
		rep.step("addresses of "+host, "%v", err)
		return seen, err
	}
	if !c.Connect {
		rep.step("addresses of "+host, "%v", addrs)
		return seen, nil
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	for _, a := range addrs {
		address := net.JoinHostPort(a.String(), strconv.Itoa(c.Port))
		if seen, err = transport.Look(ctx, host, address, name); err == nil {
			rep.step(host+" ["+address+"]", "%s; %s; %s", seen.Greeting, strings.Join(seen.Extensions, ", "), c.tlsOf(seen.TLS, host))
			return seen, nil
		}
		rep.step(host+" ["+address+"]", "%v", err)
	}
	return seen, err
}

// tlsOf is what is to be said of a TLS session.
func (c *exchangerFlags) tlsOf(state *tls.ConnectionState, host string) string {
	if state == nil {
		return "no TLS"
	}
	text := line.TLSInfo(state) + ", certificate until " + state.PeerCertificates[0].NotAfter.Format(time.DateOnly)
	roots, err := c.roots()
	if err == nil {
		err = transport.Verify(state.PeerCertificates, host, roots)
	}
	if err != nil {
		return text + ", not verified: " + err.Error()
	}
	return text + ", verified"
}

func (c *exchangerFlags) roots() (*x509.CertPool, error) {
	if c.Roots == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Roots)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", c.Roots)
	}
	return pool, nil
}
