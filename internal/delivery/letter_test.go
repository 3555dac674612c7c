package delivery

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"tem/internal/dns"
	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/trust/dkim"
)

// TestOwnLettersAreSigned by a key of the domain that the host in From is in, as the directory gives it.
func TestOwnLettersAreSigned(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	l.must(err)
	record, err := dkim.Record(public)
	l.must(err)
	l.o.Keys = func(_ context.Context, domain string) ([]dkim.Key, error) {
		if domain != "mx.hanoi.example" {
			t.Errorf("a key for %s is asked for", domain)
		}
		return []dkim.Key{{Domain: "hanoi.example", Selector: "s1", Signer: private}}, nil
	}
	j, failed := l.failedJob("an@hanoi.example")
	_, err = l.Bounce(t.Context(), j, failed, false, func(*kv.Batch) {})
	l.must(err)
	got := l.inbox("an")
	if len(got) != 1 || !strings.HasPrefix(got[0], "Return-Path: <>\r\nDKIM-Signature:") {
		t.Fatalf("%q", got)
	}
	r, err := dns.ZoneResolver(`s1._domainkey.hanoi.example. TXT "` + record + `"`)
	l.must(err)
	v := dkim.NewVerifier(r, dkim.Options{}).Verify(t.Context())
	v.Write([]byte(strings.TrimPrefix(got[0], "Return-Path: <>\r\n")))
	if res := v.Results(t.Context()); len(res) != 1 || res[0].Status != dkim.Pass {
		t.Errorf("%v\n%s", res, got[0])
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var told []string
	l.o.Accepted = func(e *Envelope, h message.Header, b *mail.Body) {
		told = append(told, e.ReturnPath.String()+" "+h.Get("Subject")+" "+b.ID.String())
	}
	letter := &Letter{Path: at("reports@hanoi.example"), From: "hanoi.example", To: all("an@hanoi.example", "r@hue.example"), Build: func(w io.Writer) error {
		_, err := io.WriteString(w, "Subject: Hello\r\n\r\nHello.\r\n")
		return err
	}}
	l.o.Keys = func(context.Context, string) ([]dkim.Key, error) { return nil, errors.New("no keys just now") }
	id, status, err := l.Send(t.Context(), letter, mark)
	if err != nil || !status.OK() || !l.marked() {
		t.Fatalf("%v %v", status, err)
	}
	if len(told) != 1 || told[0] != "reports@hanoi.example Hello "+id {
		t.Errorf("%q", told)
	}
	if got := l.inbox("an"); len(got) != 1 || got[0] != "Return-Path: <reports@hanoi.example>\r\nSubject: Hello\r\n\r\nHello.\r\n" {
		t.Errorf("%q", got)
	}
	l.wantJobs("hue.example: r@hue.example")
	letter.Build = func(io.Writer) error { return io.ErrUnexpectedEOF }
	if _, _, err := l.Send(t.Context(), letter, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	l.wantInboxes(1, 0, 0)
}
