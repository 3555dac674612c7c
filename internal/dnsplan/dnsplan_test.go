package dnsplan

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tem/internal/dns"
	"tem/internal/transport/sts"
)

const (
	testSPKI = "8d02536c887482bc34ff54e41d2ba659bf85b341a0a20afadb5813dcfbcf286d"
	edKey    = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

// rsaRecord is a DKIM record, as long as they are.
func rsaRecord(t *testing.T, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

func testSite() Site {
	return Site{
		Hostname:  "mail.hanoi.example",
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Services:  []Service{{"submissions", 465}, {"imaps", 993}, {"imap", 143}, {"pop3", 0}},
		SPKI:      testSPKI,
		STS:       sts.Testing,
	}
}

// publish is the zone of somebody who pasted the plan, and had the PTRs set.
func publish(t *testing.T, p Plan) []string {
	t.Helper()
	var b strings.Builder
	if err := p.WriteZone(&b, "en"); err != nil {
		t.Fatal(err)
	}
	lines := []string{dns.Signed("hanoi.example"), "hanoi.example. 300 SOA ns.hanoi.example. h.hanoi.example. 1 1 1 1 300"}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, "\n")
		if strings.Contains(line, " IN PTR ") {
			line = strings.TrimPrefix(line, "; ")
		}
		lines = append(lines, line)
	}
	return lines
}

func check(t *testing.T, p Plan, zone []string, fetch Fetch) []Finding {
	t.Helper()
	r, err := dns.ZoneResolver(zone...)
	if err != nil {
		t.Fatal(err)
	}
	return Check(t.Context(), p, r, fetch)
}

func shape(findings []Finding) (shapes []string) {
	for _, f := range findings {
		if f.State != OK {
			shapes = append(shapes, string(f.State)+" "+string(f.Purpose)+" "+string(f.Move))
		}
	}
	return shapes
}

func TestWhatWasPublishedIsFine(t *testing.T) {
	t.Parallel()
	site := testSite()
	site.STS = sts.Enforce
	p := Make(site, "hanoi.example", []Key{{"a", rsaRecord(t, 2048)}, {"b", edKey}})
	zone := publish(t, p)
	served := func(context.Context, string) (*sts.Policy, error) { return sts.Parse([]byte(p.Policy)) }
	if got := check(t, p, zone, served); len(shape(got)) > 0 || len(got) != len(p.Records)+1 {
		t.Errorf("%d findings, not ok: %q\nzone:\n%s", len(got), shape(got), strings.Join(zone, "\n"))
	}
}

func TestNothingPublished(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", []Key{{"a", edKey}})
	needed := []Purpose{ForMX, ForHost, ForReverse, ForHostSPF, ForSPF, ForDKIM, ForDMARC}
	for _, f := range check(t, p, nil, nil) {
		if needs := slices.Contains(needed, f.Purpose); needs != f.ToDo() || needs && f.State != Missing {
			t.Errorf("%s of %s: %s", f.Type, f.Name, f.State)
		}
		if f.State == Missing && f.Purpose == ForReverse && f.Move != HostingProvider {
			t.Errorf("the PTR is the move of %s", f.Move)
		}
	}
}

// replaced is a zone in which lines that contain old are replaced.
func replaced(zone []string, old string, lines ...string) (changed []string) {
	for _, l := range zone {
		if old == "" || !strings.Contains(l, old) {
			changed = append(changed, l)
		}
	}
	return append(changed, lines...)
}

func TestFindings(t *testing.T) {
	t.Parallel()
	weak := rsaRecord(t, 1024)
	p := Make(testSite(), "hanoi.example", []Key{{"a", edKey}, {"w", weak}})
	zone := publish(t, p)
	const h = "hanoi.example. "
	const weakKey = "advice dkim server-admin"
	for name, c := range map[string]struct {
		old   string // what is taken out
		lines []string
		want  []string
	}{
		"no MX":                 {" MX ", nil, []string{"missing mx dns-provider", "different spf dns-provider", "different spf dns-provider"}},
		"null MX":               {" MX ", []string{h + "MX 0 ."}, []string{"harmful mx dns-provider", "different spf dns-provider", "different spf dns-provider"}},
		"MX elsewhere":          {" MX ", []string{h + "MX 5 mx.other.example.", "mx.other.example. A 192.0.2.9"}, []string{"different mx dns-provider", "advice mx dns-provider", "different spf dns-provider", "different spf dns-provider"}},
		"MX to an address":      {"", []string{h + "MX 20 192.0.2.1."}, []string{"harmful mx dns-provider"}},
		"MX to an alias":        {"", []string{h + "MX 20 alias.hanoi.example.", "alias.hanoi.example. CNAME mail.hanoi.example."}, []string{"harmful mx dns-provider", "advice mx dns-provider"}},
		"MX to nothing":         {"", []string{h + "MX 20 gone.hanoi.example."}, []string{"harmful mx dns-provider"}},
		"another address":       {"", []string{"mail.hanoi.example. A 192.0.2.99"}, []string{"advice host dns-provider"}},
		"no reverse":            {"2.0.192.in-addr.arpa", nil, []string{"missing reverse hosting-provider"}},
		"other reverse":         {"2.0.192.in-addr.arpa", []string{"1.2.0.192.in-addr.arpa. PTR vps1.hosting.example."}, []string{"different reverse hosting-provider"}},
		"no SPF":                {"v=spf1 mx", nil, []string{"missing spf dns-provider"}},
		"two SPF":               {"", []string{h + `TXT "v=spf1 -all"`}, []string{"harmful spf dns-provider"}},
		"SPF +all":              {"v=spf1 mx", []string{h + `TXT "v=spf1 +all"`}, []string{"harmful spf dns-provider"}},
		"SPF all":               {"v=spf1 mx", []string{h + `TXT "v=spf1 mx all"`}, []string{"harmful spf dns-provider"}},
		"SPF ?all":              {"v=spf1 mx", []string{h + `TXT "v=spf1 mx ?all"`}, []string{"advice spf dns-provider"}},
		"SPF without IPv6":      {"v=spf1 mx", []string{h + `TXT "v=spf1 ip4:192.0.2.0/28 -all"`}, []string{"different spf dns-provider"}},
		"SPF by networks":       {"v=spf1 mx", []string{h + `TXT "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/32 ~all"`}, nil},
		"SPF by dual bits":      {"v=spf1 mx", []string{h + `TXT "v=spf1 a:near.example/24//64 -all"`, "near.example. A 192.0.2.200", "near.example. AAAA 2001:db8::99"}, nil},
		"SPF by include":        {"v=spf1 mx", []string{h + `TXT "v=spf1 include:inc.example -all"`, `inc.example. TXT "v=spf1 redirect=red.example"`, `red.example. TXT "v=spf1 a:mail.hanoi.example -all"`}, nil},
		"SPF broken include":    {"v=spf1 mx", []string{h + `TXT "v=spf1 mx include:none.example -all"`}, []string{"harmful spf dns-provider"}},
		"SPF loop":              {"v=spf1 mx", []string{h + `TXT "v=spf1 mx include:hanoi.example -all"`}, []string{"harmful spf dns-provider"}},
		"SPF eleven look-ups":   {"v=spf1 mx", []string{h + `TXT "v=spf1 mx` + strings.Repeat(" a:x.example", 10) + ` -all"`}, []string{"harmful spf dns-provider"}},
		"SPF ten look-ups":      {"v=spf1 mx", []string{h + `TXT "v=spf1 mx` + strings.Repeat(" a:x.example", 9) + ` -all"`}, nil},
		"no key":                {"a._domainkey", nil, []string{"missing dkim dns-provider"}},
		"another key":           {"a._domainkey", []string{`a._domainkey.` + h + `TXT "v=DKIM1; k=ed25519; p=AAAA"`}, []string{"harmful dkim dns-provider"}},
		"a key revoked":         {"a._domainkey", []string{`a._domainkey.` + h + `TXT "v=DKIM1; p="`}, []string{"harmful dkim dns-provider"}},
		"a key of another kind": {"a._domainkey", []string{`a._domainkey.` + h + `TXT "` + strings.Replace(edKey, "ed25519", "rsa", 1) + `"`}, []string{"harmful dkim dns-provider"}},
		"a key in test":         {"a._domainkey", []string{`a._domainkey.` + h + `TXT "` + edKey + `; t=y"`}, []string{"advice dkim dns-provider"}},
		"two keys at a name":    {"", []string{`a._domainkey.` + h + `TXT "v=DKIM1; p=AAAA"`}, []string{"harmful dkim dns-provider"}},
		"no DMARC":              {"v=DMARC1", nil, []string{"missing dmarc dns-provider"}},
		"DMARC none":            {"v=DMARC1", []string{"_dmarc." + h + `TXT "v=DMARC1; p=none; rua=mailto:a@hanoi.example"`}, []string{"advice dmarc dns-provider"}},
		"DMARC without p":       {"v=DMARC1", []string{"_dmarc." + h + `TXT "v=DMARC1; rua=mailto:a@hanoi.example"`}, []string{"different dmarc dns-provider"}},
		"two DMARC":             {"", []string{"_dmarc." + h + `TXT "v=DMARC1; p=none"`}, []string{"harmful dmarc dns-provider"}},
		"old policy id":         {"v=STSv1", []string{"_mta-sts." + h + `TXT "v=STSv1; id=20200101"`}, []string{"different mta-sts dns-provider"}},
		"other TLSRPT":          {"v=TLSRPTv1", []string{"_smtp._tls." + h + `TXT "v=TLSRPTv1; rua=https://example.com/r"`}, nil},
		"wrong TLSA":            {" TLSA ", []string{"_25._tcp.mail." + h + "TLSA 3 1 1 00ff"}, []string{"harmful dane dns-provider"}},
		"old and new TLSA":      {"", []string{"_25._tcp.mail." + h + "TLSA 3 1 1 00ff"}, nil},
		"TLSA, not signed":      {"DNSKEY", nil, []string{"advice dane dns-provider"}},
		"signed without TLSA":   {" TLSA ", nil, []string{"advice dane dns-provider"}},
		"service elsewhere":     {"_imaps._tcp", []string{"_imaps._tcp." + h + "SRV 0 1 993 other.example."}, []string{"different service dns-provider"}},
		"service said to be on": {"_pop3._tcp", []string{"_pop3._tcp." + h + "SRV 0 1 110 mail.hanoi.example."}, []string{"different service dns-provider"}},
		"policy host elsewhere": {"mta-sts.hanoi.example. 3600 IN CNAME", []string{"mta-sts." + h + "A 192.0.2.50"}, []string{"advice mta-sts-host dns-provider"}},
		"wildcard":              {"", []string{"*." + h + "MX 10 mail.hanoi.example."}, []string{"advice zone dns-provider"}},
		"wildcard of keys":      {"", []string{"*._domainkey." + h + `TXT "v=DKIM1; p="`}, []string{"advice zone dns-provider"}},
		"remembered for long":   {" SOA ", []string{h + "86400 SOA ns.hanoi.example. h.hanoi.example. 1 1 1 1 86400"}, []string{"advice zone dns-provider"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := shape(check(t, p, replaced(zone, c.old, c.lines...), nil))
			got = slices.DeleteFunc(got, func(s string) bool { return s == weakKey })
			if !slices.Equal(got, c.want) {
				t.Errorf("%q\nwant %q", got, c.want)
			}
		})
	}
	if got := shape(check(t, p, zone, nil)); !slices.Equal(got, []string{weakKey}) {
		t.Errorf("of a key of 1024 bits: %q", got)
	}
}

// An address of a family that the server does not have is told of.
func TestAddressOfAnotherFamily(t *testing.T) {
	t.Parallel()
	site := testSite()
	site.Addresses = site.Addresses[:1]
	p := Make(site, "hanoi.example", nil)
	zone := publish(t, p)
	if got := shape(check(t, p, zone, nil)); len(got) != 0 {
		t.Errorf("%q", got)
	}
	found := check(t, p, replaced(zone, "", "mail.hanoi.example. AAAA 2001:db8::99"), nil)
	i := slices.IndexFunc(found, func(f Finding) bool { return f.State == Advice && f.Type == "AAAA" })
	if i < 0 || !slices.Equal(found[i].Have, []string{"2001:db8::99"}) || found[i].Want != "" {
		t.Errorf("%+v", found)
	}
}

func TestPolicyFindings(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", nil)
	zone := publish(t, p)
	for name, c := range map[string]struct {
		policy *sts.Policy
		err    error
		want   []string
	}{
		"not to be had": {nil, errors.New("the web server answers 404"), []string{"missing mta-sts server-admin"}},
		"testing":       {&sts.Policy{Mode: sts.Testing, MX: []string{"mail.hanoi.example"}}, nil, []string{"advice mta-sts server-admin"}},
		"another MX":    {&sts.Policy{Mode: sts.Enforce, MX: []string{"mx.other.example"}}, nil, []string{"harmful mta-sts server-admin"}},
		"a wildcard":    {&sts.Policy{Mode: sts.Enforce, MX: []string{"*.hanoi.example"}}, nil, nil},
	} {
		fetch := func(context.Context, string) (*sts.Policy, error) { return c.policy, c.err }
		if got := shape(check(t, p, zone, fetch)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if c.err != nil {
			if got := shape(check(t, p, replaced(zone, "v=STSv1"), fetch)); !slices.Equal(got, []string{"advice mta-sts dns-provider"}) {
				t.Errorf("%s, nor announced: %q", name, got)
			}
		}
	}
}

func TestNoAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", []Key{{"a", edKey}})
	faults := dns.Faults{}
	for _, r := range p.Records {
		faults[r.Name] = dns.ServFail
	}
	s, err := faults.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range Check(t.Context(), p, dns.NewResolver(s.Address()), nil) {
		if f.State != Unknown || !f.ToDo() {
			t.Errorf("%s of %s: %s", f.Type, f.Name, f.State)
		}
	}
}

func TestHostWithoutKnownAddresses(t *testing.T) {
	t.Parallel()
	site := testSite()
	full := Make(site, "hanoi.example", nil)
	site.Addresses = nil
	p := Make(site, "hanoi.example", nil)
	zone := publish(t, full)
	if got := shape(check(t, p, zone, nil)); len(got) > 0 {
		t.Errorf("%q", got)
	}
	got := shape(check(t, p, replaced(zone, "ip6.arpa"), nil))
	if want := []string{"missing reverse hosting-provider"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEverythingIsSaidInBothLanguages(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", []Key{{"a", edKey}})
	for _, r := range p.Records {
		if r.Why.EN == "" || r.Why.VI == "" || r.Why.EN == r.Why.VI {
			t.Errorf("%s: %+v", r.Name, r.Why)
		}
	}
	for _, f := range check(t, p, nil, nil) {
		if f.Problem.EN == "" || f.Problem.VI == "" || strings.Contains(f.Problem.VI+f.Problem.EN, "%!") {
			t.Errorf("%s: %+v", f.Name, f.Problem)
		}
	}
	for _, lang := range []string{"en", "vi"} {
		var b strings.Builder
		if err := WriteFindings(&b, check(t, p, nil, nil), lang, func(s string) string { return s }); err != nil {
			t.Fatal(err)
		}
		if vi := strings.Contains(b.String(), "đến lượt"); vi != (lang == "vi") {
			t.Errorf("in %s:\n%s", lang, b.String())
		}
	}
}

func TestPolicyOfADomainAbove(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", nil)
	p.Records = slices.DeleteFunc(p.Records, func(r Record) bool { return r.Purpose != ForDMARC })
	p.Records[0].Name, p.Domain = "_dmarc.a.hanoi.example", "a.hanoi.example"
	zone := []string{`_dmarc.hanoi.example. TXT "v=DMARC1; p=reject"`}
	if got := shape(check(t, p, zone, nil)); !slices.Equal(got, []string{"advice dmarc dns-provider"}) {
		t.Errorf("%q", got)
	}
}

func TestPolicyID(t *testing.T) {
	t.Parallel()
	text, a := STSPolicy("mx.hanoi.example", sts.Testing)
	_, same := STSPolicy("mx.hanoi.example", sts.Testing)
	_, b := STSPolicy("mx.hanoi.example", sts.Enforce)
	_, c := STSPolicy("mx2.hanoi.example", sts.Testing)
	if a != same || a == b || a == c || len(a) > 32 {
		t.Errorf("ids %s %s %s %s", a, same, b, c)
	}
	if p, err := sts.Parse([]byte(text)); err != nil || !p.Matches("mx.hanoi.example") {
		t.Errorf("%q: %v", text, err)
	}
}

// TestNoPolicy: what is not to be published is neither planned nor missed.
func TestNoPolicy(t *testing.T) {
	t.Parallel()
	site := testSite()
	site.STS = ""
	p := Make(site, "hanoi.example", []Key{{"a", edKey}})
	if len(p.ZoneLines(ForSTS))+len(p.ZoneLines(ForSTSHost)) > 0 || p.Policy != "" || len(p.ZoneLines(ForDKIM)) != 1 {
		t.Errorf("%+v", p)
	}
	var b strings.Builder
	if err := p.WriteZone(&b, "en"); err != nil || strings.Contains(b.String(), "MTA-STS") {
		t.Errorf("%v\n%s", err, &b)
	}
	fetch := func(context.Context, string) (*sts.Policy, error) {
		t.Error("a policy is fetched")
		return nil, sts.ErrPolicy
	}
	for _, f := range check(t, p, publish(t, p), fetch) {
		if f.ToDo() {
			t.Errorf("%+v", f)
		}
	}
}

func TestPlanTravelsAsJSON(t *testing.T) {
	t.Parallel()
	p := Make(testSite(), "hanoi.example", []Key{{"a", edKey}})
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(back.Records, p.Records) || back.Policy != p.Policy {
		t.Errorf("%+v\nwant %+v", back, p)
	}
}

func FuzzSPF(f *testing.F) {
	f.Add("v=spf1 a:near.example/24//64 mx include:x.example redirect=hanoi.example")
	f.Add("v=spf1 - + ip4:/ ip6:::/ a/ mx//")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dns.ZoneResolver("hanoi.example. TXT "+QuoteText(text), "hanoi.example. A 192.0.2.1", "hanoi.example. MX 1 hanoi.example.")
		if err != nil {
			t.Fatalf("QuoteText(%q): %v", text, err)
		}
		records, err := spfRecords(t.Context(), r, "hanoi.example")
		if err != nil || len(records) == 0 {
			return
		}
		if records[0] != text {
			t.Fatalf("%q came back as %q", text, records[0])
		}
		w := &spfWalk{resolver: r}
		w.walk(t.Context(), records[0], true)
	})
}

func TestLongTextsAreSplit(t *testing.T) {
	t.Parallel()
	strs := strings.Split(strings.Trim(QuoteText(strings.Repeat("x", 600)), `"`), `" "`)
	if len(strs) != 3 || len(strs[0]) != 255 || len(strs[1]) != 255 || len(strs[2]) != 90 {
		t.Errorf("%d strings: %q", len(strs), strs)
	}
	if got, want := quote("a\"\\\x00é"), `"a\"\\\000\195\169"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
