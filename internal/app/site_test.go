package app

import (
	"net/netip"
	"slices"
	"testing"

	"tem/internal/config"
	"tem/internal/dnsplan"
)

func TestSite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, err := openAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Hostname = "mail.hanoi.example"
	c.Listen.SMTP = []string{"192.0.2.1:25", "10.0.0.1:25", "127.0.0.1:25", "[2001:db8::1]:25"}
	c.Listen.POP3 = nil
	c.Listen.IMAPS = []string{":1993"}
	if c.TLS.Cert, c.TLS.Key, err = ca.Issue(dir, c.Hostname); err != nil {
		t.Fatal(err)
	}
	s, err := siteOf(c, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}; !slices.Equal(s.Addresses, want) {
		t.Errorf("addresses %v, want %v", s.Addresses, want)
	}
	for _, want := range []dnsplan.Service{{Name: "imaps", Port: 1993}, {Name: "pop3", Port: 0}, {Name: "submission", Port: 587}} {
		if !slices.Contains(s.Services, want) {
			t.Errorf("no %v in %v", want, s.Services)
		}
	}
	if len(s.SPKI) != 64 || s.DNSSEC != "loopback" {
		t.Errorf("%+v", s)
	}
	c.TLS = config.TLS{}
	s, err = siteOf(c, nil)(t.Context())
	if err != nil || s.SPKI != "" || slices.ContainsFunc(s.Services, func(s dnsplan.Service) bool { return s.Port != 0 }) {
		t.Errorf("without TLS: %+v, %v", s, err)
	}
}
