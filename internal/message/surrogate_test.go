package message

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// surrogate gives the surrogate of a message, and checks that it has the size
// that it says.
func surrogate(t *testing.T, raw string) string {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	r := strings.NewReader(raw)
	s, err := NewSurrogate(r, ix.Root, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(s.Reader(r))
	if err != nil || int64(len(text)) != s.Size() {
		t.Fatalf("%d octets, %d announced, %v", len(text), s.Size(), err)
	}
	for off := range text { // from anywhere, across pieces
		some := make([]byte, min(7, len(text)-off))
		if n, err := s.View(r).ReadAt(some, int64(off)); n != len(some) || err != nil || !bytes.Equal(some, text[off:off+n]) {
			t.Fatalf("at %d: %q, %v", off, some[:n], err)
		}
	}
	return string(text)
}

func TestMove(t *testing.T) {
	t.Parallel()
	raw := "Subject: Thư\r\nContent-Type: multipart/mixed; boundary=b\r\nX: ư\r\n\r\npreamble\r\n--b\r\nContent-Description: ơ\r\n\r\nthư\r\n--b\r\n\r\nno header\r\n--b\r\n" +
		"Content-Type: message/rfc822\r\n\r\nTo: ư <a@b>\r\nSubject: ơ\r\n\r\nơ\r\n--b--\r\nơ\r\n"
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSurrogate(strings.NewReader(raw), ix.Root, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	s.Move(ix.Root)
	if again, err := Parse(s.Reader(strings.NewReader(raw))); err != nil || places(again.Root) != places(ix.Root) {
		t.Errorf("parts at %s, were moved to %s", places(again.Root), places(ix.Root))
	}
}

// places are the offsets of all parts.
func places(p *Part) string {
	text := fmt.Sprint(p.Start, p.Body, p.End)
	for _, child := range p.Parts {
		text += "(" + places(child) + ")"
	}
	if p.Message != nil {
		text += "{" + places(p.Message) + "}"
	}
	return text
}

func TestSurrogate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"Subject: plain\r\n\r\nthư\r\n", "Subject: plain\r\n\r\nthư\r\n"},
		{"Subject: Thư\r\n của An\r\nX: y\r\n\r\nthư", "Subject: =?utf-8?B?VGjGsCBj4bunYSBBbg==?=\r\nX: y\r\n\r\nthư"},
		{"Subject: caf\xe9\r\n\r\n", "Subject: =?utf-8?B?Y2Fmw6k=?=\r\n\r\n"},
		{"To: Ánh <a@x>, b@x\r\n\r\n", "To: =?utf-8?Q?=C3=81nh?= <a@x>, b@x\r\n\r\n"},
		{"To: nhóm: a@x, Ô <b@x>;, c@x\r\n\r\n", "To: =?utf-8?B?bmjDs20=?=: a@x, =?utf-8?B?w5Q=?= <b@x>;, c@x\r\n\r\n"},
		{"From: thư@ví-dụ.vn\r\n\r\n", "From: =?utf-8?B?dGjGsEB2w60tZOG7pS52bg==?=\r\n <internationalized-address@utf8.invalid>\r\n\r\n"},
		{"From: An <an@ví-dụ.vn>\r\n\r\n", "From: An <an@xn--v-d-rma6749a.vn>\r\n\r\n"},
		{"Received: from x for <thư@x>;\r\n date\r\n\r\n", "Received: from x for <th?@x>;\r\n date\r\n\r\n"},
		{"Thư không có dấu hai chấm\r\n\r\n", "Thư không có dấu hai chấm\r\n\r\n"}, // a body
		{
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename=\"thư.pdf\"\r\n\r\nthư\r\n--b\r\n" +
				"Content-Type: message/rfc822\r\n\r\nSubject: ơ\r\n\r\nơ\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment;\r\n filename*=utf-8''th%C6%B0.pdf\r\n\r\nthư\r\n--b\r\n" +
				"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?B?xqE=?=\r\n\r\nơ\r\n--b--\r\n",
		},
	} {
		if got := surrogate(t, c.in); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestNoSurrogateOfHugeHeader(t *testing.T) {
	t.Parallel()
	raw := "Subject: thư\r\n" + strings.Repeat("X: y\r\n", MaxHeader/6) + "\r\n"
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSurrogate(strings.NewReader(raw), ix.Root, int64(len(raw))); err != ErrNoSurrogate {
		t.Errorf("got %v", err)
	}
}

// FuzzSurrogate checks that no header keeps an octet above 127, and that a
// message without any stays as it is.
func FuzzSurrogate(f *testing.F) {
	addCorpus(f)
	f.Add("To: \xff <\xff@\xff>, \xc6\xb0: ư@ư;\r\nContent-Type: á/b; á=\xff\r\n\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		ix, err := Parse(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		got := surrogate(t, raw)
		if !ix.UTF8Header && got != raw {
			t.Errorf("%q became %q", raw, got)
		}
		if head, _ := headerOf(got); ix.UTF8Header && has8bit(head) {
			t.Errorf("%q keeps UTF-8 in %q", raw, head)
		}
	})
}

// headerOf is the header block of a message.
func headerOf(raw string) ([]byte, error) {
	ix, err := Parse(strings.NewReader(raw))
	return bytes.Clone(ix.Header), err
}
