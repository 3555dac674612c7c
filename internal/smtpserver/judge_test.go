package smtpserver

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/dns"
	"tem/internal/journey"
	"tem/internal/line/linetest"
	"tem/internal/trust"
	"tem/internal/trust/arc"
	"tem/internal/trust/dkim"
)

// judged is a world with rules and a zone: hue.example may send from 192.0.2.1
// only and wants the rest refused, or put aside for its subdomain.
func judged(t *testing.T, records ...string) *world {
	t.Helper()
	r, err := dns.ZoneResolver(append([]string{
		"hue.example. 60 IN TXT \"v=spf1 ip4:192.0.2.1 -all\"",
		"_dmarc.hue.example. 60 IN TXT \"v=DMARC1; p=reject; sp=quarantine\"",
		"a.hue.example. 60 IN A 192.0.2.1",
	}, records...)...)
	check(t, err)
	w := newWorld(t)
	w.Judge = trust.NewJudge(r, trust.Options{Hostname: w.Hostname, EnforceDMARC: true, Now: w.Now})
	return w
}

func (w *world) from(t *testing.T, ip, text string) {
	t.Helper()
	s := New(w.Options)
	o := s.Options()
	o.Tap = journey.Listen(nil)
	linetest.Play(t, t.Name(), text, from(s, ip), linetest.Options{Line: o})
}

func letterFrom(domain, more, answer string) string {
	return hello + "C: MAIL FROM:<a@" + domain + ">\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 250\nC: DATA\nS: 354\n" + more +
		"C: From: a@" + domain + "\nC: Subject: x\nC: \nC: hello\nC: .\nS: " + answer + "\nC: QUIT\nS: 221\n"
}

func TestVerdictIsNoted(t *testing.T) {
	t.Parallel()
	w := judged(t)
	forged := "C: Authentication-Results: mx.hanoi.example; dkim=pass header.d=bank.example\nC: Authentication-Results: other.example; spf=pass smtp.mailfrom=b.example\n"
	w.from(t, "192.0.2.1", letterFrom("hue.example", forged, "250"))
	texts := w.inbox(t, "an")
	if len(texts) != 1 {
		t.Fatalf("%d letters", len(texts))
	}
	for i, want := range []string{"Return-Path: <a@hue.example>\r\nAuthentication-Results: mx.hanoi.example;", "spf=pass", "dmarc=pass", "\r\nReceived: from x ([192.0.2.1])", "other.example; spf=pass"} {
		at := strings.Index(texts[0], want)
		if at < 0 || i == 0 && at != 0 {
			t.Errorf("no %q in\n%s", want, texts[0])
		}
	}
	if strings.Contains(texts[0], "bank.example") {
		t.Errorf("what others say in our name is still there:\n%s", texts[0])
	}
}

func TestVerdictIsActedOn(t *testing.T) {
	t.Parallel()
	w := judged(t)
	var told []trust.Action
	w.Judged = func(v *trust.Verdict) { told = append(told, v.Action) }
	w.from(t, "192.0.2.9", letterFrom("hue.example", "", "550"))
	w.from(t, "192.0.2.9", letterFrom("a.hue.example", "", "250"))
	if !slices.Equal(told, []trust.Action{trust.Reject, trust.Quarantine}) {
		t.Errorf("told of %v", told)
	}
	if texts := w.inbox(t, "an"); len(texts) != 0 {
		t.Errorf("%d letters in INBOX: one is to be refused, one put aside", len(texts))
	}
	a := w.Mail.Account(w.users["an"].ID)
	if box, err := a.Mailbox(t.Context(), "Junk"); err != nil || box.Messages != 1 {
		t.Errorf("Junk: %+v %v", box, err)
	}
}

// TestPeopleAreSigned logs in from an address that may not send for anybody.
func TestPeopleAreSigned(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	record, err := dkim.Record(public)
	check(t, err)
	w := judged(t, "s1._domainkey.hanoi.example. 60 IN TXT \""+record+"\"")
	w.Keys = func(_ context.Context, domain string) ([]dkim.Key, error) {
		if domain != "hanoi.example" {
			t.Errorf("a key of %s is asked for", domain)
		}
		return []dkim.Key{{Domain: domain, Selector: "s1", Signer: private}}, nil
	}
	w.from(t, "192.0.2.9", hello+`C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0
S: 235
C: MAIL FROM:<an@hanoi.example>
S: 250
C: RCPT TO:<binh@hanoi.example>
S: 250
C: DATA
S: 354
C: Subject: signed
C: To: binh@hanoi.example
C: 
C: hello
C: .
S: 250
C: QUIT
S: 221
`)
	texts := w.inbox(t, "binh")
	if len(texts) != 1 || strings.Contains(texts[0], "Authentication-Results") {
		t.Fatalf("%q", texts)
	}
	r, err := dns.ZoneResolver("s1._domainkey.hanoi.example. 60 IN TXT \"" + record + "\"")
	check(t, err)
	v := dkim.NewVerifier(r, dkim.Options{Now: w.Now}).Verify(t.Context())
	v.Write([]byte(texts[0]))
	if got := v.Results(t.Context()); len(got) != 1 || got[0].Status != dkim.Pass {
		t.Errorf("%v\n%s", got, texts[0])
	}
}

// TestForwardedIsSealed passes a letter on, and keeps another.
func TestForwardedIsSealed(t *testing.T) {
	t.Parallel()
	key, err := dkim.GenerateKey("rsa2048")
	check(t, err)
	record, err := dkim.Record(key.Public())
	check(t, err)
	w := judged(t)
	w.Sealer = func(context.Context) (dkim.Key, bool) {
		return dkim.Key{Domain: "hanoi.example", Selector: "s1", Signer: key}, true
	}
	check(t, w.Directory.AddList(t.Context(), directory.List{Address: addr(t, "away@hanoi.example"), Members: []address.Address{addr(t, "an@hanoi.example"), addr(t, "an@far.example")}}))
	w.from(t, "192.0.2.1", letterFrom("hue.example", "", "250"))
	w.from(t, "192.0.2.1", strings.Replace(letterFrom("hue.example", "", "250"), "an@hanoi", "away@hanoi", 1))
	texts := w.inbox(t, "an")
	if len(texts) != 2 || strings.Contains(texts[0], "ARC-Seal") {
		t.Fatalf("%q", texts)
	}
	zone := []string{"s1._domainkey.hanoi.example. 60 IN TXT"}
	for part := range slices.Chunk([]byte(record), 200) {
		zone[0] += " \"" + string(part) + "\""
	}
	r, err := dns.ZoneResolver(zone...)
	check(t, err)
	m := dkim.NewMessage()
	chain := arc.Watch(t.Context(), dkim.NewVerifier(r, dkim.Options{Now: w.Now}), m, arc.Options{})
	m.Write([]byte(texts[1]))
	got := chain.Result(t.Context())
	if got.Status != dkim.Pass || len(got.Sets) != 1 || !strings.Contains(got.Sets[0].Results, "dmarc=pass") {
		t.Errorf("%v\n%s", got, texts[1])
	}
}

// TestUnverified passes letters on: a report on one whose return path nothing
// vouches for could hit somebody else, and is not made.
func TestUnverified(t *testing.T) {
	t.Parallel()
	w := judged(t)
	check(t, w.Directory.AddList(t.Context(), directory.List{Address: addr(t, "away@hanoi.example"), Members: []address.Address{addr(t, "an@far.example")}}))
	for i, from := range []string{"hue.example", "free.example"} {
		w.from(t, "192.0.2.1", strings.Replace(letterFrom(from, "", "250"), "RCPT TO:<an@hanoi.example>\nS: 250", "RCPT TO:<away@hanoi.example>\nS: 251", 1))
		jobs, err := w.queue.List(t.Context())
		check(t, err)
		if len(jobs) != i+1 {
			t.Fatalf("%d jobs", len(jobs))
		}
	}
	jobs, _ := w.queue.List(t.Context())
	for _, j := range jobs {
		if passed := strings.Contains(j.ReturnPath, "hue.example"); j.Unverified == passed {
			t.Errorf("%s: unverified %v", j.ReturnPath, j.Unverified)
		}
	}
}

// TestOthersNamesAreNotSigned: of two domains here each has people of its own,
// and none gets a signature for the other's.
func TestOthersNamesAreNotSigned(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	for author, want := range map[string]bool{
		"an@hanoi.example": true, "binh@hanoi.example": true, "an@news.hanoi.example": true, "an@saigon.example": true,
		"boss@saigon.example": false, "an@hue.hanoi.example": false, "an@saigon.example, boss@saigon.example": false, "boss@hue.example": false,
	} {
		w := newWorld(t)
		check(t, w.Directory.AddDomain(t.Context(), "saigon.example"))
		check(t, w.Directory.AddDomain(t.Context(), "hue.hanoi.example"))
		an := address.Address{Local: "an", Domain: "hanoi.example"}
		check(t, w.Directory.AddList(t.Context(), directory.List{Address: addr(t, "an@saigon.example"), Members: []address.Address{an}}))
		w.Keys = func(_ context.Context, domain string) ([]dkim.Key, error) {
			return []dkim.Key{{Domain: domain, Selector: "s1", Signer: private}}, nil
		}
		w.from(t, "192.0.2.9", hello+"C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\nS: 235\nC: MAIL FROM:<an@hanoi.example>\nS: 250\nC: RCPT TO:<binh@hanoi.example>\nS: 250\nC: DATA\nS: 354\n"+
			"C: From: "+author+"\nC: \nC: hello\nC: .\nS: 250\nC: QUIT\nS: 221\n")
		if texts := w.inbox(t, "binh"); len(texts) != 1 || strings.Contains(texts[0], "DKIM-Signature") != want {
			t.Errorf("%s: want a signature %v\n%s", author, want, texts)
		}
	}
}
