package dkim

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// FuzzTags: a list that is read has names that differ, and reads the same when it is written again.
func FuzzTags(f *testing.F) {
	for _, s := range []string{"v=1; a=rsa-sha256;", " a = b c ;\r\n\td=", "a=1;;b=2", "a=1;a=2", "1=2", ";", "", "x=\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := ParseTags(s)
		if err != nil {
			return
		}
		var again []string
		for _, tag := range tags {
			again = append(again, tag.Name+"="+tag.Value)
			if trim(s[tag.from:tag.to]) != tag.Value {
				t.Errorf("%q is not where it should be in %q", tag.Value, s)
			}
		}
		back, err := ParseTags(strings.Join(again, ";"))
		if err != nil || len(back) != len(tags) {
			t.Errorf("%q: %v", again, err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	for _, s := range []string{brisbane6376, brisbane8463, "v=DKIM1; p=", "p=AAAA", "v=spf1 -all", "k=rsa; t=y:s; h=sha256; s=email; p=MFww"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseRecord(s)
		if err != nil {
			return
		}
		text, err := Record(k.Key)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseRecord(text); err != nil || back.Bits != k.Bits {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// FuzzHeader: relaxed is relaxed for good, and no field holds the start of another.
func FuzzHeader(f *testing.F) {
	f.Add([]byte("A: X\r\nB : Y\t\r\n\tZ  \r\n"))
	f.Add([]byte(": \r\n \r\n\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		once := appendRelaxed(nil, raw)
		if twice := appendRelaxed(nil, once); !bytes.Equal(once, twice) {
			t.Errorf("%q, then %q", once, twice)
		}
		h, err := parseHeader(raw)
		if err != nil {
			return
		}
		var all []byte
		for _, field := range h {
			all = append(all, field.Raw...)
		}
		if !bytes.Equal(all, raw) {
			t.Errorf("%q became %q", raw, all)
		}
	})
}

// plainly canonicalises a whole body line by line, as RFC 6376 §3.4 is written.
func plainly(text string, c Canon) string {
	lines := strings.Split(text, "\r\n")
	if c == Relaxed {
		for i, l := range lines {
			l = strings.ReplaceAll(l, "\t", " ")
			for strings.Contains(l, "  ") {
				l = strings.ReplaceAll(l, "  ", " ")
			}
			lines[i] = strings.TrimSuffix(l, " ")
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if c == Relaxed && len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// FuzzBody: in pieces as in one, and as the plain way has it.
func FuzzBody(f *testing.F) {
	f.Add(" C \r\nD \t E\r\n\r\n\r\n", uint8(1))
	f.Add("\r\n\r\r\n \r\n\r", uint8(3))
	f.Add(" \r", uint8(2))
	f.Add("x", uint8(200))
	f.Add(strings.Repeat("\r\n", 70)+"x  y \r z", uint8(7))
	f.Fuzz(func(t *testing.T, text string, n uint8) {
		for _, c := range []Canon{Simple, Relaxed} {
			var got bytes.Buffer
			h := &BodyHash{limit: -1, sha: collector{&got}}
			b := &body{relaxed: c == Relaxed, hashes: []*BodyHash{h}}
			h.body = b
			for rest := text; rest != ""; {
				k := min(len(rest), max(int(n), 1))
				b.write([]byte(rest[:k]))
				rest = rest[k:]
			}
			b.close()
			if want := plainly(text, c); got.String() != want || b.octets != int64(len(want)) {
				t.Errorf("%s in pieces of %d: %q became %q, want %q", c, n, text, got.String(), want)
			}
		}
	})
}

// collector is a hash that keeps what it is given.
type collector struct{ io.Writer }

func (collector) Sum(b []byte) []byte { return b }
func (collector) Reset()              {}
func (collector) Size() int           { return 0 }
func (collector) BlockSize() int      { return 1 }

// FuzzVerify: no message makes the verifier panic, and what does not pass says why.
func FuzzVerify(f *testing.F) {
	ks, zone := hanoi(f)
	v := NewVerifier(resolver(f, zone...), Options{Detail: true})
	f.Add(sign(f, letter, SigningOptions{}, ks[2]), 10)
	f.Add("DKIM-Signature: v=1; a=ed25519-sha256; d=hanoi.example; s=ed25519; h=from; bh=AAAA; b=AAAA\r\n\r\n", 3)
	f.Add("\r\n", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		c := v.Verify(t.Context())
		n = min(max(n, 0), len(text))
		io.WriteString(c, text[:n])
		io.WriteString(c, text[n:])
		for _, r := range c.Results(t.Context()) {
			r.Steps()
			if r.Status != Pass && r.Reason == "" {
				t.Errorf("%s without a reason", r.Status)
			}
		}
	})
}

// FuzzSign: what is signed verifies, whatever the body.
func FuzzSign(f *testing.F) {
	ks, zone := hanoi(f)
	v := NewVerifier(resolver(f, zone...), Options{})
	f.Add("Subject: x", "body\r\n", true)
	f.Add("X:\r\n y", " \r", false)
	f.Fuzz(func(t *testing.T, field, body string, simple bool) {
		var o SigningOptions
		if simple {
			o = SigningOptions{Header: Simple, Body: Simple}
		}
		text := "From: an@hanoi.example\r\n" + field + "\r\n\r\n" + body
		s, err := NewSigning(nil, ks[2:], o)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(s, text)
		fields, err := s.Fields()
		if err != nil {
			return
		}
		for _, r := range results(t, v, string(fields)+text) {
			if r.Status != Pass && r.Signature != nil && r.Domain == "hanoi.example" {
				t.Errorf("%q: %s", text, &r)
			}
		}
	})
}
