package dns

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestCacheIsBoundedInOctets(t *testing.T) {
	t.Parallel()
	big := &dns.TXT{Hdr: dns.RR_Header{Name: "big.example.", Rrtype: dns.TypeTXT}}
	for range 200 {
		big.Txt = append(big.Txt, strings.Repeat("x", 255))
	}
	c := cache{now: time.Now}
	for i := range 2000 { // 100 MB
		c.put(question{fmt.Sprint(i), dns.TypeTXT}, answer{records: []dns.RR{big}, life: time.Minute})
	}
	sum := 0
	for _, e := range c.kept {
		sum += e.octets
	}
	if sum != c.octets || sum > cacheOctets || len(c.kept) < 100 {
		t.Errorf("%d answers of %d octets, counted as %d", len(c.kept), sum, c.octets)
	}
	for q := range c.kept {
		c.put(q, answer{life: time.Minute})
	}
	if want := len(c.kept) * entryOctets; c.octets < want || c.octets > want+5*len(c.kept) {
		t.Errorf("%d octets after all were replaced by small ones", c.octets)
	}
}

func BenchmarkRemembered(b *testing.B) {
	s, err := Serve("127.0.0.1:0", append(labZone, "long.hanoi.example. 3600 TXT v=spf1", "mail.hanoi.example. 3600 A 192.0.2.1")...)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	r := NewResolver(s.Address())
	ctx := b.Context()
	for name, look := range map[string]func() error{
		"A":             func() error { _, err := r.A(ctx, "mail.hanoi.example"); return err },
		"MX":            func() error { _, err := r.MX(ctx, "hanoi.example"); return err },
		"TXT":           func() error { _, err := r.TXT(ctx, "long.hanoi.example"); return err },
		"denied":        func() error { r.A(ctx, "1.2.0.192.list.hanoi.example"); return nil },
		"authenticated": func() error { _, err := r.Authenticated(ctx, KindMX, "hanoi.example"); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := look(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkZone(b *testing.B) {
	r, err := ZoneResolver(labZone...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.MX(b.Context(), "hanoi.example")
	}
}
