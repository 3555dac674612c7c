package dmarc

import (
	"fmt"
	"strings"
	"testing"

	"tem/internal/dns"
)

var zone = []string{
	`_dmarc.hanoi.example. TXT "v=DMARC1; p=reject; sp=quarantine; np=reject; rua=mailto:d@reports.example"`,
	"there.hanoi.example. A 192.0.2.1",
	`_dmarc.strict.example. TXT "v=DMARC1;p=quarantine;adkim=s;aspf=S;pct=0"`,
	`_dmarc.test.example. TXT "v=DMARC1; p=reject; t=y"`,
	`_dmarc.gov. TXT "v=DMARC1; p=none; sp=reject; psd=y"`,
	"tax.gov. A 192.0.2.1",
	`_dmarc.gov.state. TXT "v=DMARC1; p=reject; psd=y"`, `_dmarc.state. TXT "v=DMARC1; p=none"`,
	`_dmarc.own.hanoi.example. TXT "v=DMARC1; p=none; psd=n"`,
	`_dmarc.two.example. TXT "v=DMARC1; p=reject"`, `_dmarc.two.example. TXT "v=DMARC1; p=none"`,
	`_dmarc.bad.example. TXT "v=DMARC1; p=refuse"`,
	`_dmarc.badrua.example. TXT "v=DMARC1; p=refuse; rua=mailto:a@b.example"`,
	`hanoi.example._report._dmarc.reports.example. TXT "v=DMARC1; rua=mailto:other@reports.example,mailto:x@elsewhere.example"`,
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver(zone...)
	if err != nil {
		t.Fatal(err)
	}
	dkim := func(domain string) []Identifier { return []Identifier{{"dkim", domain, true, false}} }
	for _, c := range []struct {
		from string
		ids  []Identifier
		want string // value policy tag apply
	}{
		{"hanoi.example", dkim("hanoi.example"), "pass reject p none"},
		{"hanoi.example", dkim("mail.hanoi.example"), "pass reject p none"},
		{"hanoi.example", dkim("saigon.example"), "fail reject p reject"},
		{"hanoi.example", dkim("badhanoi.example"), "fail reject p reject"},
		{"hanoi.example", dkim("x.own.hanoi.example"), "fail reject p reject"}, // psd=n makes it another organization
		{"hanoi.example", []Identifier{{"spf", "hanoi.example", false, false}}, "fail reject p reject"},
		{"hanoi.example", []Identifier{{"spf", "hanoi.example", false, true}}, "temperror reject p none"},
		{"hanoi.example", []Identifier{{"spf", "saigon.example", false, true}}, "fail reject p reject"},
		{"there.hanoi.example", nil, "fail quarantine sp quarantine"},
		{"gone.hanoi.example", nil, "fail reject np reject"},
		{"gone.hanoi.example", dkim("hanoi.example"), "pass reject np none"},
		{"strict.example", dkim("mail.strict.example"), "fail quarantine p quarantine"},
		{"strict.example", dkim("strict.example"), "pass quarantine p none"},
		{"test.example", nil, "fail reject p none"},
		{"tax.gov", nil, "fail reject sp reject"},
		{"tax.gov", dkim("mail.tax.gov"), "pass reject sp none"},
		{"tax.gov", dkim("other.gov"), "fail reject sp reject"},
		{"gov.state", dkim("gov.state"), "pass reject p none"},
		{"gov.state", dkim("shop.state"), "fail reject p reject"}, // a public suffix is no part of what is above it
		{"tax.gov.state", dkim("shop.state"), "fail reject p reject"},
		{"two.example", nil, "none   none"},
		{"bad.example", nil, "permerror   none"},
		{"badrua.example", nil, "fail none p none"},
		{"nothing.example", dkim("nothing.example"), "none   none"},
	} {
		res := Discover(t.Context(), r, c.from).Evaluate(t.Context(), r, c.ids)
		if got := fmt.Sprintf("%s %s %s %s", res.Value, res.Policy, res.Tag, res.Apply); got != c.want || res.Reason == "" {
			t.Errorf("%s %v: %s, want %s: %+v", c.from, c.ids, got, c.want, res)
		}
	}
}

func TestWalkIsBounded(t *testing.T) {
	t.Parallel()
	var got []string
	for at := "a.b.c.d.e.f.g.h.i.j.mail.example.com"; at != ""; at = above(at) {
		got = append(got, at)
	}
	const want = "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com"
	if strings.Join(got, " ") != want { // RFC 9989 §4.10
		t.Errorf("%s", got)
	}
	n := 0
	for at := "b.c.d.e.f.mail.example.com"; at != ""; at = above(at) {
		n++
	}
	if n != maxQueries {
		t.Errorf("%d questions for 8 labels", n)
	}
}

func TestSilenceIsNoFail(t *testing.T) {
	t.Parallel()
	s, err := dns.Faults{"_dmarc.example": dns.ServFail, "_dmarc.broken.test": dns.ServFail}.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := dns.NewResolver(s.Address())
	for _, c := range []struct {
		from string
		id   Identifier
		want Value
	}{
		{"broken.test", Identifier{"dkim", "broken.test", true, false}, TempError},
		{"hanoi.example", Identifier{"dkim", "hanoi.example", true, false}, Pass}, // equal names need no walk
		{"hanoi.example", Identifier{"dkim", "mail.hanoi.example", true, false}, TempError},
	} {
		if res := Discover(t.Context(), r, c.from).Evaluate(t.Context(), r, []Identifier{c.id}); res.Value != c.want || res.Apply != PolicyNone {
			t.Errorf("%s: %+v", c.from, res)
		}
	}
}

func TestAuthor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fields []string
		want   string
		value  Value
	}{
		{[]string{"An <an@Hanoi.Example>"}, "hanoi.example", ""},
		{[]string{`"x@bad.example" <an@hanoi.example>`}, "hanoi.example", ""},
		{[]string{"an@bücher.example"}, "xn--bcher-kva.example", ""},
		{[]string{"an@hanoi (x) .example"}, "hanoi.example", ""}, {[]string{"an @ (x) hanoi. (y)\r\n example (An)"}, "hanoi.example", ""}, // comments and folds tie, they do not end
		{[]string{"a@x.example, b@X.example"}, "x.example", ""},
		{[]string{"a@x.example, b@y.example"}, "", None},
		// What programs show as a name is not the author, and nothing hides behind what is.
		{[]string{"a@bad.example <an@hanoi.example>"}, "hanoi.example", ""},
		{[]string{`a@bad.example "x" <an@hanoi.example>`}, "hanoi.example", ""},
		{[]string{"<a@bad.example> <an@hanoi.example>"}, "", None},
		{[]string{"<a@bad.example> an@hanoi.example"}, "", None},
		{[]string{"an@hanoi.example a@bad.example"}, "", None},
		{[]string{"a@bad.example:an@hanoi.example"}, "", None},
		{[]string{"<an@hanoi.example\x00@bad.example>"}, "", PermError},
		{[]string{"a@x.example", "a@x.example"}, "", PermError},
		{nil, "", PermError}, {[]string{""}, "", PermError}, {[]string{"a@[192.0.2.1]"}, "", PermError}, {[]string{"an"}, "", PermError},
	} {
		got, res := Author(c.fields)
		if got != c.want || (res == nil) != (c.value == "") || res != nil && res.Value != c.value {
			t.Errorf("%q: %q %+v", c.fields, got, res)
		}
	}
}

func TestTakesReports(t *testing.T) {
	t.Parallel()
	r, _ := dns.ZoneResolver(zone...)
	for _, c := range []struct {
		policy, to, want string
	}{
		{"hanoi.example", "reports.example", "true [mailto:other@reports.example]"},
		{"hanoi.example", "mail.hanoi.example", "true []"},
		{"hanoi.example", "own.hanoi.example", "false []"},
		{"hanoi.example", "saigon.example", "false []"},
	} {
		ok, instead, err := TakesReports(t.Context(), r, c.policy, c.to)
		if got := fmt.Sprint(ok, " ", instead); got != c.want || err != nil {
			t.Errorf("%s to %s: %s %v", c.policy, c.to, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r, err := Parse("v=DMARC1; rua=mailto:a@x.example!10m, mailto:b@x.example!500,mailto:c@x.example,mailto:d@x.example!9999999t,mailto:e@x.example!m,mailto:f@x.example!2K")
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(len(r.RUA), " ", r.Limits); got != "6 map[mailto:a@x.example:10485760 mailto:b@x.example:500 mailto:f@x.example:2048]" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; aspf=r; rua=mailto:a@b!10m,mailto:c@d; ruf=x; fo=1:d:s; psd=y; t=y; pct=50")
	f.Add("V = DMARC1 ;p")
	f.Fuzz(func(t *testing.T, txt string) {
		r, err := Parse(txt)
		if (r == nil) != (err != nil) {
			t.Fatalf("%+v, %v", r, err)
		}
		if r != nil && (r.P != PolicyNone && r.P != Quarantine && r.P != Reject || len(r.RUA) > maxURIs) {
			t.Errorf("%+v", r)
		}
	})
}
