package fold

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// searchedPieces looks for patterns in a text that is written in pieces, with windows of size octets.
func searchedPieces(t *testing.T, s *Search, text string, size int, r *rand.Rand) {
	t.Helper()
	s.Reset()
	s.windows.size = size
	var err error
	for rest := text; rest != "" && err == nil; {
		n := 1 + r.IntN(len(rest))
		_, err = s.Write([]byte(rest[:n]))
		rest = rest[n:]
	}
	if err := s.End(err); err != nil {
		t.Fatal(err)
	}
}

func TestSearchInPieces(t *testing.T) {
	t.Parallel()
	words := strings.Fields("the Tea Hà Nội ha\u0300 noi đường 中华 ﬁne q\u0303 \u0300 ́ \xe1 x\x00y ¨ İ 한국어 \u1112\u1161\u11ab")
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var b strings.Builder
		for range r.IntN(12) {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteString([]string{" ", "  ", "\r\n", "\u00a0", "", "\t ", "\x00"}[r.IntN(7)])
		}
		text := b.String()
		var patterns []*Pattern
		for range 1 + r.IntN(4) {
			at := r.IntN(len(text) + 1)
			patterns = append(patterns, Compile(text[at:at+r.IntN(min(20, len(text)-at)+1)]), Compile(words[r.IntN(len(words))]))
		}
		s := NewSearch(patterns)
		for range 2 {
			searchedPieces(t, s, text, []int{20, 23, 40, 1 << 20}[r.IntN(4)], r)
			for i, p := range patterns {
				if got, want := s.Found(i), p.MatchString(text); got != want {
					t.Fatalf("%q in %q: %v, want %v", p.want, text, got, want)
				}
			}
		}
	}
}

func TestSearchEndsEarly(t *testing.T) {
	t.Parallel()
	s := NewSearch([]*Pattern{Compile("tea"), Compile("hà"), Compile("")})
	piece := []byte("tea hà " + strings.Repeat("x ", windowSize/2))
	if _, err := s.Write(piece); !errors.Is(err, ErrFound) || s.End(err) != nil || !s.Found(0) || !s.Found(1) || !s.Found(2) {
		t.Errorf("%v, found %v", err, s.found)
	}
}

// TestSearchAllocatesNothing writes a large text.
func TestSearchAllocatesNothing(t *testing.T) {
	s := NewSearch([]*Pattern{Compile("lazy dog"), Compile("mèo lười")})
	piece := []byte(strings.Repeat("The quick brown fox là con cáo nâu\r\n", 100))
	n := testing.AllocsPerRun(5, func() {
		s.Reset()
		for range 100 {
			s.Write(piece)
		}
		s.End(nil)
	})
	if n > 0 || s.Found(0) {
		t.Errorf("%v allocations", n)
	}
}

// FuzzFold8 holds the quick way through ASCII to the slow one.
func FuzzFold8(f *testing.F) {
	f.Add([]byte("Az @[`{  \r\n\x7f"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []byte
		for i, c := range text {
			if text[i] = c & 0x7f; lower[c&0x7f] != ' ' || len(want) == 0 || want[len(want)-1] != ' ' {
				want = append(want, lower[c&0x7f])
			}
		}
		if got := Plain(nil, text); string(got) != string(want) || !IsASCII(text) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	})
}
