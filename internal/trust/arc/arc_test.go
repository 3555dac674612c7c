package arc

import (
	"crypto"
	"io"
	"strings"
	"sync"
	"testing"

	"tem/internal/trust/dkim"
)

const letter = "From: an@hanoi.example\r\nTo: list@hue.example\r\nSubject: x\r\n\r\nhello\r\n"

// signer is one key for all tests.
var signer = sync.OnceValue(func() crypto.Signer {
	key, err := dkim.GenerateKey("ed25519")
	if err != nil {
		panic(err)
	}
	return key
})

// verifier knows the key s._domainkey.hue.example; loop._domainkey.hue.example can't be looked up.
func verifier(t testing.TB) *dkim.Verifier {
	t.Helper()
	record, err := dkim.Record(signer().Public())
	if err != nil {
		t.Fatal(err)
	}
	return dkim.NewVerifier(resolver(t, txt("s._domainkey.hue.example", record),
		"loop._domainkey.hue.example. CNAME loop2._domainkey.hue.example.", "loop2._domainkey.hue.example. CNAME loop._domainkey.hue.example."), dkim.Options{})
}

// pass seals a message as the next on its way would.
func pass(t testing.TB, text, selector string, chain dkim.Status) string {
	t.Helper()
	m := dkim.NewMessage()
	s, err := NewSealing(m, dkim.Key{Domain: "hue.example", Selector: selector, Signer: signer()}, SealOptions{})
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(m, strings.NewReader(text))
	fields, err := s.Fields(chain, "mx.hue.example; arc="+string(chain)+"; spf=pass smtp.mailfrom=an@hanoi.example; dkim=pass header.d=hanoi.example")
	if err != nil {
		t.Fatal(err)
	}
	return string(fields) + text
}

// sealed is the letter with n sets.
func sealed(t testing.TB, n int) string {
	text := letter
	for i := range n {
		chain := dkim.Pass
		if i == 0 {
			chain = dkim.None
		}
		text = pass(t, text, "s", chain)
	}
	return text
}

func TestChains(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	three := sealed(t, 3)
	edited := "Subject: [list] x"
	for name, c := range map[string]struct {
		text   string
		status dkim.Status
		reason string
	}{
		"none":        {letter, dkim.None, ""},
		"one":         {sealed(t, 1), dkim.Pass, ""},
		"three":       {three, dkim.Pass, ""},
		"the longest": {sealed(t, maxSets), dkim.Pass, ""},
		"body":        {strings.Replace(three, "hello", "hallo", 1), dkim.Fail, "message signature of set 3 (hue.example): the body hash does not match"},
		"header":      {strings.Replace(three, "Subject: x", edited, 1), dkim.Fail, "message signature of set 3"},
		"list":        {pass(t, strings.Replace(sealed(t, 1), "Subject: x", edited, 1), "s", dkim.Pass), dkim.Pass, ""},
		"testimony":   {strings.Replace(three, "i=1; mx.hue.example; arc=none; spf=pass", "i=1; mx.hue.example; arc=none; spf=fail", 1), dkim.Fail, "seal of set 3"},
		"gap":         {strings.Replace(three, "ARC-Seal:", "X-Seal:", 1), dkim.Fail, "set 3 has no ARC-Seal"},
		"given up":    {pass(t, strings.Replace(three, "hello", "hallo", 1), "s", dkim.Fail), dkim.Fail, "cv=fail"},
		"no key":      {pass(t, letter, "nowhere", dkim.None), dkim.Fail, "there is no key at nowhere._domainkey.hue.example"},
		"DNS":         {pass(t, letter, "loop", dkim.None), dkim.Fail, "could not be looked up"},
		"51":          {strings.Replace(three, " i=3;", " i=51;", 1), dkim.Fail, "not a number from 1 to 50"},
	} {
		r := verify(t, v, c.text, Options{})
		if r.Status != c.status || !strings.Contains(r.Reason, c.reason) || (r.Reason == "") != (c.reason == "") || r.Temporary != (name == "DNS") {
			t.Errorf("%s: %s, want %s %q", name, r, c.status, c.reason)
		}
		if r.Status == dkim.Pass && len(r.Steps()) < 5 {
			t.Errorf("%s: steps %v", name, r.Steps())
		}
	}
}

func TestOldestPass(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	for want, text := range map[int]string{
		0: sealed(t, 3),
		2: pass(t, strings.Replace(sealed(t, 1), "hello", "hello, list", 1), "s", dkim.Pass),
	} {
		if r := verify(t, v, text, Options{OldestPass: true}); r.Status != dkim.Pass || r.OldestPass != want {
			t.Errorf("oldest %d, want %d: %s", r.OldestPass, want, r)
		}
	}
}

// TestOneReading: DKIM and ARC share the reading of a message, and the hash of its body.
func TestOneReading(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	key := dkim.Key{Domain: "hue.example", Selector: "s", Signer: signer()}
	signing, err := dkim.NewSigning(nil, []dkim.Key{key}, dkim.SigningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(signing, letter)
	fields, err := signing.Fields()
	if err != nil {
		t.Fatal(err)
	}
	text := pass(t, string(fields)+letter, "s", dkim.None)
	m := dkim.NewMessage()
	signatures, chain := v.Watch(t.Context(), m), Watch(t.Context(), v, m, Options{})
	io.WriteString(m, text)
	if r := signatures.Results(t.Context()); len(r) != 1 || r[0].Status != dkim.Pass {
		t.Errorf("%v", r)
	}
	if r := chain.Result(t.Context()); r.Status != dkim.Pass {
		t.Error(r)
	}
	var one, two *dkim.BodyHash
	again := dkim.NewMessage()
	again.Watch(func(m *dkim.Message) { one, two = m.Hash(dkim.Relaxed, -1), m.Hash(dkim.Relaxed, -1) })
	again.Close()
	if one != two {
		t.Error("the body is hashed twice")
	}
}

func TestSealingRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		chain dkim.Status
	}{
		{letter, dkim.Pass}, {sealed(t, 1), dkim.None}, {letter, "maybe"},
		{strings.Replace(sealed(t, 2), "ARC-Message-Signature", "X-Message-Signature", 1), dkim.Pass},
		{sealed(t, maxSets), dkim.Pass},
	} {
		m := dkim.NewMessage()
		s, err := NewSealing(m, dkim.Key{Domain: "hue.example", Selector: "s", Signer: signer()}, SealOptions{})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(m, c.text)
		if fields, err := s.Fields(c.chain, "mx.hue.example; none"); err == nil {
			t.Errorf("%s of %.40q: %s", c.chain, c.text, fields)
		}
	}
}

// FuzzChain: no header makes verifier or sealer panic.
func FuzzChain(f *testing.F) {
	v := verifier(f)
	f.Add(sealed(f, 2))
	f.Add("ARC-Seal: i=1\r\nARC-Message-Signature: i=1; h=\r\nARC-Authentication-Results: (a) i (b) = 1 ; x\r\n\r\n")
	f.Add("ARC-Authentication-Results: ((((\\\r\nARC-Seal: i=50; cv=fail\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := dkim.NewMessage()
		c := Watch(t.Context(), v, m, Options{OldestPass: true})
		s, err := NewSealing(m, dkim.Key{Domain: "hue.example", Selector: "s", Signer: signer()}, SealOptions{})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(m, text)
		r := c.Result(t.Context())
		r.Steps()
		if r.Status == dkim.Fail && r.Reason == "" {
			t.Error("failed without a reason")
		}
		s.Fields(r.Status, "mx.hue.example; none")
	})
}
