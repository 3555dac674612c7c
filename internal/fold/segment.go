package fold

import (
	"bytes"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// A segment is a piece of text that is normalised by itself: it begins with a
// character that never combines with one before it.

// quick is what becomes of a character that is a segment alone.
type quick struct {
	kept, plain string // "": it takes the long way
	starts      bool   // it begins a segment
	space       bool   // it is white space
	marked      bool   // as a character of the kept form it is another in the plain one
}

// The characters of the table: Latin to Hebrew, and three blocks that text is full of.
const (
	lowEnd      = 0x600
	block       = 0x100
	vietnamese  = 0x1e00
	punctuation = 0x2000
	kana        = 0x3000
	wide        = 0xff00
)

type table [lowEnd + 4*block]quick

// quickTable is made at first use, because few programs fold much.
var quickTable = sync.OnceValue(func() *table {
	t := new(table)
	for r := rune(utf8.RuneSelf); r < wide+block; r++ {
		if i := place(r); i >= 0 {
			t[i] = newQuick(r)
		}
	}
	return t
})

// place is where r stands in the table, -1 for nowhere.
func place(r rune) int {
	if r < lowEnd {
		return int(r)
	}
	low := int(r) % block
	switch r - rune(low) {
	case vietnamese:
		return lowEnd + low
	case punctuation:
		return lowEnd + block + low
	case kana:
		return lowEnd + 2*block + low
	case wide:
		return lowEnd + 3*block + low
	}
	return -1
}

func newQuick(r rune) quick {
	q := quick{starts: startsSegment([]byte(string(r))), marked: plain(r) != string(r)}
	kept, bare := folder{keep: true}, folder{}
	kept.normalise([]byte(string(r)))
	bare.normalise([]byte(string(r)))
	if q.space = string(kept.out) == " "; q.space {
		return q
	}
	if q.starts && len(bare.out) > 0 && !bytes.Contains(kept.out, []byte(" ")) {
		q.kept, q.plain = string(kept.out), string(bare.out)
	}
	return q
}

// startsSegment reports whether a segment begins where s does.
func startsSegment(s []byte) bool {
	if s[0] < utf8.RuneSelf {
		return true
	}
	r, size := utf8.DecodeRune(s)
	if unchanged(r) || r == utf8.RuneError && size == 1 {
		return true
	}
	p := norm.NFKC.Properties(s[:size])
	if d := p.Decomposition(); len(d) > 0 && !norm.NFKC.Properties(d).BoundaryBefore() {
		return false // a compatibility vowel of Hangul, say, becomes one that combines
	}
	return p.BoundaryBefore()
}

// starts is startsSegment with the table's help.
func (f *folder) starts(s []byte) bool {
	if len(s) == 0 || s[0] < utf8.RuneSelf {
		return true
	}
	if r, size := utf8.DecodeRune(s); size > 1 {
		if i := place(r); i >= 0 {
			return f.table[i].starts
		}
	}
	return startsSegment(s)
}

// segment writes the segment that text begins with and returns its length.
func (f *folder) segment(text []byte) int {
	r, n := utf8.DecodeRune(text)
	if r == utf8.RuneError && n == 1 {
		f.write(r)
		return n
	}
	if f.starts(text[n:]) && f.alone(r, text[:n]) {
		return n
	}
	for n < len(text) && !f.starts(text[n:]) {
		_, size := utf8.DecodeRune(text[n:])
		n += size
	}
	f.normalise(text[:n])
	return n
}

// alone writes a character that is a segment, if there is a quick way.
func (f *folder) alone(r rune, s []byte) bool {
	if unchanged(r) {
		f.out, f.space = append(f.out, s...), false
		return true
	}
	i := place(r)
	if i < 0 {
		return false
	}
	switch q := &f.table[i]; {
	case q.space:
		f.writeSpace()
		return true
	case q.kept == "":
		return false
	case f.keep:
		f.out, f.space = append(f.out, q.kept...), false
	default:
		f.out, f.space = append(f.out, q.plain...), false
	}
	return true
}

// normalise writes a segment the long way.
func (f *folder) normalise(segment []byte) {
	fold := cases.Fold()
	for _, r := range string(norm.NFKC.Bytes(fold.Bytes(norm.NFKC.Bytes(segment)))) {
		f.write(r)
	}
}

// unchanged reports characters that are as they are in both forms and begin a
// segment: Han and Hangul syllables.
func unchanged(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 || r >= 0x3400 && r <= 0x4dbf
}

func isSpace(r rune) bool { return unicode.IsSpace(r) }

// stroked are letters with a stroke, which no decomposition takes away, and the i without a dot.
var stroked = map[rune]rune{'đ': 'd', 'ħ': 'h', 'ı': 'i', 'ł': 'l', 'ø': 'o', 'ŧ': 't', 'ƀ': 'b', 'ɨ': 'i', 'ƶ': 'z'}

// plain is what is left of one character of the kept form without its marks.
func plain(r rune) string {
	if r < utf8.RuneSelf {
		return string(r)
	}
	var base []rune
	for _, d := range norm.NFD.String(string(r)) {
		if s, ok := stroked[d]; ok {
			d = s
		}
		if !isMark(d) {
			base = append(base, d)
		}
	}
	return norm.NFC.String(string(base))
}

// isMark reports accents, tones and vowel points that a reader may leave out.
// The vowels of Thai and of Indian scripts and the voicing of Kana, though
// Unicode calls them marks, are letters to those who write them.
func isMark(r rune) bool {
	return unicode.Is(unicode.Mn, r) && r != '\u3099' && r != '\u309a' &&
		unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Greek, unicode.Cyrillic, unicode.Latin)
}

// Marked reports whether a text of the kept form is another in the plain one.
func Marked(kept []byte) bool {
	for i := asciiPrefix(kept); i < len(kept); {
		r, n := utf8.DecodeRune(kept[i:])
		if r >= utf8.RuneSelf && !unchanged(r) && isMarked(r) {
			return true
		}
		i += n
	}
	return false
}

func isMarked(r rune) bool {
	if i := place(r); i >= 0 {
		return quickTable()[i].marked
	}
	return plain(r) != string(r)
}
