package message

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// addCorpus adds the messages of testdata/corpus and small hostile ones.
func addCorpus(f *testing.F) {
	files, err := filepath.Glob("testdata/corpus/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
	for _, of := range hostile {
		f.Add(of(100))
	}
}

func FuzzParse(f *testing.F) {
	addCorpus(f)
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b--")
	f.Add("Content-Type: message/rfc822\n\nSubject: \xff\n\n")
	f.Fuzz(func(t *testing.T, raw string) {
		ix := check(t, raw)
		as, err := ParseUTF8(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(as.Envelope), string(as.Structure), string(as.BasicBody)} {
			balanced(t, strings.Map(func(r rune) rune { return min(r, 0x7f) }, text))
			if !utf8.ValidString(text) {
				t.Errorf("not UTF-8: %q", text)
			}
		}
		s, err := Readable(strings.NewReader(raw), ix.Root)
		if err != nil || !isPlain(s) {
			t.Errorf("%q, %v", s, err)
		}
		ix.Root.Walk(func(path []int, p *Part) bool {
			if len(path) > 0 && ix.Root.Find(path) != p {
				t.Errorf("part %v is not found", path)
			}
			return true
		})
	})
}

// isPlain reports UTF-8 that a terminal shows as it is.
func isPlain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

func FuzzDecodePart(f *testing.F) {
	files, _ := filepath.Glob("testdata/corpus/*.eml")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		ix, err := Parse(strings.NewReader(string(raw)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ix.Root.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := DecodePart(b); err == nil && string(p.AppendBinary(nil)) != string(b) {
			t.Fatalf("%x is written as %x", b, p.AppendBinary(nil))
		}
	})
}

// FuzzAddresses also writes what it read and reads it again.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		`"a" <@r:b@c>, g: d@[1.2.3.4] (e(f));`, `=?utf-8?q?Nguy=E1=BB=85n?= <n@v>`, `a@b . c, "x y"@z (w)`,
		`Undisclosed recipients:(nobody(that I know))  ;`, `<a,b>;c:d;e`, "\"\\", "a@[", "é <ế@ộ>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		balanced(t, string(appendAddresses([]byte("("), s, inASCII))+")")
		for _, m := range Addresses(s) {
			if !isPlain(m.Name) || m.Group != "" || m.Address == "" || !plainAddress(m.Address) {
				continue
			}
			if again := Addresses(m.String()); len(again) != 1 || again[0].Address != m.Address {
				t.Errorf("%q is written as %q and read as %q", m, m.String(), again)
			}
		}
	})
}

// plainAddress reports an address that needs no quotes, which is written as it was read.
func plainAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && isDotAtom(local) && isDotAtom(domain) && utf8.ValidString(s)
}

func FuzzDecodeWords(f *testing.F) {
	for _, s := range []string{"=?utf-8?q?=41?= =?gb2312?b?xOM=?=", "=?=?=?=", "=?a?q??=", "a =?utf-8*vi?B?4bs=?= =?UTF-8?B?hQ==?= b", "=?iso-2022-jp?B?GyRC?=", "\xff=?koi8-r?q?=ff=?="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if out := DecodeWords(s); !isPlain(out) {
			t.Fatalf("%q", out)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); isPlain(want) && !strings.ContainsAny(want, "\n\t") {
			if got := DecodeWords(EncodeWords(want)); got != want {
				t.Fatalf("%q is encoded as %q and decoded as %q", want, EncodeWords(want), got)
			}
		}
	})
}

// FuzzParams checks that parameters are of a media type and stay the same when
// written as RFC 2231 has them.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		"text/plain; charset=\"utf-8\"", "a/b; n*0*=utf-8''%E1%BB; n*1*=%87; n=x", "a/b (c); d=e (f).g", "multipart", ";;=;a=\"", "a/b; n*=''; n*x=1; n*1=2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _, params, _ := contentType(s)
		for _, p := range params {
			if p.Value == "" || !isPlain(p.Value) || cleanText(p.Value) != p.Value {
				continue
			}
			_, _, back, _ := contentType("a/b" + strings.ReplaceAll(parameter("filename", p.Value), "\r\n", ""))
			if want := []Param{{"filename", p.Value}}; !reflect.DeepEqual(back, want) && len(p.Value) < 1000 {
				t.Errorf("%q, want %q", back, want)
			}
		}
	})
}

func FuzzDate(f *testing.F) {
	for _, s := range []string{"Fri, 21 Nov 1997 09:55:06 -0600 (x)", "2-Jan-2006", "Thu,\n 13 Feb 69 23:32 EST", "1 Jan 10000 1:2:3:4", "(", "1 feb 99 1: +9999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := parseDate(s)
		if back := parseDate(at.Format(time.RFC1123Z)); !at.IsZero() && at.Year() > 999 && !back.Equal(at.Truncate(time.Second)) {
			t.Errorf("%q is %v, then %v", s, at, back)
		}
	})
}

func FuzzSubject(f *testing.F) {
	for _, s := range []string{"Re: [list] RE[2]: Fwd: [tag] Hello (fwd) ", "[fwd: re: x]", "[a][b]", "re [x", "=?utf-8?q?Re=3A?= a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		base := BaseSubject(s)
		if again := BaseSubject(base); again != base && !strings.Contains(base, "=?") {
			t.Errorf("%q has base %q, and that %q", s, base, again)
		}
	})
}

func FuzzContent(f *testing.F) {
	for _, s := range []string{"=41=\r\n b \r\n=", "YW Jj\r\nZA==", "====", "\xe1\xbb"} {
		f.Add(s, "quoted-printable", "utf-8")
		f.Add(s, "base64", "windows-1258")
	}
	f.Add("\x1b$B", "7bit", "iso-2022-jp")
	f.Fuzz(func(t *testing.T, s, encoding, charset string) {
		p := &Part{End: int64(len(s)), Encoding: encoding, Params: []Param{{"charset", charset}}}
		if out, err := io.ReadAll(Text(strings.NewReader(s), p)); err != nil || !utf8.Valid(out) {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func FuzzHTMLText(f *testing.F) {
	for _, s := range []string{"<p><a href=x:>a</a><li><td>", "<script><!--", "<img alt='\x1b&#27;'>", "a&nbsp;<b>c</b> d", "</a><title>", "<svg><![CDATA[x]]>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if out := HTMLText(strings.ToValidUTF8(s, "")); !isPlain(out) {
			t.Errorf("%q", out)
		}
	})
}
