package dkim

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	oracle "github.com/emersion/go-msgauth/dkim"

	"tem/internal/dns"
)

// The keys of RFC 6376 Appendix C and RFC 8463 Appendix A.
const (
	brisbane6376 = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
	brisbane8463 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	test8463     = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)

// txt is a TXT record in master-file form.
func txt(name, text string) string {
	record := name + ". TXT"
	for ; len(text) > 200; text = text[200:] {
		record += " " + strconv.Quote(text[:200])
	}
	return record + " " + strconv.Quote(text)
}

func resolver(t testing.TB, zone ...string) *dns.Resolver {
	t.Helper()
	s, err := dns.Serve("127.0.0.1:0", zone...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return dns.NewResolver(s.Address())
}

// keys are made once for all tests: by algorithm.
var keys = sync.OnceValue(func() map[string]crypto.Signer {
	made := make(map[string]crypto.Signer)
	for _, a := range KeyAlgorithms {
		key, err := GenerateKey(a)
		if err != nil {
			panic(err)
		}
		made[a] = key
	}
	return made
})

// hanoi are keys of hanoi.example and the zone that publishes them.
func hanoi(t testing.TB) (list []Key, zone []string) {
	t.Helper()
	for _, a := range KeyAlgorithms {
		k := Key{"hanoi.example", a, keys()[a]}
		record, err := Record(k.Signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, k)
		zone = append(zone, txt(a+"._domainkey.hanoi.example", record))
	}
	return list, zone
}

func results(t testing.TB, v *Verifier, text string) []Result {
	t.Helper()
	c := v.Verify(t.Context())
	io.Copy(c, strings.NewReader(text))
	return c.Results(t.Context())
}

const letter = "From: An <an@hanoi.example>\r\nTo: binh@hue.example\r\nSubject: Ch\u00e0o\r\n  b\u1ea1n\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\n\r\nHello  there\r\n\r\nBye \t\r\n\r\n"

func sign(t testing.TB, text string, o SigningOptions, k ...Key) string {
	t.Helper()
	s, err := NewSigning(nil, k, o)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(s, iotest.OneByteReader(strings.NewReader(text)))
	fields, err := s.Fields()
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// TestPublishedExamples: the examples of the RFCs verify.
func TestPublishedExamples(t *testing.T) {
	t.Parallel()
	v := NewVerifier(resolver(t, txt("brisbane._domainkey.example.com", brisbane6376),
		txt("brisbane._domainkey.football.example.com", brisbane8463), txt("test._domainkey.football.example.com", test8463)), Options{})
	for file, want := range map[string]string{
		"rfc6376-a.eml": "pass rsa-sha256 1024 joe@football.example.com",
		"rfc8463-a.eml": "pass ed25519-sha256 256 @football.example.com\npass rsa-sha256 1024 @football.example.com",
	} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range results(t, v, string(text)) {
			got = append(got, fmt.Sprint(r.Status, " ", r.Algorithm, " ", r.Bits, " ", r.Identity))
			if len(r.Steps()) < 4 {
				t.Errorf("%s: steps %v", file, r.Steps())
			}
		}
		if s := strings.Join(got, "\n"); s != want {
			t.Errorf("%s: %s\nwant %s", file, s, want)
		}
		changed := strings.Replace(string(text), "hungry", "angry", 1)
		for _, r := range results(t, v, changed) {
			if r.Status != Fail || !strings.Contains(r.Reason, "body hash") {
				t.Errorf("%s changed: %s", file, &r)
			}
		}
	}
}

// A line that is no field ends the header for many programs (RFC 6376 §8.15 of
// fields that were added): what follows would be text under a good signature.
func TestLooseLineInHeader(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	v := NewVerifier(resolver(t, zone...), Options{})
	signed := sign(t, letter, SigningOptions{}, ks[2])
	for in, want := range map[string]Status{
		strings.Replace(signed, "\r\n\r\n", "\r\nPay here\r\n\r\n", 1):                         Policy,
		strings.Replace(signed, "\r\n\r\n", "\r\nX Y: z\r\n\r\n", 1):                           Policy,
		"From\r\n : x@y.example\r\n" + signed:                                                  Policy,
		"From an@hanoi.example Thu Nov 26 10:00:00 2026\r\n" + signed:                          Pass,
		">From an@hanoi.example Thu Nov 26\r\n" + signed:                                       Pass,
		strings.Replace(signed, "From:", "From an@hanoi.example Thu Nov 26 10:00\r\nFrom:", 1): Policy,
	} {
		if r := results(t, v, in); len(r) != 1 || r[0].Status != want {
			t.Errorf("%q: %v, want %s", in, r, want)
		}
	}
}

// TestSignedVerifies: what we sign verifies here and elsewhere, in every canonicalisation.
func TestSignedVerifies(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	r := resolver(t, zone...)
	v := NewVerifier(r, Options{})
	for _, o := range []SigningOptions{{}, {Header: Simple}, {Body: Simple}, {Header: Simple, Body: Simple, Expire: time.Hour}} {
		for _, text := range []string{letter, "From: an@hanoi.example\r\n\r\n", "From: an@hanoi.example\r\n", letter + "no end", letter + " \t\r\n\r\n"} {
			signed := sign(t, text, o, ks...)
			got := results(t, v, signed)
			for _, r := range got {
				if r.Status != Pass || r.Domain != "hanoi.example" {
					t.Errorf("%v %q: %s", o, text, &r)
				}
			}
			if len(got) != len(ks) {
				t.Errorf("%d results", len(got))
			}
			for line := range strings.Lines(signed[:len(signed)-len(text)]) {
				if len(line) > 79 {
					t.Errorf("a line of %d octets: %s", len(line), line)
				}
			}
			if !strings.Contains(text, "\r\n\r\n") {
				continue // the other wants an empty line
			}
			theirs, err := oracle.VerifyWithOptions(strings.NewReader(signed), &oracle.VerifyOptions{LookupTXT: func(name string) ([]string, error) { return r.TXT(t.Context(), name) }})
			for _, v := range theirs {
				if v.Err != nil {
					t.Errorf("go-msgauth, %v %q: %v", o, text, v.Err)
				}
			}
			if err != nil || len(theirs) != len(ks) {
				t.Errorf("go-msgauth: %d, %v", len(theirs), err)
			}
		}
	}
}

// TestNothingCanBeAdded: a second field of those that matter breaks the signature.
func TestNothingCanBeAdded(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	v := NewVerifier(resolver(t, zone...), Options{})
	for _, added := range []string{"Subject: x\r\n", "From: evil@x.example\r\n", "Reply-To: evil@x.example\r\n", "Content-Type: text/html\r\n"} {
		if r := results(t, v, added+sign(t, letter, SigningOptions{}, ks[0])); r[0].Status == Pass {
			t.Errorf("%q could be added", added)
		}
	}
	if r := results(t, v, "List-Id: <l.example>\r\nReceived: by x\r\n"+sign(t, letter, SigningOptions{}, ks[0])); r[0].Status != Pass {
		t.Error(&r[0])
	}
}

// TestOtherFrom: a signature that names From once can't vouch for a message
// with two, of which readers may show the other.
func TestOtherFrom(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	v := NewVerifier(resolver(t, zone...), Options{})
	text := forged(t, letter, ks[0], with("h", "from:to"))
	if r := results(t, v, text); r[0].Status != Pass {
		t.Error(&r[0])
	}
	if r := results(t, v, "From: evil@x.example\r\n"+text); r[0].Status != Policy || !strings.Contains(r[0].Reason, "2 From fields") {
		t.Error(&r[0])
	}
}

// forged signs with tags of the test's own.
func forged(t testing.TB, text string, k Key, change func(tags []Tag) []Tag) string {
	t.Helper()
	s, err := NewSigning(nil, []Key{k}, SigningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(s, text)
	s.Close()
	tags := change(s.tags(s.keys[0], SignedNames(s.header)))
	names, _ := Tags(tags).Get("h")
	field, err := k.SignField(fieldName, tags, Relaxed, func(dst []byte) []byte {
		return AppendPicked(dst, s.header, strings.Split(names, ":"), Relaxed)
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(field) + text
}

// with replaces or adds a tag, or takes it away if the value is "-".
func with(name, value string) func([]Tag) []Tag {
	return func(tags []Tag) []Tag {
		tags = slices.DeleteFunc(tags, func(t Tag) bool { return t.Name == name })
		if value != "-" {
			tags = slices.Insert(tags, 1, Tag{Name: name, Value: value})
		}
		return tags
	}
}

// TestReasons: every way not to pass has its status and says why.
func TestReasons(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	good := strings.TrimPrefix(zone[0], "rsa2048._domainkey.hanoi.example. TXT ")
	p := func(rest string) string {
		der, _ := x509.MarshalPKIXPublicKey(ks[0].Signer.Public())
		return rest + "p=" + base64.StdEncoding.EncodeToString(der)
	}
	at := func(selector, text string) string { return txt(selector+"._domainkey.hanoi.example", text) }
	zone = append(zone, at("revoked", "v=DKIM1; p="), at("text", "hello"), at("ed", "v=DKIM1; k=ed25519; p=AAAA"), at("sha1", p("v=DKIM1; h=sha1; ")),
		at("other", p("v=DKIM1; s=tel; ")), at("strict", p("t=s; ")), at("testing", p("t=y:s; ")), at("late", p("k=rsa; v=DKIM1; ")), at("dkim2", p("v=DKIM2; ")),
		at("short", "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIWmlgix/84GJ+dfgjm7LTc9EPdfkftlgiPpCq4/kbDAZmU0VvYKDljjleJ1dfvS+CGy9U/kk1tG3EeEvb82xAcCAwEAAQ=="),
		"loop._domainkey.hanoi.example. CNAME loop2._domainkey.hanoi.example.", "loop2._domainkey.hanoi.example. CNAME loop._domainkey.hanoi.example.",
		at("two", "v=spf1 -all"), at("two", "p="), "two._domainkey.hanoi.example. TXT "+good)
	v := NewVerifier(resolver(t, zone...), Options{Now: func() time.Time { return time.Unix(2e9, 0) }})
	key := ks[0]
	both := func(a, b func([]Tag) []Tag) func([]Tag) []Tag { return func(t []Tag) []Tag { return b(a(t)) } }
	for _, c := range []struct {
		change func([]Tag) []Tag
		status Status
		reason string
	}{
		{with("s", "rsa2048"), Pass, ""},
		{with("s", "two"), Pass, ""},
		{with("s", "testing"), Pass, ""},
		{with("s", "nowhere"), PermError, "there is no key at nowhere._domainkey.hanoi.example"},
		{with("s", "loop"), TempError, "could not be looked up"},
		{with("s", "revoked"), PermError, "revoked"},
		{with("s", "text"), PermError, "no DKIM key"},
		{with("s", "late"), PermError, "v= is not DKIM1"},
		{with("s", "dkim2"), PermError, "v= is not DKIM1"},
		{with("s", "ed"), PermError, "3 octets"},
		{with("s", "ed25519"), PermError, "another kind"},
		{with("s", "rsa3072"), Fail, "another key"},
		{with("s", "sha1"), PermError, "other hashes"},
		{with("s", "other"), PermError, "not for mail"},
		{with("s", "short"), Policy, "512 bits"},
		{both(with("s", "strict"), with("i", "an@sub.hanoi.example")), PermError, "t=s"},
		{with("i", "an@sub.hanoi.example"), PermError, "t=s"},
		{with("i", "an@hue.example"), PermError, "not below hanoi.example"},
		{with("i", "an@xhanoi.example"), PermError, "not below"},
		{with("i", "an"), Neutral, "no @"},
		{with("a", "rsa-sha1"), PermError, "rsa-sha1"},
		{with("a", "dsa-sha256"), PermError, "not known"},
		{with("v", "2"), Neutral, "version"},
		{with("v", "-"), PermError, "no v="},
		{with("h", "-"), PermError, "no h="},
		{with("h", "to:subject"), PermError, "does not cover From"},
		{with("h", "from::to"), Neutral, "not the name of a field"},
		{with("d", "hanoi..example"), Neutral, "not a domain name"},
		{with("d", "example"), Neutral, "not a domain name"},
		{with("x", "1999999000"), Policy, "expired at 2033-05-18T03:16:40Z"},
		{with("x", "1999999999"), Pass, ""},
		{both(with("t", "5"), with("x", "5")), PermError, "before it was made"},
		{with("t", "2000100000"), Policy, "future"},
		{with("t", "soon"), Neutral, "not a time"},
		{with("q", "http"), Neutral, "dns/txt"},
		{with("q", "http : dns/txt"), Pass, ""},
		{with("c", "nofws/simple"), Neutral, "canonicalisation"},
		{with("bh", "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="), Fail, "the body hash does not match"},
		{with("bh", "!"), Neutral, "bh= is not base64"},
		{with("l", "999"), Fail, "text is missing"},
		{with("l", "x"), Neutral, "not a number"},
		{with("z", "a=b"), Pass, ""},
		{with("d", "HANOI.example"), Pass, ""},
	} {
		text := forged(t, letter, key, c.change)
		r := results(t, v, text)
		if len(r) != 1 || r[0].Status != c.status || !strings.Contains(r[0].Reason, c.reason) || (c.reason == "") != (r[0].Reason == "") {
			t.Errorf("%s\n%v, want %s %q", text[:strings.Index(text, "From:")], r[0].String(), c.status, c.reason)
		}
		if len(r) == 1 && r[0].Testing != strings.Contains(text, "s=testing") {
			t.Error("testing", r[0].Testing)
		}
	}
}

func TestPartlySigned(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	r := resolver(t, zone...)
	sum := "" // of the first five octets, in relaxed form
	m := NewMessage()
	var h *BodyHash
	m.Watch(func(m *Message) { h = m.Hash(Relaxed, 5) })
	io.WriteString(m, letter)
	m.Close()
	sum = base64.StdEncoding.EncodeToString(h.Sum())
	text := forged(t, letter, ks[0], func(tags []Tag) []Tag { return with("l", "5")(with("bh", sum)(tags)) })
	for refuse, want := range map[bool]Status{false: Pass, true: Policy} {
		got := results(t, NewVerifier(r, Options{RefusePartial: refuse}), text)
		if got[0].Status != want || got[0].Length != 5 || got[0].Unsigned != 15 {
			t.Errorf("%v: %s, %d octets unsigned", refuse, &got[0], got[0].Unsigned)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	ks, zone := hanoi(t)
	v := NewVerifier(resolver(t, zone...), Options{})
	signed := sign(t, letter, SigningOptions{}, ks[2])
	field := signed[:strings.Index(signed, "From:")]
	many := results(t, v, strings.Repeat(field, 12)+letter)
	if len(many) != 11 || many[9].Status != Pass || many[10].Status != Policy || !strings.Contains(many[10].Reason, "2 were not") {
		t.Errorf("%d results, %s", len(many), &many[len(many)-1])
	}
	for name, text := range map[string]string{
		"longer than":          strings.Repeat("X: y\r\n", maxHeader/5) + signed,
		"more than 5000":       strings.Repeat("X: y\r\n", maxFields) + signed,
		"not part of CRLF":     "X: y\nFrom: evil@x.example\r\n" + signed,
		"CR or LF that is not": "X: y\rz\r\n" + signed,
	} {
		r := results(t, v, text)
		if len(r) != 1 || r[0].Status != PermError || !strings.Contains(r[0].Reason, name) {
			t.Errorf("%s: %v", name, r)
		}
		s, _ := NewSigning(nil, ks, SigningOptions{})
		io.WriteString(s, text)
		if _, err := s.Fields(); err == nil {
			t.Errorf("%s: it was signed", name)
		}
	}
	if r := results(t, v, "To: x\r\n\r\n"); len(r) != 0 {
		t.Errorf("unsigned: %v", r)
	}
}

// TestInternational: domains in U-labels are looked up as A-labels (RFC 8616).
func TestInternational(t *testing.T) {
	t.Parallel()
	record, err := Record(keys()["ed25519"].Public())
	if err != nil {
		t.Fatal(err)
	}

	k := Key{"h\u00e0n\u1ed9i.example", "s", keys()["ed25519"]}
	k, err = k.Normal(minSigningBits)
	if err != nil || !strings.HasPrefix(k.Domain, "xn--") {
		t.Fatal(k.Domain, err)
	}
	v := NewVerifier(resolver(t, txt("s._domainkey."+k.Domain, record)), Options{})
	text := forged(t, letter, k, func(tags []Tag) []Tag {
		return with("i", "\u0103n@H\u00c0N\u1ed8I.example")(with("d", "h\u00e0n\u1ed9i.example")(tags))
	})
	if r := results(t, v, text); len(r) != 1 || r[0].Status != Pass || r[0].Domain != k.Domain {
		t.Errorf("%v", r[0].String())
	}
}

func TestKeysInPEM(t *testing.T) {
	t.Parallel()
	for a, key := range keys() {
		text, err := MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseKey(text)
		if err != nil || !again.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, bad := range []string{"", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if _, err := ParseKey([]byte(bad)); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := GenerateKey("rsa512"); err == nil {
		t.Error("a key that nobody accepts was made")
	}
}

// TestKeyIsNotPrinted: nothing of the secret is in what a log may get.
func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	signer, err := GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Domain: "hanoi.example", Selector: "s", Signer: signer}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{k, []Key{k}, &k} {
			if got := fmt.Sprintf(verb, v); !strings.Contains(got, "[key s._domainkey.hanoi.example]") || len(got) > 60 {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
}
