package message

import (
	"bytes"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func searchText(t *testing.T, raw string) (body, parts string) {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text := SearchText{R: strings.NewReader(raw), Root: ix.Root}
	var b, p strings.Builder
	if err := text.WriteBody(&b); err != nil {
		t.Fatal(err)
	}
	if err := text.WritePartHeaders(&p); err != nil {
		t.Fatal(err)
	}
	return b.String(), p.String()
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

// TestSearchTextOfLargeParts holds text that is read in pieces to what it is made of.
func TestSearchTextOfLargeParts(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("Thủ đô của Việt Nam, nghìn năm\r\n", 5000)
	for _, tt := range []struct{ name, head, body string }{
		{"8bit", "8bit", want},
		{"base64", "base64", base64.StdEncoding.EncodeToString([]byte(want))},
		{"invalid", "8bit", strings.Repeat("\xe0 la \xff\r\n", 10000)},
	} {
		got, _ := searchText(t, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "+tt.head+"\r\n\r\n"+tt.body)
		if tt.name == "invalid" {
			tt.body = strings.Repeat("à la ÿ\r\n", 10000)
		} else {
			tt.body = want
		}
		if got != tt.body+"\x00" {
			t.Errorf("%s: %d octets, want %d", tt.name, len(got), len(tt.body)+1)
		}
	}
}

// TestSearchTextInLittleMemory reads large texts, while no other test runs.
func TestSearchTextInLittleMemory(t *testing.T) {
	for _, tt := range []struct {
		kind, encoding, piece string
		size                  int
	}{
		{"plain", "base64", "aGVsbG8gd29ybGQgaGVs\r\n", 64 << 20},
		{"plain", "7bit", "hello world\r\n", 16 << 20},
		{"html", "7bit", "<p>hello <a href='http://a.example/?q=1'>world</a>\r\n", 16 << 20},
		{"html", "7bit", "hello &amp; world ", 16 << 20},
	} {
		raw := "Content-Type: text/" + tt.kind + "\r\nContent-Transfer-Encoding: " + tt.encoding + "\r\n\r\n" + strings.Repeat(tt.piece, tt.size/len(tt.piece))
		ix, err := Parse(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		w := highWater{}
		if err := (SearchText{R: strings.NewReader(raw), Root: ix.Root}).WriteBody(&w); err != nil || w.octets < tt.size/4 {
			t.Errorf("%s, %s: %d octets of text, %v", tt.kind, tt.encoding, w.octets, err)
		}
		if w.heap > 4<<20 {
			t.Errorf("%s, %s: %d octets of memory", tt.kind, tt.encoding, w.heap)
		}
	}
}

// highWater is how much memory was in use at most while it was written to,
// beside what was when that began.
type highWater struct{ octets, first, heap, next int }

func (w *highWater) Write(p []byte) (int, error) {
	if w.octets += len(p); w.octets >= w.next {
		w.next = w.octets + 4<<20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if w.first == 0 {
			w.first = int(m.HeapAlloc)
		}
		w.heap = max(w.heap, int(m.HeapAlloc)-w.first)
	}
	return len(p), nil
}

// TestSearchLongTokens reads HTML with less room for each token than it takes.
func TestSearchLongTokens(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, html, want string }{
		{"text", "one &amp; two &lt; three &amp; four &amp; five<b>six</b>", "one & two < three & four & fivesix"},
		{"tag", "one<img src='" + strings.Repeat("x", 200) + "' alt=y>two", "onetwo"},
		{"comment", "one<!-- " + strings.Repeat("x", 200) + " -->two", "onetwo"},
		{"script", "one<script>" + strings.Repeat("a<b ", 100) + "</script>two", "one\n\ntwo"},
		{"end in a tag", "one<img src='" + strings.Repeat("x", 200), "one"},
		{"end in a script", "one<script>" + strings.Repeat("a<b ", 100), "one\n"},
	} {
		for limit := 50; limit < 90; limit++ {
			var out strings.Builder
			s := searchHTML{w: &out, max: limit}
			if err := s.all(iotest.OneByteReader(strings.NewReader(tt.html))); err != nil || out.String() != tt.want {
				t.Errorf("%s, with %d octets: %q, %v; want %q", tt.name, limit, out.String(), err, tt.want)
			}
		}
	}
}

func FuzzSearchText(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, raw string) {
		body, parts := searchText(t, raw)
		again, _ := searchText(t, raw)
		if body != again || len(body) > 20*len(raw)+100 || len(parts) > 100*maxHeaders {
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
