package message

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
)

func readText(t *testing.T, raw string) string {
	t.Helper()
	ix := check(t, raw)
	s, err := Readable(strings.NewReader(raw), ix.Root)
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("control character %q at %d", s[i], i)
	}
	return s
}

func TestReadableCut(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	line := strings.Repeat("ộ", 340) + "\r\n" // 1022 octets
	parts := "--b\r\n\r\n" + strings.Repeat(line, 4) + "\r\n"
	head := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	for name, c := range map[string]struct {
		raw   string
		least int // octets
		cut   bool
	}{
		"one text":   {"\r\n" + strings.Repeat(line, 70), limit - 9, true},
		"many texts": {head + strings.Repeat(parts, 20), limit - 300, true},
		"html":       {"Content-Type: text/html\r\n\r\n" + strings.Repeat("<li>a</li>", 7000), 1000, true},
		"grown":      {"Content-Type: text/plain; charset=windows-1258\r\n\r\n" + strings.Repeat("\xd0", 40<<10), limit - 9, true},
		"all":        {head + strings.Repeat(parts, 14), limit / 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := readable(strings.NewReader(c.raw), check(t, c.raw).Root, limit)
			if err != nil || strings.HasSuffix(s, "\n\n"+cutLine) != c.cut || len(s) > limit+len(cutLine)+2 || len(s) < c.least {
				t.Errorf("%d octets that end with %q, %v", len(s), s[max(len(s)-100, 0):], err)
			}
		})
	}
}

func TestReadableClean(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"text":    "\r\na\x1b[31m\tb\x00\x07\r\nc\rd\x7f\r\n",
		"C1":      "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na[31m=C2=9B=1B\tb\r\nc\r\nd\r\n",
		"html":    "Content-Type: text/html\r\n\r\na&#27;[31m&#155;<img alt='\x1b&#9;b'><br>c<br>d&#x07;",
		"message": "Content-Type: message/rfc822\r\n\r\nSubject: a\x1b[31m=?utf-8?q?=1B?=\tb\r\n\r\nc\r\nd",
	} {
		got := strings.Fields(readText(t, raw))
		if s := strings.Join(got, " "); !strings.HasSuffix(s, "c d") || !strings.Contains(s, "a") || !strings.Contains(s, "[31m") {
			t.Errorf("%s: %q", name, s)
		}
	}
	if s := HTMLText("<a href='x:\x1b[1m'>\x1b[1m</a>"); strings.Contains(s, "\x1b") {
		t.Errorf("%q", s)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("=E1=BB=99", 3000)
	for name, c := range map[string]struct{ header, body, want string }{
		"no charset":                     {"text/plain", "ộ \xe9\x80\xe1\xbb", "ộ é€á»"},
		"utf-8":                          {"text/plain; charset=utf-8", "ộ \xe9", "ộ é"},
		"unknown":                        {"text/plain; charset=x-unknown", "ộ \xff", "ộ ÿ"},
		"windows-1258":                   {"text/plain; charset=windows-1258", "\xd0", "Đ"},
		"broken gb18030":                 {"text/plain; charset=gb18030", "\xff\xc4\xe3", "\uFFFD你"},
		"iso-2022-jp":                    {"text/plain; charset=ISO-2022-JP", "\x1b$B$\"\x1b(B.", "あ."},
		"quoted-printable":               {"text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable", "a =\r\nb  \r\n=e1=BB=99=ZZ=4", "a b\r\nộ=ZZ=4"},
		"quoted-printable, no line ends": {"text/plain\r\nContent-Transfer-Encoding: quoted-printable", long, strings.Repeat("ộ", 3000)},
		"base64":                         {"text/plain\r\nContent-Transfer-Encoding: BASE64", "YeG7\r\n !mQ==", "aộ"},
		"base64, an octet more":          {"text/plain\r\nContent-Transfer-Encoding: base64", "YWJjZ", "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := "Content-Type: " + c.header + "\r\n\r\n" + c.body
			text := Text(strings.NewReader(raw), check(t, raw).Root)
			got, err := io.ReadAll(iotest.OneByteReader(text))
			if err != nil || string(got) != c.want {
				t.Errorf("got %.200q, %v, want %.200q", got, err, c.want)
			}
		})
	}
}

// TestTextStreams checks that the beginning of a text costs no more than it.
func TestTextStreams(t *testing.T) {
	t.Parallel()
	raw := "\r\n" + strings.Repeat("a", 1<<20)
	r := &counting{r: strings.NewReader(raw)}
	if _, err := io.ReadFull(Text(r, check(t, raw).Root), make([]byte, 100)); err != nil || r.n > 64<<10 {
		t.Errorf("read %d octets, %v", r.n, err)
	}
}

type counting struct {
	r io.ReaderAt
	n int
}

func (c *counting) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(b, off)
	c.n += n
	return n, err
}
