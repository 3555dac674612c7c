package message

import (
	"bytes"
	"strings"
	"testing"
)

func searchText(t *testing.T, raw string) (body, parts string) {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text := SearchText{strings.NewReader(raw), ix.Root}
	b, err := text.AppendBody(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := text.AppendPartHeaders(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), string(p)
}

func TestSearchBody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, raw, want string }{
		{"plain", "Subject: x\n\nhello\nworld\n", "hello\nworld\n\x00"},
		{"no charset said", "\n\xe0 la\n", "à la\n\x00"},
		{"quoted-printable", "Content-Transfer-Encoding: quoted-printable\n\nh=C3=A0 n=\n=E1=BB=99i", "hà nội\x00"},
		{"base64, charset", "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\n4A==\n", "à\x00"},
		{"html", "Content-Type: text/html\n\n<style>no</style><p>un<b>broken</b> &amp; w<br>next<script>no</script><td>c", "\nunbroken & w\nnext\nc\x00"},
		{"link", "Content-Type: text/html\n\n<a href=\"http://a.example/?x\" title=tip>here</a><img alt=cat src=x>", "here\n cat \x00http://a.example/?x\x00tip\x00"},
		{"file", "Content-Type: application/pdf; name=\"=?utf-8?q?h=C3=B3a?=.pdf\"\n\nJVBERi0=", "hóa.pdf\x00"},
		{
			"message", "Content-Type: message/rfc822\n\nFrom: a@b.example\nSubject: =?utf-8?q?h=C3=B3a?=\nX-Tag: no\n\ninside",
			"a@b.example\x00hóa\x00inside\x00",
		},
		{
			"multipart", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: image/png; name=i.png\n\nxx\n--b--",
			"one\x00i.png\x00",
		},
		{"delivery status", "Content-Type: message/delivery-status\n\nAction: failed\n", "Action: failed\n\x00"},
	} {
		got, _ := searchText(t, tt.raw)
		for strings.Contains(got, "\n\n") { // to a search, white space is white space
			got = strings.ReplaceAll(got, "\n\n", "\n")
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSearchPartHeaders(t *testing.T) {
	t.Parallel()
	raw := "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\nX-Part: =?utf-8?q?h=C3=B3a?=\nDKIM-Signature: abc\n\none\n--b--"
	if _, got := searchText(t, raw); got != "X-Part: hóa\x00DKIM-Signature: \x00" {
		t.Errorf("%q", got)
	}
}

func TestSearchTextIsBounded(t *testing.T) {
	t.Parallel()
	raw := "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\n"+strings.Repeat("0123456789abcde\n", 1<<16)+"\n", 20)
	if got, _ := searchText(t, raw); len(got) > maxSearchText+1 {
		t.Errorf("%d octets", len(got))
	}
}

func FuzzSearchText(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, raw string) {
		body, parts := searchText(t, raw)
		again, _ := searchText(t, raw)
		if body != again || len(body) > 3*maxSearchText || len(parts) > 100*maxHeaders {
			t.Errorf("%d octets of body, %d of headers", len(body), len(parts))
		}
	})
}

// FuzzValue holds the quick way to the slow one.
func FuzzValue(f *testing.F) {
	f.Add([]byte(" a\r\n\tb =?utf-8?q?=C3=B3?= \x7f\x01"))
	f.Fuzz(func(t *testing.T, value []byte) {
		got := strings.Join(strings.Fields(string(AppendValue(nil, value))), " ")
		want := strings.Join(strings.Fields(DecodeWords(strings.Join(strings.Fields(string(value)), " "))), " ")
		if got != want || bytes.IndexByte([]byte(got), 0) >= 0 {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	})
}
