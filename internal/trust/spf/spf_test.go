package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tem/internal/dns"
)

func TestOutcomeTellsItsWay(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver(
		`hanoi.example. TXT "v=spf1 mx include:saigon.example -all"`, "hanoi.example. MX 10 mx.hanoi.example.", "mx.hanoi.example. A 192.0.2.1",
		`saigon.example. TXT "v=spf1 ?a:no.example ip4:198.51.100.0/24 -all"`,
	)
	if err != nil {
		t.Fatal(err)
	}
	o := Check(t.Context(), r, Query{IP: netip.MustParseAddr("198.51.100.9"), Sender: "an@hanoi.example", Detail: true})
	var b strings.Builder
	for _, s := range o.Steps {
		b.WriteString(strings.Repeat("  ", s.Depth) + s.Domain + " " + s.Term)
		if s.Match {
			b.WriteString(" yes")
		}
		b.WriteString(" [" + s.Found + "]\n")
	}
	const want = `hanoi.example mx [mx.hanoi.example: [192.0.2.1]]
hanoi.example include:saigon.example yes [saigon.example: pass]
  saigon.example ?a:no.example [no.example: []]
  saigon.example ip4:198.51.100.0/24 yes []
`
	if b.String() != want || o.Lookups != 3 || o.Void != 1 || o.Mechanism != "include:saigon.example" || o.Reason != "hanoi.example lets 198.51.100.9 send: it matches include:saigon.example" {
		t.Errorf("%+v\n%s", o, b.String())
	}
	if h := CheckHello(t.Context(), r, Query{IP: netip.MustParseAddr("192.0.2.1"), Hello: "hanoi.example", Sender: "x@y.example"}); h.Identity != "helo" || h.Result != Pass || h.Domain != "hanoi.example" {
		t.Errorf("%+v", h)
	}
}

func TestNoTimeIsNoFail(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver(`hanoi.example. TXT "v=spf1 -all"`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if o := Check(ctx, r, Query{IP: netip.MustParseAddr("192.0.2.1"), Sender: "an@hanoi.example"}); o.Result != TempError {
		t.Errorf("%+v", o)
	}
}

// The DNS has domains as A-labels, and nothing for a local part in UTF-8 (RFC 8616 §4).
func TestSenderInUTF8(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver(`xn--bcher-kva.example. TXT "v=spf1 exists:%{l}.%{d} a:%{h} include:%{s} -all"`, "*.xn--bcher-kva.example. A 192.0.2.1", "mx.xn--bcher-kva.example. A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{Sender: "an@bücher.example", Hello: "mx.bücher.example"}, "pass +exists an@xn--bcher-kva.example"},
		{Query{Sender: "ấn@BÜCHER.example", Hello: "mx.bücher.example"}, "pass +a ấn@xn--bcher-kva.example"},
		{Query{Sender: "ấn@bücher.example", Hello: "elsewhere.example"}, "fail -all ấn@xn--bcher-kva.example"},
	} {
		c.q.IP = netip.MustParseAddr("192.0.2.1")
		o := Check(t.Context(), r, c.q)
		qualified := o.Mechanism
		if o.Result == Pass {
			qualified = "+" + o.Mechanism
		}
		name, _, _ := strings.Cut(qualified, ":")
		if got := string(o.Result) + " " + name + " " + o.Sender; got != c.want || o.Domain != "xn--bcher-kva.example" {
			t.Errorf("%+v: %s, want %s: %s", c.q, got, c.want, o.Reason)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"v=spf1 a:%{d2r}/24//64 mx ptr:x.example exists:%{i}.%{L1r-+}.e.example -all", "v=spf1 include:r.example redirect=%{d}.example exp=%{o}.example",
		"v=spf1 ip4:1.2.3.4/0 ip6:::1/0 ?all", "v=spf1 %%{} x=%{"} {
		f.Add(s, "a.b@r.example", "::1")
	}
	f.Fuzz(func(t *testing.T, txt, from, ip string) {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return
		}
		r, err := dns.ZoneResolver("r.example. TXT "+quote([]string{txt}), "r.example. MX 1 r.example.", "r.example. A 1.2.3.4", "r.example. AAAA ::1")
		if err != nil {
			return
		}
		o := Check(t.Context(), r, Query{IP: addr, Hello: "h", Sender: from, Now: time.Unix(1, 0), Detail: true})
		if o.Result == "" || o.Reason == "" || o.Lookups > maxLookups || o.Void > maxVoid+1 || len(o.Steps) > 2000 {
			t.Errorf("%+v", o)
		}
		if strings.ContainsAny(o.Explanation, "\r\n\x00") {
			t.Errorf("%q", o.Explanation)
		}
	})
}

// TestClientIsNamedOnce: a record that asks for the client's name over and over
// makes us ask no oftener; its owner can have answers forgotten at once.
func TestClientIsNamedOnce(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver(`hanoi.example. TXT "v=spf1 exists:`+strings.Repeat("%{p1}", 40)+`.x.example -all exp=why.example"`,
		`why.example. TXT "`+strings.Repeat("%{p}", 40)+`"`, "1.2.0.192.in-addr.arpa. PTR mx.x.example.", "mx.x.example. A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	ctx := dns.WithTrace(t.Context(), func(s dns.Step) {
		if s.Kind == dns.KindPTR {
			asked++
		}
	})
	o := Check(ctx, r, Query{IP: netip.MustParseAddr("192.0.2.1"), Sender: "an@hanoi.example"})
	if o.Result != Fail || !strings.HasPrefix(o.Explanation, "mx.x.examplemx.x.example") || asked != 1 {
		t.Errorf("asked %d times: %+v", asked, o)
	}
}
