package imap

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	section := func(path []int, text string) Item {
		return Item{Kind: Section, Label: "BODY", Peek: true, Path: path, Text: text}
	}
	part := section([]int{1, 2}, "")
	part.Partial, part.Count = true, 100
	toEnd := section(nil, "TEXT")
	toEnd.Partial, toEnd.Offset, toEnd.Count = true, 5, math.MaxInt64
	fields := section(nil, "HEADER.FIELDS")
	fields.Fields = []string{"Date", "From"}
	for text, want := range map[string]URL{
		// RFC 4469 appendix A, RFC 8508 §4.2.
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER":   {true, "Drafts", 385759045, 20, section(nil, "HEADER")},
		"/Drafts;UIDVALIDITY=385759045/;UID=20/;Section=2.MIME":   {true, "Drafts", 385759045, 20, section([]int{2}, "MIME")},
		"/Drafts;UIDVALIDITY=385759045/;UID=30":                   {true, "Drafts", 385759045, 30, section(nil, "")},
		"/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9": {true, "INBOX", 785799047, 113330, section([]int{1, 5, 9}, "")},
		"/Drafts/;UID=3002": {true, "Drafts", 0, 3002, section(nil, "")},

		"/;UID=20/;SECTION=TEXT/;PARTIAL=5":                 {true, "", 0, 20, toEnd},
		";UID=20/;SECTION=1.2/;PARTIAL=0.100":               {false, "", 0, 20, part},
		"/inbox/;uid=4294967295":                            {true, "INBOX", 0, math.MaxUint32, section(nil, "")},
		"/Th%C6%B0%20a%2Fb;uid=1":                           {true, "Thư a/b", 0, 1, section(nil, "")},
		"a/b/;UID=1/;SECTION=HEADER.FIELDS%20(Date%20From)": {false, "a/b", 0, 1, fields},
	} {
		got, err := ParseURL(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/INBOX", "imap://x.example/INBOX/;UID=1", "//x.example/INBOX/;UID=1", "/INBOX/;UID=0", "/INBOX/;UID=1/;UID=2",
		"/INBOX/;UID=1;UIDVALIDITY=2", "/INBOX/;UID=4294967296", "/INBOX/;UID=*", "/INBOX/;UID=1/;SECTION=FROB", "/INBOX/;UID=1/;PARTIAL=0.0",
		"/INBOX/;UID=1/;URLAUTH=anonymous", "/%zz/;UID=1", "/%FF/;UID=1", "/%0a/;UID=1", "/a/../b/;UID=1", "../b/;UID=1", "/INBOX/;UID=1/;SECTION=%0d"} {
		if u, err := ParseURL(text); err == nil {
			t.Errorf("%q: taken as %+v", text, u)
		}
	}
}

// FuzzParseURL: what was read can be written and is read the same again.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME/;PARTIAL=1.2", ";UID=1", "a%2f/;UID=1/;SECTION=HEADER.FIELDS (a b)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		again, err := ParseURL(urlText(u))
		if err != nil || !reflect.DeepEqual(u, again) {
			t.Fatalf("%q is %+v, written %q, which is %+v, %v", text, u, urlText(u), again, err)
		}
	})
}

func urlText(u URL) string {
	var b strings.Builder
	if u.Absolute {
		b.WriteByte('/')
	}
	b.WriteString(percent(u.Mailbox))
	if u.UIDValidity != 0 {
		fmt.Fprintf(&b, ";UIDVALIDITY=%d", u.UIDValidity)
	}
	if u.Mailbox != "" {
		b.WriteByte('/')
	}
	fmt.Fprintf(&b, ";UID=%d", u.UID)
	it := u.Section
	if it.Partial = false; it.Path != nil || it.Text != "" {
		it.Label = ""
		label := sectionLabel(&it)
		b.WriteString("/;SECTION=" + percent(label[1:len(label)-1]))
	}
	if u.Section.Partial {
		fmt.Fprintf(&b, "/;PARTIAL=%d.%d", u.Section.Offset, u.Section.Count)
	}
	return b.String()
}

func percent(s string) (out string) {
	for _, c := range []byte(s) {
		if c == '/' || c == '.' || isDigit(c) || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			out += string(rune(c))
		} else {
			out += fmt.Sprintf("%%%02X", c)
		}
	}
	return out
}
