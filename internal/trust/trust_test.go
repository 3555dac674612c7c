package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/dns"
	"tem/internal/message/authres"
	"tem/internal/trust/arc"
	"tem/internal/trust/dkim"
)

const letter = "From: An <an@hanoi.example>\r\nTo: binh@saigon.example\r\nSubject: hi\r\nDate: Fri, 02 Jan 2026 03:04:05 +0700\r\n\r\nHello\r\n"

var zone = []string{
	`hanoi.example. TXT "v=spf1 ip4:192.0.2.1 -all"`, `_dmarc.hanoi.example. TXT "v=DMARC1; p=reject"`,
	`soft.example. TXT "v=spf1 ip4:192.0.2.1 -all"`, `_dmarc.soft.example. TXT "v=DMARC1; p=quarantine"`,
	`none.example. TXT "v=spf1 ip4:192.0.2.1 -all exp=why.none.example"`, `why.none.example. TXT "go away"`,
	`long.example. TXT "v=spf1 -all exp=why.long.example"`, "why.long.example. TXT " + strings.Repeat(` "`+strings.Repeat("x", 200)+`"`, 3),
	"1.2.0.192.in-addr.arpa. PTR mx.hanoi.example.", "mx.hanoi.example. A 192.0.2.1",
	"66.100.51.198.bl.example. A 127.0.0.2", `66.100.51.198.bl.example. TXT "spam trap"`,
	"67.100.51.198.bl.example. A 127.0.0.2", "67.100.51.198.good.example. A 127.0.9.1",
}

// signing makes a key whose record is added to the records.
func signing(t testing.TB, domain string, records *[]string) dkim.Key {
	t.Helper()
	key, err := dkim.GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	text, err := dkim.Record(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	*records = append(*records, fmt.Sprintf("s._domainkey.%s. TXT %q", domain, text))
	return dkim.Key{Domain: domain, Selector: "s", Signer: crypto.Signer(key)}
}

func signed(t testing.TB, key dkim.Key, text string) string {
	t.Helper()
	m := dkim.NewMessage()
	s, err := dkim.NewSigning(m, []dkim.Key{key}, dkim.SigningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Write([]byte(text))
	m.Close()
	fields, err := s.Fields()
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

func judged(t testing.TB, j *Judge, c Client, from, text string) *Verdict {
	t.Helper()
	e := j.Visit(t.Context(), c).From(t.Context(), from)
	e.Write([]byte(text))
	return e.Verdict(t.Context())
}

var rules = Options{Hostname: "mx.saigon.example", EnforceDMARC: true, SPFFail: Reject, TrustedSealers: []string{"list.example"},
	Lists:           []List{{Zone: "bl.example", Action: Reject}, {Zone: "good.example", Allow: true}},
	TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}

func client(ip string) Client {
	return Client{Addr: netip.MustParseAddr(ip), Hello: "mx.hanoi.example"}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	records := append([]string(nil), zone...)
	key := signing(t, "hanoi.example", &records)
	r, err := dns.ZoneResolver(records...)
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(r, rules)
	soft := strings.Replace(letter, "hanoi.example", "soft.example", 1)
	none := strings.Replace(letter, "hanoi.example", "none.example", 1)
	for name, c := range map[string]struct {
		ip, from, text string
		action         Action
		status         string
		dmarc          string
	}{
		"by SPF":          {"192.0.2.1", "an@hanoi.example", letter, Accept, "250 2.0.0", "pass"},
		"by signature":    {"198.51.100.1", "x@other.example", signed(t, key, letter), Accept, "250 2.0.0", "pass"},
		"changed":         {"198.51.100.1", "x@other.example", signed(t, key, letter) + "more\r\n", Reject, "550 5.7.1 refused by the DMARC policy of hanoi.example", "fail"},
		"forged":          {"198.51.100.1", "an@hanoi.example", letter, Reject, "550 5.7.1", "fail"},
		"quarantined":     {"198.51.100.1", "an@soft.example", soft, Quarantine, "250 2.0.0", "fail"},
		"SPF alone":       {"198.51.100.1", "an@none.example", none, Reject, "550 5.7.23 SPF: none.example says that 198.51.100.1 may not send for it: -all; none.example explains: go away", "none"},
		"long words":      {"198.51.100.1", "an@long.example", strings.Replace(letter, "hanoi.example", "long.example", 1), Reject, "550 5.7.23", "none"},
		"null path":       {"198.51.100.1", "", none, Accept, "250 2.0.0", "none"},
		"no From":         {"192.0.2.1", "an@hanoi.example", "Subject: x\r\n\r\n", Accept, "250 2.0.0", "permerror"},
		"no author":       {"192.0.2.1", "an@hanoi.example", "From: bank\r\n\r\n", Quarantine, "250 2.0.0", "permerror"},
		"two authors":     {"198.51.100.1", "x@other.example", strings.Replace(letter, "an@hanoi.example>", "an@hanoi.example>, x@other.example", 1), Quarantine, "250 2.0.0", "none"},
		"two From":        {"192.0.2.1", "an@hanoi.example", "From: b@x.example\r\n" + letter, Quarantine, "250 2.0.0", "permerror"},
		"listed":          {"198.51.100.66", "", none, Reject, "550 5.7.1 the address that this comes from is blocked: bl.example lists 198.51.100.66: spam trap", "none"},
		"listed, known":   {"198.51.100.67", "", none, Accept, "250 2.0.0", "none"},
		"trusted":         {"10.1.2.3", "an@hanoi.example", letter, Accept, "250 2.0.0", ""},
		"trusted mapped":  {"::ffff:10.1.2.3", "an@hanoi.example", letter, Accept, "250 2.0.0", ""},
		"header too long": {"198.51.100.1", "x@other.example", strings.Repeat("A: b\r\n", 5001) + letter, Quarantine, "250 2.0.0", "permerror"},
	} {
		v := judged(t, j, client(c.ip), c.from, c.text)
		got := ""
		if v.DMARC != nil {
			got = string(v.DMARC.Value)
		}
		if v.Action != c.action || got != c.dmarc || !strings.HasPrefix(v.Status().String(), c.status) {
			t.Errorf("%s: %s, DMARC %s, %s, want %s %s %s\n%s", name, v.Action, got, v.Status(), c.action, c.dmarc, c.status, strings.Join(v.Lines(), "\n"))
		}
		if n := len(v.Status().String()); n > 500 {
			t.Errorf("%s: a reply of %d octets", name, n)
		}
		field := v.AuthenticationResults("mx.saigon.example")
		f, err := authres.Parse(string(field[len(authres.Name)+1:]))
		if err != nil || !f.Is("MX.saigon.example") || (len(f.Results) == 0) != (v.DMARC == nil) {
			t.Errorf("%s: %v in\n%s", name, err, field)
		}
		if out := StripForged(append(field, c.text...), "mx.saigon.example"); string(out) != c.text {
			t.Errorf("%s: %q is left", name, out)
		}
	}
}

func TestTrustedSealerOverrides(t *testing.T) {
	t.Parallel()
	records := append([]string(nil), zone...)
	list, other := signing(t, "list.example", &records), signing(t, "other.example", &records)
	r, err := dns.ZoneResolver(records...)
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(r, rules)
	for name, c := range map[string]struct {
		key     dkim.Key
		results string
		want    Action
	}{
		"trusted":   {list, "list.example; dmarc=pass header.from=hanoi.example", Accept},
		"saw fail":  {list, "list.example; dmarc=fail header.from=hanoi.example", Reject},
		"saw other": {list, "list.example; dmarc=pass header.from=x.example", Reject},
		"stranger":  {other, "other.example; dmarc=pass header.from=hanoi.example", Reject},
	} {
		m := dkim.NewMessage()
		s, err := arc.NewSealing(m, c.key, arc.SealOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m.Write([]byte(letter))
		m.Close()
		fields, err := s.Fields(dkim.None, c.results)
		if err != nil {
			t.Fatal(err)
		}
		v := judged(t, j, client("198.51.100.1"), "list@list.example", string(fields)+letter)
		if v.Action != c.want || v.ARC.Status != dkim.Pass || (v.Override == "list.example") != (c.want == Accept) {
			t.Errorf("%s: %s\n%s", name, v.Action, strings.Join(v.Lines(), "\n"))
		}
	}
}

// No name server answers: the time of a Verdict is bounded, and nothing is refused for good.
func TestSilence(t *testing.T) {
	t.Parallel()
	s, err := dns.Faults{
		"hanoi.example": dns.Silent, "_dmarc.hanoi.example": dns.Silent, "mx.hanoi.example": dns.Silent,
		"1.2.0.192.in-addr.arpa": dns.Silent, "1.2.0.192.bl.example": dns.Silent, "1.2.0.192.good.example": dns.Silent,
	}.Serve("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, wait := range []bool{false, true} {
		o := rules
		o.Timeout, o.DeferTempError = 50*time.Millisecond, wait
		v := judged(t, NewJudge(dns.NewResolver(s.Address()), o), client("192.0.2.1"), "an@hanoi.example", letter)
		if (v.Action == Defer) != wait || v.SPF.Result != "temperror" || v.IPRev.Value != "temperror" || v.DMARC.Value != "temperror" || v.Status().Permanent() {
			t.Errorf("%s", strings.Join(v.Lines(), "\n"))
		}
	}
}

// TestUnknownAddress: of a client whose address nobody knows SPF says nothing,
// good or bad; what speaks for the message is its signature.
func TestUnknownAddress(t *testing.T) {
	t.Parallel()
	r, err := dns.ZoneResolver("only.example. 60 IN TXT \"v=spf1 -all\"", "any.example. 60 IN TXT \"v=spf1 +all\"")
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"0.0.0.0", "::"} {
		for _, from := range []string{"an@only.example", "an@any.example"} {
			v := judged(t, NewJudge(r, rules), client(ip), from, "From: "+from+"\r\n\r\nx\r\n")
			if v.Action != Accept || v.SPF.Result != "none" || v.IPRev.Value != "permerror" || !strings.Contains(v.SPF.Reason, "not known") {
				t.Errorf("%s %s:\n%s", ip, from, strings.Join(v.Lines(), "\n"))
			}
		}
	}
}

func TestNothingStaysBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, err := dns.ZoneResolver(zone...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		v := NewJudge(r, rules).Visit(ctx, client("192.0.2.1"))
		v.From(ctx, "an@hanoi.example").Write([]byte(letter)) // and the client goes away
		cancel()
		synctest.Wait()
	})
}

func TestStripForged(t *testing.T) {
	t.Parallel()
	const host = "mx.saigon.example"
	for in, want := range map[string]string{
		"A: b\r\nAuthentication-Results: mx.saigon.example;\r\n\tspf=pass\r\nC: d\r\n\r\nbody": "A: b\r\nC: d\r\n\r\nbody",
		"authentication-results : MX.Saigon.Example.; none\r\nC: d\r\n":                        "C: d\r\n",
		"Authentication-Results: (x) \"mx.saigon.example\" 1; none\r\nC: d\r\n":                "C: d\r\n",
		"Authentication-Results: mx.saigon.example; spf=\r\nC: d\r\n":                          "C: d\r\n",
		"Authentication-Results: other.example; spf=pass\r\n":                                  "Authentication-Results: other.example; spf=pass\r\n",
		"Authentication-Results: mx.saigon(c).example; spf=pass\r\nC: d\r\n":                   "C: d\r\n",
		"Authentication-Results: mx.sai\r\n gon.\"exa\\mple\"; spf=pass\r\nC: d\r\n":           "C: d\r\n",
		"From x\r\nAuthentication-Results: mx.saigon.example; a=b\r\nno field\r\nX: y\r\n":     "From x\r\nno field\r\nX: y\r\n",
		"\r\nAuthentication-Results: mx.saigon.example; none\r\n":                              "\r\nAuthentication-Results: mx.saigon.example; none\r\n",
		"": "",
	} {
		if got := StripForged([]byte(in), host); string(got) != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzStripForged(f *testing.F) {
	f.Add([]byte("A: b\r\nAuthentication-Results: h;\r\n spf=pass\r\n\r\n"))
	f.Fuzz(func(t *testing.T, header []byte) {
		before := bytes.Clone(header)
		once := StripForged(header, "h")
		if !bytes.Equal(header, before) || !bytes.Equal(StripForged(once, "h"), once) || len(once) > len(header) {
			t.Errorf("%q gives %q", before, once)
		}
	})
}

func BenchmarkVerdict(b *testing.B) {
	records := append([]string(nil), zone...)
	key := signing(b, "hanoi.example", &records)
	s, err := dns.Serve("127.0.0.1:0", records...)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	o := rules
	o.Lists = nil
	j := NewJudge(dns.NewResolver(s.Address()), o)
	text := signed(b, key, letter+strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 90))
	c := client("192.0.2.1")
	v := j.Visit(b.Context(), c)
	b.ReportAllocs()
	for b.Loop() {
		e := v.From(b.Context(), "an@hanoi.example")
		e.Write([]byte(text))
		if got := e.Verdict(b.Context()); got.DMARC.Value != "pass" {
			b.Fatal(got.Lines())
		}
	}
}

// TestDeadServersDoNotHideAFail: a forger adds signatures whose keys nobody
// answers for, so that one in the name of the author is not looked at in time.
func TestDeadServersDoNotHideAFail(t *testing.T) {
	t.Parallel()
	const forged = "DKIM-Signature: v=1; a=ed25519-sha256; d=%s; s=x; h=from; bh=AAAA; b=AAAA\r\n"
	faults, text := dns.Faults{}, ""
	for i := range 9 {
		domain := fmt.Sprintf("dead%d.example", i)
		faults["x._domainkey."+domain] = dns.Silent
		text += fmt.Sprintf(forged, domain)
	}
	s, err := faults.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := rules
	o.Timeout = 3 * time.Second // for the servers that answer, on a machine that has much else to do
	v := judged(t, NewJudge(dns.NewResolver(s.Address()), o), client("198.51.100.1"), "x@other.example", text+fmt.Sprintf(forged, "hanoi.example")+letter)
	if v.DMARC.Value != "fail" || v.Action != Reject {
		t.Errorf("%s", strings.Join(v.Lines(), "\n"))
	}
}

// TestDeadSelectorIsNoWayIn: of an old selector the domain's owner left an alias
// to a firm that is no more.
func TestDeadSelectorIsNoWayIn(t *testing.T) {
	t.Parallel()
	const forged = "DKIM-Signature: v=1; a=ed25519-sha256; d=%s; s=old; h=from; bh=AAAA; b=AAAA\r\n"
	s, err := dns.Faults{"old._domainkey.hanoi.example": dns.ServFail, "old._domainkey.none.example": dns.ServFail}.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for domain, want := range map[string]Action{"hanoi.example": Quarantine, "none.example": Accept} {
		for _, wait := range []bool{false, true} {
			o := rules
			if o.DeferTempError = wait; wait && want == Quarantine {
				want = Defer
			}
			text := fmt.Sprintf(forged, domain) + strings.Replace(letter, "hanoi.example", domain, 1)
			v := judged(t, NewJudge(dns.NewResolver(s.Address()), o), client("198.51.100.1"), "x@other.example", text)
			if v.Action != want || v.Status().Permanent() {
				t.Errorf("%s: want %s\n%s", domain, want, strings.Join(v.Lines(), "\n"))
			}
		}
	}
}

// TestCrowdedOut: who has us ask too much at once has no mail of others put aside, and no forged mail
// taken; that which nobody's policy protects is taken.
func TestCrowdedOut(t *testing.T) {
	t.Parallel()
	records := append([]string(nil), zone...)
	text := signed(t, signing(t, "hanoi.example", &records), letter)
	faults := dns.Faults{}
	const others = 9 // one is under way, eight wait
	for i := range others + 1 {
		faults[fmt.Sprintf("slow%d.example", i)] = dns.Silent
	}
	s, err := faults.Serve("127.0.0.1:0", records...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := dns.NewResolver(s.Address()).AtMost(1)
	open := strings.Replace(letter, "hanoi.example", "none.example", 1)
	for _, known := range []string{letter, open} {
		judged(t, NewJudge(r, rules), client("198.51.100.1"), "", known)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	full := make(chan error, others+1)
	for i := range others + 1 {
		asking.Go(func() { _, err := r.TXT(ctx, fmt.Sprintf("slow%d.example", i)); full <- err })
	}
	if err := <-full; !strings.Contains(fmt.Sprint(err), "too many look-ups") {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text   string
		action Action
	}{
		"signed":               {text, Defer},
		"of an unknown domain": {strings.Replace(letter, "hanoi.example", "soft.example", 1), Defer},
		"without a policy":     {open, Accept},
	} {
		v := judged(t, NewJudge(r, rules), client("198.51.100.1"), "x@other.example", c.text)
		if v.Action != c.action || c.action == Defer && !strings.HasPrefix(v.Status().String(), "451 4.4.3 too many look-ups") {
			t.Errorf("%s: %s\n%s", name, v.Status(), strings.Join(v.Lines(), "\n"))
		}
	}
	noted := rules
	noted.EnforceDMARC = false
	if v := judged(t, NewJudge(r, noted), client("198.51.100.1"), "x@other.example", text); v.Action != Accept {
		t.Errorf("only noted: %s", v.Action)
	}
}

// TestTextBehindLength: what stands behind the end of what is signed (l=) is
// anybody's, and the author does not stand behind the letter any more.
func TestTextBehindLength(t *testing.T) {
	t.Parallel()
	records := append([]string(nil), zone...)
	key := signing(t, "hanoi.example", &records)
	r, err := dns.ZoneResolver(records...)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("Hello\r\n"))
	field, err := key.SignField("DKIM-Signature", []dkim.Tag{{Name: "v", Value: "1"}, {Name: "a", Value: "ed25519-sha256"}, {Name: "c", Value: "relaxed/relaxed"},
		{Name: "d", Value: "hanoi.example"}, {Name: "s", Value: "s"}, {Name: "h", Value: "from"}, {Name: "l", Value: "7"},
		{Name: "bh", Value: base64.StdEncoding.EncodeToString(sum[:])}, {Name: "b"}}, dkim.Relaxed, func(dst []byte) []byte {
		return append(dst, "from:An <an@hanoi.example>\r\n"...)
	})
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(r, rules)
	for more, want := range map[string]Action{"": Accept, "and send money\r\n": Reject} {
		if v := judged(t, j, client("198.51.100.1"), "x@other.example", string(field)+letter+more); v.Action != want || v.DKIM[0].Status != dkim.Pass {
			t.Errorf("%q: %s", more, strings.Join(v.Lines(), "\n"))
		}
	}
}
