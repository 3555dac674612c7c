package fulltext

import (
	"iter"
	"sync"
	"unicode"
	"unicode/utf8"
)

// kind sorts characters, and with them runs of one kind.
type kind uint8

const (
	apart kind = iota // in no term
	word              // letters and digits; a run is a term
	dense             // of scripts without spaces; each two neighbours are a term
)

var asciiKind = func() (t [utf8.RuneSelf]kind) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		t[c] = word
	}
	return t
}()

// planeKind has the kinds of the first 65536 characters, made at first use.
var planeKind = sync.OnceValue(func() *[1 << 16]kind {
	t := new([1 << 16]kind)
	for r := range t {
		t[r] = slowKind(rune(r))
	}
	return t
})

func slowKind(r rune) kind {
	switch {
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar),
		r == 'ー':
		return dense
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
		return word
	}
	return apart
}

// kindAt is the kind and length of the character at s[0].
func kindAt(s []byte) (kind, int) {
	if s[0] < utf8.RuneSelf {
		return asciiKind[s[0]], 1
	}
	r, n := utf8.DecodeRune(s)
	if r < 1<<16 {
		return planeKind()[r], n
	}
	return slowKind(r), n
}

// nextRun finds the first run at or after i; its kind is apart if there is none.
func nextRun(s []byte, i int) (start, end int, k kind) {
	for n := 0; i < len(s); i += n {
		if k, n = kindAt(s[i:]); k != apart {
			return i, runEnd(s, i+n, k), k
		}
	}
	return i, i, apart
}

// runEnd is where a run ends that goes at least to i.
func runEnd(s []byte, i int, k kind) int {
	for i < len(s) {
		if s[i] < utf8.RuneSelf { // as most are
			if asciiKind[s[i]] != k {
				return i
			}
			i++
			continue
		}
		next, n := kindAt(s[i:])
		if next != k {
			return i
		}
		i += n
	}
	return i
}

// A word that is longer than maxTerm is indexed as pieces, one from every
// pieceStep octets, so that whatever is at most pieceStep long is in one of them.
const (
	maxTerm   = 64
	pieceStep = 32
	maxWord   = 1024 // longer ones are not indexed
)

// piece is the k-th piece of a long word, cut between characters.
func piece(w []byte, k int) (p []byte, last bool) {
	lo, hi := k*pieceStep, k*pieceStep+maxTerm
	for !utf8.RuneStart(w[lo]) {
		lo--
	}
	for hi < len(w) && !utf8.RuneStart(w[hi]) {
		hi++
	}
	return w[lo:min(hi, len(w))], hi >= len(w)
}

// pairs iterates over the terms of a dense run: each character with the next,
// or the only one.
func pairs(run []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		_, mid := utf8.DecodeRune(run)
		if mid == len(run) {
			yield(run)
		}
		for mid < len(run) {
			_, n := utf8.DecodeRune(run[mid:])
			if !yield(run[start : mid+n]) {
				return
			}
			start, mid = mid, mid+n
		}
	}
}
