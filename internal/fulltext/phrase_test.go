package fulltext

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPhrase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, text := range []string{
		"the garbage collector is closed",    // 0
		"garbage, collector is closed",       // 1
		"collector garbage",                  // 2
		"garbage is a collector",             // 3
		"xgarbage\r\n  collectors is closed", // 4
		"Thủ đô Hà Nội",                      // 5
		"thu do ha noi",                      // 6
		"Hà xa Nội",                          // 7
		"garbage " + strings.Repeat("z", 70) + " collector garbage collect", // 8
		"❤\ufe0f garbage collector 人民 is closed",                            // 9
		strings.Repeat("ộ", 22) + " garbage collector",                      // 10: nothing is known of its places
		strings.Repeat("a ", maxPlaces) + "garbage collector",               // 11: of this neither
		"garbage\x00collector",                                              // 12
	} {
		w.texts[uint32(i)] = [2]string{text, "garbage subject"}
		w.index(uint32(i) + 1)
	}
	for range 2 {
		for _, tt := range []struct{ query, may, sure string }{
			{"garbage collector", "[0 4 9 10 11]", "[0 4 9]"},
			{"bage collect", "[0 4 8 9 10 11]", "[0 4 8 9]"},
			{"collector is closed", "[0 1]", "[0 1]"},
			{"garbage collector is", "[0]", "[0]"},
			{"hà nội", "[5]", "[5]"},
			{"ha noi", "[5 6]", "[5 6]"},
			{"đô hà", "[5]", "[5]"},
			{"hà noi", "[5]", "[]"},
			{"garbage z", "[8]", "[]"},
			{"garbage, collector is", "[0 1]", "[]"},
			{"is closed garbage", "[]", "[]"},
			{"collector garbage", "[2 8 10 11]", "[2 8]"},
			{"a a", "[11]", "[]"},
		} {
			sure, may, _, err := w.find(tt.query, Body.In())
			if got := fmt.Sprint(slices.Collect(may.All)); err != nil || got != tt.may {
				t.Errorf("%q can be in %s, %v; want %s", tt.query, got, err, tt.may)
			}
			if got := fmt.Sprint(slices.Collect(sure.All)); got != tt.sure {
				t.Errorf("%q is for certain in %s, want %s", tt.query, got, tt.sure)
			}
		}
		w.merge()
	}
}

// TestPlacesOfCommonTerms has more places to begin at than are looked at.
func TestPlacesOfCommonTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range uint32(20) {
		w.texts[i] = [2]string{strings.Repeat("a b c ", maxPlaces/3)}
	}
	w.index(20)
	sure, may, _, err := w.find("b c", Body.In())
	if err != nil || may.Count() != 20 || sure.Count() != 0 && sure.Count() != 20 {
		t.Errorf("%d and %d documents, %v", may.Count(), sure.Count(), err)
	}
}
