package message

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// check holds an index to the package's promises.
func check(t *testing.T, raw string) *Index {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	ordered(t, ix.Root, 0, int64(len(raw)), 0)
	row := ix.Root.AppendBinary(nil)
	back, err := DecodePart(row)
	if err != nil || !reflect.DeepEqual(back, ix.Root) {
		t.Fatalf("DecodePart: %v, %+v, want %+v", err, back, ix.Root)
	}
	for _, wire := range [][]byte{ix.Envelope, ix.Structure, ix.BasicBody} {
		balanced(t, string(wire))
	}
	return ix
}

// ordered checks offsets and reads every part.
func ordered(t *testing.T, p *Part, from, to int64, depth int) {
	t.Helper()
	if p.Start < from || p.Body < p.Start || p.End < p.Body || p.End > to || p.Lines < 0 || depth > maxRowDepth {
		t.Fatalf("part %d-%d-%d (%d lines) outside of %d-%d", p.Start, p.Body, p.End, p.Lines, from, to)
	}
	for _, child := range p.Parts {
		ordered(t, child, from, p.End, depth+1)
		from = child.End
	}
	if p.Message != nil {
		ordered(t, p.Message, p.Body, p.End, depth+1)
	}
}

// balanced checks IMAP wire text: one list of 7-bit octets.
func balanced(t *testing.T, wire string) {
	t.Helper()
	depth, quoted := 0, false
	for i := 0; i < len(wire); i++ {
		c := wire[i]
		if c == 0 || c == '\r' || c == '\n' || c >= 0x80 {
			t.Fatalf("octet %#x in %q", c, wire)
		}
		switch {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && c == '(':
			depth++
		case !quoted && c == ')':
			if depth--; depth == 0 && i != len(wire)-1 {
				t.Fatalf("list ends early: %q", wire)
			}
		}
	}
	if depth != 0 || quoted {
		t.Fatalf("not balanced: %q", wire)
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, envelope, structure string }{
		"plain": {
			"Date: Wed, 17 Jul 1996 02:23:25 -0700\nFrom: Terry Gray <gray@cac.example>\nSubject: a \"b\"\nTo: imap@cac.example\nMessage-Id: <1@cac>\n\nOne\nTwo\n",
			`("Wed, 17 Jul 1996 02:23:25 -0700" "a \"b\"" (("Terry Gray" NIL "gray" "cac.example")) (("Terry Gray" NIL "gray" "cac.example")) (("Terry Gray" NIL "gray" "cac.example")) ((NIL NIL "imap" "cac.example")) NIL NIL NIL "<1@cac>")`,
			`("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 10 2 NIL NIL NIL NIL)`,
		},
		"group, empty subject": {
			"Subject:\nTo: Friends: a@b, C D <c@d>;, e\n\n",
			`(NIL "" NIL NIL NIL ((NIL NIL "Friends" NIL)(NIL NIL "a" "b")("C D" NIL "c" "d")(NIL NIL NIL NIL)(NIL NIL "e" "MISSING_DOMAIN")) NIL NIL NIL NIL)`,
			`("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL)`,
		},
		"no header": {"just text\n", `(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)`,
			`("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 11 1 NIL NIL NIL NIL)`},
		"similar boundaries, one missing": {
			"Content-Type: multipart/mixed; boundary=a\n\npre\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\nx\n--ab  \nContent-Type: text/html\n\ny\n--a\nContent-Type: application/pdf; name*0*=utf-8''t%E1%BB; name*1*=%87p.pdf\nContent-Disposition: attachment\n\nz\n--a--\nepilogue\n",
			`(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)`,
			`((("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 1 0 NIL NIL NIL NIL)("TEXT" "HTML" NIL NIL NIL "7BIT" 1 0 NIL NIL NIL NIL) "ALTERNATIVE" ("BOUNDARY" "ab") NIL NIL NIL)("APPLICATION" "PDF" ("NAME*" "utf-8''t%E1%BB%87p.pdf") NIL NIL "7BIT" 1 NIL ("ATTACHMENT" NIL) NIL NIL) "MIXED" ("BOUNDARY" "a") NIL NIL NIL)`,
		},
		"digest": {
			"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in\n\nhello\n--d--\n",
			`(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)`,
			`(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 20 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) "DIGEST" ("BOUNDARY" "d") NIL NIL NIL)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ix := check(t, crlf(c.raw))
			if string(ix.Envelope) != c.envelope {
				t.Errorf("envelope\n got %s\nwant %s", ix.Envelope, c.envelope)
			}
			if string(ix.Structure) != c.structure {
				t.Errorf("structure\n got %s\nwant %s", ix.Structure, c.structure)
			}
			check(t, c.raw)
		})
	}
}

func TestParseDeep(t *testing.T) {
	t.Parallel()
	check(t, strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 10000))
	check(t, strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 10000))
	check(t, "Content-Type: multipart/mixed; boundary=b\r\n\r\n"+strings.Repeat("--b\r\n\r\n", MaxParts+5))
}

func TestBuildAndRead(t *testing.T) {
	t.Parallel()
	d := Draft{From: []Mailbox{{Name: "Nguyễn Văn A", Address: "a@hanoi.example"}}, To: []Mailbox{{Name: "B, C", Address: "b@saigon.example"}},
		Subject: strings.Repeat("Thư mời họp ", 12), Text: "Xin chào,\nhẹn gặp.\n",
		Attachments: []Attachment{{Name: "Báo cáo quý ba của phòng kế hoạch.pdf", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Repeat("data", 1000))), nil
		}}}}
	var out strings.Builder
	if err := d.Build(&out, false); err != nil {
		t.Fatal(err)
	}
	raw := out.String()
	ix := check(t, raw)
	for line := range strings.SplitSeq(raw, "\r\n") {
		if len(line) > 78 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line %q", line)
		}
	}
	if ix.Subject != strings.TrimSpace(d.Subject) && ix.Subject != d.Subject {
		t.Errorf("subject %q", ix.Subject)
	}
	if from := Addresses(Header(ix.Header).Get("From")); !reflect.DeepEqual(from, d.From) {
		t.Errorf("from %q", from)
	}
	text, err := Readable(strings.NewReader(raw), ix.Root)
	if err != nil || text != strings.TrimSpace(d.Text) {
		t.Errorf("text %q, %v", text, err)
	}
	file := ix.Root.Find([]int{2})
	if file.Filename() != d.Attachments[0].Name || !ix.HasAttachment {
		t.Errorf("file %q", file.Filename())
	}
	if b, err := io.ReadAll(Content(strings.NewReader(raw), file)); err != nil || string(b) != strings.Repeat("data", 1000) {
		t.Errorf("content %d octets, %v", len(b), err)
	}
}

// TestVectors reads all messages of our corpus, or of a directory named by
// TEM_VECTORS, such as other projects' samples.
func TestVectors(t *testing.T) {
	t.Parallel()
	dir := cmp.Or(os.Getenv("TEM_VECTORS"), filepath.Join("testdata", "corpus"))
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || ext != ".raw" && ext != ".eml" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		ix := check(t, string(b))
		if _, err := Readable(strings.NewReader(string(b)), ix.Root); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkParse(b *testing.B) {
	raw := crlf("Date: Wed, 17 Jul 1996 02:23:25 -0700\nFrom: Terry Gray <gray@cac.example>\nSubject: hello\nTo: imap@cac.example\nMessage-Id: <1@cac>\n\n") + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 55)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(strings.NewReader(raw)); err != nil {
			b.Fatal(err)
		}
	}
}
