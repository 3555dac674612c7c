package fold

import (
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Collation appends the key by which text is ordered (i;unicode-casemap, RFC
// 5051 §2): keys compare octet by octet. Each character by itself becomes its
// title case, fully decomposed; so à stands between a and b, and not, as in the
// forms that are searched, behind z. Octets that are no UTF-8 become U+FFFD.
func Collation[T []byte | string](dst []byte, text T) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, upper[c])
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(text[i:min(len(text), i+utf8.UTFMax)]))
		dst = append(dst, collation(r)...)
		i += n
	}
	return dst
}

// upper is the title case of ASCII.
var upper = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(unicode.ToTitle(rune(c)))
	}
	return t
}()

// collations are the keys of the characters that place knows, made at first use.
var collations = sync.OnceValue(func() *[len(table{})]string {
	t := new([len(table{})]string)
	for r := rune(utf8.RuneSelf); r < wide+block; r++ {
		if i := place(r); i >= 0 {
			t[i] = newCollation(r)
		}
	}
	return t
})

func collation(r rune) string {
	if i := place(r); i >= 0 {
		return collations()[i]
	}
	return newCollation(r)
}

// newCollation follows RFC 5051 §2 (2). Hangul syllables stay: UnicodeData.txt,
// which it goes by, has no decompositions of them.
func newCollation(r rune) string {
	s := string(unicode.ToTitle(r))
	if d := norm.NFKD.PropertiesString(s).Decomposition(); d != nil {
		return string(d)
	}
	return s
}
