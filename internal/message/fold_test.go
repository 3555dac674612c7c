package message

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

func folded(t testing.TB, raw string) string {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteFolded(&out, strings.NewReader(raw), ix.Root); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWriteFolded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("một hai = ba ", 80) // in all 1280 octets
	most := strings.Repeat("x", MaxLine)
	for name, c := range map[string]struct {
		raw, want string // want: the header of what is written anew, up to its text; "": nothing is
	}{
		"no MIME":      {"From: a\r\n\r\n" + long + "\r\n", "From: a\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm=E1=BB=99t hai =3D ba"},
		"8bit":         {"Content-Transfer-Encoding:\r\n 8bit\r\nMIME-Version: 1.0\r\nSubject: x\r\n\r\n" + long, "Subject: x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm=E1"},
		"just fits":    {"From: a\r\n\r\n" + most + "\r\n" + most, ""},
		"one too many": {"From: a\r\n\r\n" + most + "x\r\n", "From: a\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nxxx"},
		"base64":       {"Content-Transfer-Encoding: base64\r\n\r\n" + most + most, ""},
		"binary":       {"Content-Transfer-Encoding: binary\r\n\r\n" + most + most, ""},
		"signed":       {"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" + long + "\r\n--b--\r\n", ""},
		"a message":    {"Content-Type: message/rfc822\r\n\r\nFrom: b\r\n\r\n" + long, ""},
		"a part": {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nshort\r\n--b\r\nContent-Type: text/html\r\n\r\n" + long + "\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nshort\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm=E1"},
		"a part without a header": {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + long + "\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm=E1"},
		"no delimiter":     {"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + long + "\r\n", ""},
		"no boundary":      {"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n" + long + "\r\n--b--\r\n", ""},
		"coded multipart":  {"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--b\r\n\r\n" + long + "\r\n--b--\r\n", ""},
		"deep":             {deep(MaxDepth+1, long), ""},
		"very many parts":  {"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n\r\n", MaxParts) + "--b\r\n\r\n" + long + "\r\n--b--\r\n", ""},
		"many headers":     {"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n"+strings.Repeat("A: b\r\n", MaxHeader/6+1)+"\r\n\r\n", 2) + "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + most + most + "\r\n--b--\r\n", ""},
		"endless header":   {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + strings.Repeat("A: b\r\n", MaxHeader/6+1) + "\r\n" + long + "\r\n--b--\r\n", ""},
		"binary multipart": {"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\n" + long + "\r\n--b--\r\n", "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nm=E1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := folded(t, c.raw)
			if c.want == "" && got != c.raw || !strings.HasPrefix(got, c.want) {
				t.Errorf("got\n%s", got)
			}
			sameContent(t, c.raw, got)
		})
	}
}

// deep is a text inside so many multiparts.
func deep(levels int, text string) string {
	for i := range levels {
		text = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n", i, i, text, i)
	}
	return text
}

// TestFoldedLinesAreNoDelimiters: a break that is put into a line makes nothing
// that stood inside it a line of its own, which might begin or end a part.
func TestFoldedLinesAreNoDelimiters(t *testing.T) {
	t.Parallel()
	for at := range 3 * maxQPLine {
		line := strings.Repeat("x", MaxLine+at)
		raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + line + "--b\r\nContent-Type: text/html\r\n\r\n" + line + "--b--\r\n\r\n--b--\r\n"
		got := folded(t, raw)
		sameContent(t, raw, got)
		if n := strings.Count(got, "\r\n--b"); n != 2 {
			t.Fatalf("%d delimiters at %d:\n%s", n, at, got)
		}
	}
}

// TestQPWriter: lines are as long as they may be, and the library reads them as they were.
func TestQPWriter(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "\t", "a ", "a \r\nb\t\r\n", "\r\n\r\n", "--\r\n-- \r\n.\r\n=3D", "\r", "a\rb\nc\r\r\n", "\x00\x7f\xff", strings.Repeat("é- ", 99), strings.Repeat(" ", 75) + "\r\n" + strings.Repeat(" ", 200)} {
		for size := range 90 {
			text := strings.Repeat("x", size) + text
			var b bytes.Buffer
			q := newQPWriter(&b)
			if _, err := io.Copy(q, strings.NewReader(text)); err != nil || q.Close() != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(b.Bytes())))
			if err != nil || string(back) != text {
				t.Errorf("%q is %q, which is %q: %v", text, b.Bytes(), back, err)
			}
			for line := range strings.SplitSeq(b.String(), "\r\n") {
				if len(line) > maxQPLine || strings.HasPrefix(line, "-") || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") {
					t.Errorf("%q has the line %q", text, line)
				}
			}
		}
	}
}

// sameContent compares all leaves; those that may be written anew must have no long lines any more.
func sameContent(t testing.TB, was, is string) {
	t.Helper()
	before, after := leaves(t, was), leaves(t, is)
	if len(before) != len(after) {
		t.Fatalf("%d parts became %d:\n%q\n%q", len(before), len(after), was, is)
	}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("part %d was %q, is %q", i, before[i], after[i])
		}
	}
}

// leaves are the decoded contents of a message's leaves, each behind its type.
func leaves(t testing.TB, raw string) (all []string) {
	t.Helper()
	ix, err := Parse(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	ix.Root.Walk(func(_ []int, p *Part) bool {
		if !p.isMultipart() {
			text, err := io.ReadAll(Content(strings.NewReader(raw), p))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p.Type+"/"+p.Subtype+" "+string(text))
		}
		return true
	})
	return all
}

func TestLineMeter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, strings.Repeat("x", 998) + "\r\n" + strings.Repeat("y", 998): false, "a\r\n" + strings.Repeat("x", 999) + "\r\nb": true,
		strings.Repeat("x", 1000): true, strings.Repeat("ab\r\n", 1000): false,
	} {
		for _, size := range []int{1, 7, 100000} {
			var m LineMeter
			for rest := []byte(text); len(rest) > 0; {
				n := min(size, len(rest))
				m.Write(rest[:n])
				rest = rest[n:]
			}
			if m.Over != want {
				t.Errorf("%.20q… in pieces of %d: %v", text, size, m.Over)
			}
		}
	}
}

func FuzzWriteFolded(f *testing.F) {
	addCorpus(f)
	long := strings.Repeat("dài = ", 300)
	f.Add("A: b\r\n\r\n" + long)
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + long + "\r\n--b\r\n\r\n" + long + " \r\n--b--\r\n" + long)
	f.Fuzz(func(t *testing.T, raw string) {
		raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r", ""), "\n", "\r\n")
		if !strings.Contains("\r\n"+raw, "\r\n\r\n") { // what comes to be stored has a header that ends
			raw = "A: b\r\n\r\n" + raw
		}
		sameContent(t, raw, folded(t, raw))
	})
}
