package fold

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func TestCollation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"Hello, World_1", "HELLO, WORLD_1"},
		{"\u01c4", "Dz\u030c"}, // the example of RFC 5051 §2
		{"\u01c6", "Dz\u030c"},
		{"ế", "E\u0302\u0301"},
		{"straße", "STRAßE"}, // only simple mappings
		{"ﬁ", "fi"},          // no title case of its own
		{"a\u00a0b", "A B"},
		{"한국", "한국"},
		{"Ω", "Ω"}, {"ω", "Ω"}, {"\u2126", "Ω"},
		{"\U00010428", "\U00010400"},
		{"a\xffb", "A\ufffdB"},
	} {
		if got := string(Collation(nil, tt.text)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
		if got := string(Collation(nil, []byte(tt.text))); got != tt.want {
			t.Errorf("octets of %q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestCollationOrder(t *testing.T) {
	t.Parallel()
	want := []string{"", " ", "1", "a", "Ab", "à", "ạ", "b", "Zebra", "_", "đ", "中"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(x, y string) int { return bytes.Compare(Collation(nil, x), Collation(nil, y)) })
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzCollation compares with the algorithm said slowly.
func FuzzCollation(f *testing.F) {
	f.Add("Thủ đô ha\u0300 noi \u01c4\u2461\u3099 한국 ﾶ \xff\xc3")
	f.Fuzz(func(t *testing.T, text string) {
		var want strings.Builder
		for _, r := range text {
			s := string(unicode.ToTitle(r))
			if r < '가' || r > '힣' {
				s = norm.NFKD.String(s)
			}
			want.WriteString(s)
		}
		if got := string(Collation(nil, text)); got != want.String() {
			t.Errorf("%q: %q, want %q", text, got, want.String())
		}
	})
}

func BenchmarkCollation(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"ASCII", "The quick brown fox jumps over the lazy Dog"},
		{"Vietnamese", "Thủ đô của nước Việt Nam là Hà Nội"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				dst = Collation(dst[:0], bb.text)
			}
		})
	}
}
