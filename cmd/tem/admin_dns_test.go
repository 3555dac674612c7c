package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/directory"
	"tem/internal/dnsplan"
	"tem/internal/transport/sts"
)

func newDNSHost(t *testing.T) *adminHost {
	t.Helper()
	h := newAdminHost(t)
	h.s.Site = func(context.Context) (dnsplan.Site, error) {
		return dnsplan.Site{
			Hostname: "mail.hanoi.example", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
			Services: []dnsplan.Service{{Name: "imaps", Port: 993}, {Name: "pop3", Port: 0}}, STS: sts.Enforce,
		}, nil
	}
	if code := h.run("", "domain", "add", "hanoi.example", "--data", h.dir); code != 0 {
		t.Fatalf("exit %d: %s", code, &h.err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.Directory.AddKeys(t.Context(), "hanoi.example", directory.NewKey{Selector: "s1", Private: key, State: directory.KeyActive}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestDNSRecords(t *testing.T) {
	t.Parallel()
	h := newDNSHost(t)
	if code := h.run("", "dns", "records", "Hanoi.Example", "--data", h.dir, "--lang", "en", "--address", "198.51.100.7"); code != 0 {
		t.Fatalf("exit %d: %s", code, &h.err)
	}
	for _, want := range []string{
		"\nmail.hanoi.example. 3600 IN A 198.51.100.7\n",
		"\n; 7.100.51.198.in-addr.arpa. 3600 IN PTR mail.hanoi.example.\n",
		"\n_imaps._tcp.hanoi.example. 3600 IN SRV 0 1 993 mail.hanoi.example.\n",
		"\n_pop3._tcp.hanoi.example. 3600 IN SRV 0 0 0 .\n",
		"\ns1._domainkey.hanoi.example. 3600 IN TXT \"v=DKIM1; k=rsa;",
		`" "`, // strings of 255 octets
	} {
		if !strings.Contains(h.out.String(), want) {
			t.Errorf("no %q in\n%s", want, &h.out)
		}
	}
	if code := h.run("", "dns", "records", "hanoi.example", "--data", h.dir, "--json"); code != 0 {
		t.Fatalf("exit %d: %s", code, &h.err)
	}
	var plan dnsplan.Plan
	if err := json.Unmarshal(h.out.Bytes(), &plan); err != nil || len(plan.Records) == 0 || plan.Policy == "" {
		t.Errorf("%v\n%s", err, &h.out)
	}
	for flag, mode := range map[string]string{"--mta-sts=testing": "testing", "--mta-sts=": "enforce"} { // the configuration says so, unless the flag does
		h.run("", "dns", "records", "hanoi.example", "--data", h.dir, flag)
		if _, id := dnsplan.STSPolicy("mail.hanoi.example", sts.Mode(mode)); !strings.Contains(h.out.String(), "mode: "+mode) || !strings.Contains(h.out.String(), id) {
			t.Errorf("%s: want %s and id %s in\n%s%s", flag, mode, id, &h.out, &h.err)
		}
	}
	if code := h.run("", "dns", "records", "elsewhere.example", "--data", h.dir); code != exitNotFound {
		t.Errorf("of a domain that is not here: exit %d", code)
	}
	h.s.Site = nil
	if code := h.run("", "dns", "records", "hanoi.example", "--data", h.dir); code != exitFailure || !strings.Contains(h.err.String(), "--config") {
		t.Errorf("without a configuration: exit %d, %s", code, &h.err)
	}
}

func TestDNSCheck(t *testing.T) {
	t.Parallel()
	h := newDNSHost(t)
	h.run("", "dns", "records", "hanoi.example", "--data", h.dir)
	zone := filepath.Join(t.TempDir(), "zone")
	write := func(text string) {
		if err := os.WriteFile(zone, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	records := h.out.String()
	write(records)
	if code := h.run("", "dns", "check", "hanoi.example", "--data", h.dir, "--zone", zone, "--lang", "en"); code != exitFailure || !strings.Contains(h.out.String(), "missing    PTR   1.2.0.192.in-addr.arpa") {
		t.Errorf("without the PTR: exit %d\n%s%s", code, &h.out, &h.err)
	}
	write(strings.ReplaceAll(records, "; 1.2.0", "1.2.0"))
	if code := h.run("", "dns", "check", "hanoi.example", "--data", h.dir, "--zone", zone, "--json"); code != 0 {
		t.Errorf("with everything: exit %d\n%s%s", code, &h.out, &h.err)
	}
	var findings []dnsplan.Finding
	if err := json.Unmarshal(h.out.Bytes(), &findings); err != nil || len(findings) < 10 {
		t.Errorf("%v\n%s", err, &h.out)
	}
	for _, args := range [][]string{{"--zone", zone + ".none"}, {"--dns", "ns.example"}} {
		args = append([]string{"dns", "check", "hanoi.example", "--data", h.dir}, args...)
		if code := h.run("", args...); code != exitUsage {
			t.Errorf("%q: exit %d, %s", args, code, &h.err)
		}
	}
}
