package smtpserver

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"slices"
	"strings"
	"testing"

	"tem/internal/dns"
	"tem/internal/message"
	"tem/internal/trust/dkim"
)

const loggedIn = hello + "C: " + loginAn + "\nS: 235\n"

// longest is the longest line of a text.
func longest(text string) int {
	return len(slices.MaxFunc(strings.Split(text, "\r\n"), func(a, b string) int { return len(a) - len(b) }))
}

// TestSignedLinesAreNotFolded: what was signed before it came here (a program's
// own, or a letter that somebody sends on) keeps the text that the signature is of.
func TestSignedLinesAreNotFolded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := "From: x@free.example\r\nDKIM-Signature : v=1; d=free.example\r\n\r\n" + strings.Repeat("x", message.MaxLine+1) + "\r\n"
	play(t, w.Options, loggedIn+"C: MAIL FROM:<an@hanoi.example>\nS: 250\nC: RCPT TO:<binh@hanoi.example>\nS: 250\nC: DATA\nS: 354\n"+raw(text+".\r\n")+"S: 250\nC: QUIT\nS: 221\n")
	if texts := w.inbox(t, "binh"); len(texts) != 1 || !strings.HasSuffix(texts[0], text) {
		t.Errorf("%.500s", texts)
	}
}

// TestLongLinesAreFolded: what a program of ours sends in one line leaves in
// lines that others take, and its signature holds. Others' mail is not touched.
func TestLongLinesAreFolded(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	record, err := dkim.Record(public)
	check(t, err)
	w := judged(t)
	w.Keys = func(context.Context, string) ([]dkim.Key, error) {
		return []dkim.Key{{Domain: "hanoi.example", Selector: "s1", Signer: private}}, nil
	}
	text := "Content-Type: text/html; charset=utf-8\r\n\r\n" + strings.Repeat("<p>Xin chào = hi</p>", 2500) + "\r\n"
	const to = "C: RCPT TO:<binh@hanoi.example>\nS: 250\n"
	w.from(t, "192.0.2.9", loggedIn+"C: MAIL FROM:<an@hanoi.example>\nS: 250\n"+to+"C: DATA\nS: 354\n"+raw(text+".\r\n")+"S: 250\n"+
		"C: MAIL FROM:<an@hanoi.example>\nS: 250\n"+to+chunkOf(text[:1000], false)+"S: 250\n"+chunkOf(text[1000:], true)+"S: 250\n"+"C: QUIT\nS: 221\n")
	w.from(t, "192.0.2.9", hello+"C: MAIL FROM:<a@free.example>\nS: 250\n"+to+"C: DATA\nS: 354\n"+raw(text+".\r\n")+"S: 250\nC: QUIT\nS: 221\n")
	r, err := dns.ZoneResolver("s1._domainkey.hanoi.example. 60 IN TXT \"" + record + "\"")
	check(t, err)
	texts := w.inbox(t, "binh")
	if len(texts) != 3 || !strings.HasSuffix(texts[2], text) {
		t.Fatalf("%d letters, of which the last is to be as it came", len(texts))
	}
	for _, got := range texts[:2] {
		v := dkim.NewVerifier(r, dkim.Options{Now: w.Now}).Verify(t.Context())
		v.Write([]byte(got))
		if found := v.Results(t.Context()); len(found) != 1 || found[0].Status != dkim.Pass {
			t.Errorf("the signature: %v", found)
		}
		index, err := message.Parse(strings.NewReader(got))
		check(t, err)
		content, err := io.ReadAll(message.Content(strings.NewReader(got), index.Root))
		check(t, err)
		if n := longest(got); n > message.MaxLine || !strings.HasSuffix(text, "\r\n\r\n"+string(content)) || index.MessageID == "" {
			t.Errorf("the longest line has %d octets in\n%.500s", n, got)
		}
	}
}
