package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tem/internal/config"
	"tem/internal/control"
	"tem/internal/dnsplan"
	"tem/internal/transport/sts"
	"tem/internal/webserver"
)

// get asks the office's web server for a path at a name.
func (o *office) get(t *testing.T, host, path string) (code int, text string) {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(o.ca.cert)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, o.Addresses()["https"].String())
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
	ok(t, err)
	reply, err := client.Do(r)
	ok(t, err)
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	ok(t, err)
	return reply.StatusCode, string(body)
}

// TestWeb: the policy that is served is the one whose id is to be published.
func TestWeb(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	code, text := o.get(t, "mta-sts.hanoi.example", "/.well-known/mta-sts.txt")
	plan, err := o.service.PlanDNS(t.Context(), control.DNSPlan{Domain: "hanoi.example"})
	if err != nil || code != 200 || text != plan.Policy || !plan.Site.Web || len(plan.ZoneLines(dnsplan.ForSTS)) != 1 {
		t.Errorf("%d %q; to be published: %q, %+v, %v", code, text, plan.Policy, plan.Site, err)
	}
	if _, id := dnsplan.STSPolicy("localhost", sts.Testing); !strings.Contains(plan.ZoneLines(dnsplan.ForSTS)[0], id) {
		t.Errorf("the id %s is not in %q", id, plan.ZoneLines(dnsplan.ForSTS))
	}
	if code, _ := o.get(t, "mta-sts.saigon.example", "/.well-known/mta-sts.txt"); code != 404 {
		t.Errorf("of a domain that is not here: %d", code)
	}
	code, text = o.get(t, "autoconfig.hanoi.example", "/mail/config-v1.1.xml?emailaddress=an@hanoi.example")
	if code != 200 || strings.Count(text, "<hostname>localhost</hostname>") != 0 {
		t.Errorf("ports of which the number is not known: %d %s", code, text)
	}
	if code, text = o.get(t, "localhost", "/?lang=vi&emailaddress=an@hanoi.example"); code != 200 || !strings.Contains(text, "<dd>an@hanoi.example</dd>") {
		t.Errorf("the page of settings: %d %s", code, text)
	}
}

// TestEnsureDomain: a town of an older localserve gets keys, and keeps them.
func TestEnsureDomain(t *testing.T) {
	t.Parallel()
	o := newOffice(t) // its domain has none
	for _, domain := range []string{"hanoi.example", "saigon.example"} {
		var kept []string
		for range 2 {
			ok(t, o.ensureDomain(t.Context(), domain))
			list, err := o.service.ListKeys(t.Context(), control.Domain{Name: domain})
			ok(t, err)
			var records []string
			for _, k := range list.Keys {
				records = append(records, k.Record)
			}
			if len(records) != 2 || kept != nil && !slices.Equal(kept, records) {
				t.Errorf("%s: %q, before %q", domain, records, kept)
			}
			kept = records
		}
	}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	l := config.Default().Listen
	l.POP3, l.POP3S, l.IMAP = nil, nil, []string{"127.0.0.1:1143"}
	want := []webserver.Service{{Kind: "smtp", Port: 465, Implicit: true}, {Kind: "smtp", Port: 587}, {Kind: "imap", Port: 993, Implicit: true}, {Kind: "imap", Port: 1143}}
	if got := programs(services(l, true)); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestIssue: a certificate is made anew when it lacks a name, and only then.
func TestIssue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, err := openAuthority(dir)
	ok(t, err)
	shown := func(names ...string) *x509.Certificate {
		certFile, keyFile, err := ca.Issue(dir, names...)
		ok(t, err)
		cert, _, err := readPair(certFile, keyFile)
		ok(t, err)
		return cert
	}
	old := shown("mail.hanoi.example")
	if !shown("mail.hanoi.example").Equal(old) {
		t.Error("made anew for the same name")
	}
	more := shown("mail.hanoi.example", "mta-sts.hanoi.example")
	if more.Equal(old) || more.VerifyHostname("mta-sts.hanoi.example") != nil || more.VerifyHostname("mail.hanoi.example") != nil {
		t.Errorf("for more names: %q", more.DNSNames)
	}
}
