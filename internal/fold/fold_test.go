package fold

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, text string
		want        bool
	}{
		{"straße", "STRASSE", true},
		{"ha noi", "Thủ đô Hà\r\n  Nội", true},
		{"duong", "ĐƯỜNG", true},
		{"đường", "duong", false},
		{"hà noi", "Hà Nội", false},
		{"Hà Nội", "ha\u0300 no\u0323\u0302i", true},
		{"ha\u0300", "Hà", true},
		{"istanbul", "İstanbul", true},
		{"office", "o\ufb03ce", true},
		{"12", "\u2460\u2461", true},
		{"か", "が", false},
		{"กน", "กิน", false},
		{"a b", "a\u00a0\u2003b", true},
		{" b", "ab", false},
		{" b", "a  b", true},
		{"", "", true},
		{" \t", "x", true},
		{"a\x00b", "a\x00b", false},
		{"x", "\xff\xfex", true},
		{"\xff", "\ufffd", true},
		{"smörgås", "smo\u0308rga\u030as", true},
		{"smorgas", "SMÖRGÅS", true},
		{"한국", "\u1112\u1161\u11ab국", true},
	} {
		if got := Compile(tt.query).MatchString(tt.text); got != tt.want {
			t.Errorf("%q in %q: %v, want %v", tt.query, tt.text, got, tt.want)
		}
	}
}

// slowKept is the kept form said as plainly as can be.
func slowKept(s string) string {
	s = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(string([]rune(s)))))
	var out strings.Builder
	space := false
	for _, r := range s {
		if is := unicode.IsSpace(r); !is || !space {
			out.WriteRune(map[bool]rune{true: ' ', false: r}[is])
			space = is
		} else {
			space = true
		}
	}
	return out.String()
}

func slowPlain(s string) string { return plainOf([]byte(slowKept(s))) }

// plainOf is what becomes of a text of the kept form.
func plainOf(kept []byte) string {
	var out strings.Builder
	for _, r := range string(kept) {
		out.WriteString(plain(r))
	}
	return out.String()
}

func FuzzFold(f *testing.F) {
	f.Add("Hà Nội", "Thủ đô ha\u0300 noi là\u00a0HÀ NỘI")
	f.Add("o\u0301\u0323", "\u1112\u1161\u11ab \u00b4 \u0345 ǰ ΐ ŉ \u0130")
	f.Add("x\x00", "\xff\xc3 a\u0301\xc3")
	f.Fuzz(func(t *testing.T, query, text string) {
		if got, want := string(Kept(nil, []byte(text))), slowKept(text); got != want && !tooManyMarks(text) {
			t.Errorf("kept form of %q is %q, want %q", text, got, want)
		}
		if got, want := string(Plain(nil, []byte(text))), slowPlain(text); got != want && !tooManyMarks(text) {
			t.Errorf("plain form of %q is %q, want %q", text, got, want)
		}
		p := Compile(query)
		var whole Text
		whole.Reset([]byte(text))
		if p.Match(&whole) != p.MatchString(text) {
			t.Error("Match and MatchString differ")
		}
		if p.Match(&whole) && !strings.Contains(string(Plain(nil, []byte(text))), plainOf(p.Folded())) {
			t.Errorf("%q is in %q but not in its plain form", query, text)
		}
		if p.Marked() == (slowPlain(query) == slowKept(query)) && !strings.Contains(query, "\x00") && strings.TrimSpace(query) != "" && !tooManyMarks(query) {
			t.Errorf("%q: marked %v", query, p.Marked())
		}
	})
}

// tooManyMarks reports a text in which the normaliser of x/text breaks up a run
// of marks: it may do so elsewhere in a part than in the whole.
func tooManyMarks(s string) bool {
	n := 0
	for _, r := range s {
		if n++; utf8.RuneLen(r) == 1 {
			n = 0
		}
		if n > 8 {
			return true
		}
	}
	return false
}

func TestNoAllocation(t *testing.T) {
	text, p := []byte(strings.Repeat("The quick brown fox\r\n", 100)), Compile("lazy dog")
	var whole Text
	n := testing.AllocsPerRun(100, func() {
		whole.Reset(text)
		p.Match(&whole)
	})
	if n > 0 {
		t.Errorf("%v allocations to search ASCII", n)
	}
}

func BenchmarkPlain(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"ASCII", "The quick brown fox jumps over the lazy Dog, twice.\r\n"},
		{"Vietnamese", "Thủ đô của nước Việt Nam là Hà Nội, nghìn năm văn hiến.\r\n"},
		{"Chinese", "中华人民共和国首都北京市海淀区，你好世界。\r\n"},
		{"decomposed", norm.NFD.String("Thủ đô của nước Việt Nam là Hà Nội.\r\n")},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := []byte(strings.Repeat(bb.text, 40))
			b.SetBytes(int64(len(text)))
			var out []byte
			for b.Loop() {
				out = Plain(out[:0], text)
			}
		})
	}
}
