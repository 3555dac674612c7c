package message

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func opened(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	bad := []Mailbox{{Address: "a@b>\r\nBcc: <c@d"}}
	for want, d := range map[string]Draft{
		"From address":                  {From: bad},
		"Reply-To address":              {ReplyTo: bad},
		"To address":                    {To: bad},
		"Cc address: octet 0xa":         {Cc: []Mailbox{{Address: "a\n@b"}}},
		"Bcc address: octet 0x0":        {Bcc: []Mailbox{{Address: "a\x00@b"}}},
		"To address: 1002 octets":       {To: []Mailbox{{Address: strings.Repeat("a", 1000) + "@b"}}},
		"Message-ID: octet 0xd":         {MessageID: "a\r@b"},
		"In-Reply-To: octet 0xd":        {InReplyTo: []string{"a@b", "a\r@b"}},
		"References: octet 0xd":         {References: []string{"a\r@b"}},
		`field name "X: y": octet 0x3a`: {Extra: []Param{{"X: y", "z"}}},
		`field name "X\r\nY": octet`:    {Extra: []Param{{"X\r\nY", "z"}}},
		`field name ""`:                 {Extra: []Param{{"", "z"}}},
		"field X-Y: octet 0xd":          {Extra: []Param{{"X-Y", "z\r\nBcc: a@b"}}},
		`type of attachment "f"`:        {Attachments: []Attachment{{Name: "f", Type: "text/plain\r\nX: y", Open: opened("")}}},
	} {
		var out bytes.Buffer
		if err := d.Build(&out, true); err == nil || !strings.HasPrefix(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: got error %v and %q", want, err, out.String())
		}
	}
}

func TestBuildFolds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000)
	d := Draft{Subject: long, From: []Mailbox{{Name: long, Address: "a@b"}}, References: strings.Fields(strings.Repeat("1234567890@host.example ", 40)),
		Extra: []Param{{"X-Long", "short " + long}, {"X-Link", "https://host.example/" + long[:200]}}, Text: long,
		Attachments: []Attachment{{Name: long + ".txt", Open: opened("x")}}}
	var out strings.Builder
	if err := d.Build(&out, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(out.String(), "\r\n") {
		if len(line) > 78 && !strings.Contains(line, "https:") || len(line) > 998 {
			t.Errorf("a line of %d: %.100q", len(line), line)
		}
	}
	ix := check(t, out.String())
	if h := Header(ix.Header); h.Text("Subject") != long || h.Text("X-Long") != d.Extra[0].Value || h.Get("X-Link") != d.Extra[1].Value {
		t.Errorf("header %s", ix.Header)
	}
	if from := Addresses(Header(ix.Header).Get("From")); len(from) != 1 || from[0] != d.From[0] || len(ix.References) != 40 {
		t.Errorf("from %q, %d references", from, len(ix.References))
	}
	if name := ix.Root.Find([]int{2}).Filename(); name != d.Attachments[0].Name {
		t.Errorf("name of %d", len(name))
	}
}

func TestBuildCleans(t *testing.T) {
	t.Parallel()
	d := Draft{Subject: "a\r\nBcc: b\x1b[1m", To: []Mailbox{{Name: "x\r\ny", Address: "a@b"}}, Attachments: []Attachment{{Name: "a\r\n\"b", Open: opened("")}}}
	var out strings.Builder
	if err := d.Build(&out, true); err != nil {
		t.Fatal(err)
	}
	ix := check(t, out.String())
	if ix.Subject != "a Bcc: b[1m" || Header(ix.Header).Get("Bcc") != "" || ix.Root.Find([]int{2}).Filename() != "a \"b" {
		t.Errorf("%s", out.String())
	}
}
