package dkim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
)

// text4K is a letter of 4 KiB in lines of words.
var text4K = "From: An <an@hanoi.example>\r\nTo: binh@hue.example\r\nSubject: x\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\nMessage-ID: <a@b>\r\n\r\n" +
	strings.Repeat("The quick brown fox jumps over the lazy dog and then it rests.\r\n", 62)

func BenchmarkVerify4K(b *testing.B) {
	ks, zone := hanoi(b)
	v := NewVerifier(resolver(b, zone...), Options{})
	signed := []byte(sign(b, text4K, SigningOptions{}, ks[0]))
	b.SetBytes(int64(len(signed)))
	b.ReportAllocs()
	for b.Loop() {
		c := v.Verify(b.Context())
		c.Write(signed)
		if r := c.Results(b.Context()); r[0].Status != Pass {
			b.Fatal(&r[0])
		}
	}
}

// BenchmarkVerifyLeast is what cannot be saved: the hash and the RSA operation.
func BenchmarkVerifyLeast(b *testing.B) {
	key := keys()["rsa2048"]
	sum := sha256.Sum256([]byte(text4K))
	signature, _ := key.Sign(nil, sum[:], crypto.SHA256)
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256([]byte(text4K))
		if rsa.VerifyPKCS1v15(key.Public().(*rsa.PublicKey), crypto.SHA256, sum[:], signature) != nil {
			b.Fatal("it does not verify")
		}
	}
}

func BenchmarkBody(b *testing.B) {
	text := []byte(strings.Repeat(text4K, 16))
	for _, c := range []Canon{Simple, Relaxed} {
		b.Run(string(c), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m := NewMessage()
				m.Watch(func(m *Message) { m.Hash(c, -1) })
				m.Write(text)
				m.Close()
			}
		})
	}
}

func BenchmarkSign4K(b *testing.B) {
	ks, _ := hanoi(b)
	for _, k := range ks {
		b.Run(k.Selector, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, _ := NewSigning(nil, []Key{k}, SigningOptions{})
				s.Write([]byte(text4K))
				if _, err := s.Fields(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
