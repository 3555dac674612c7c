// Package fold makes texts that a reader takes for the same the same, octet by
// octet, so that searching is looking for a substring.
//
// Two forms are made. The kept form is the text in full case folding and
// compatibility composition (i;unicode-casemap, RFC 5051), each run of white
// space one space. The plain form is the kept form, character by character,
// without marks: à becomes a and đ d.
//
// Invariant: plain is a function of each character of kept by itself, so what
// is found in the kept form is found in the plain one too: an index of plain
// text misses nothing. The package starts no goroutines.
package fold

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Plain appends the plain form of text to dst. Octets that are no UTF-8 become U+FFFD.
func Plain(dst, text []byte) []byte { return appendFolded(dst, text, false) }

// Kept appends the kept form of text to dst.
func Kept(dst, text []byte) []byte { return appendFolded(dst, text, true) }

// Pieces folds the pieces of a text, as Windows cuts it, one after the other.
type Pieces struct{ plain, kept folder }

// Reset begins another text.
func (p *Pieces) Reset() { p.plain.space, p.kept.space = false, false }

// Plain is the plain form of the next piece, valid until the one after it.
func (p *Pieces) Plain(piece []byte) []byte {
	p.plain.out, p.kept.space = p.plain.out[:0], p.plain.space
	p.plain.fold(piece)
	return p.plain.out
}

// Kept is the kept form of the piece of which Plain was asked last.
func (p *Pieces) Kept(piece []byte) []byte {
	p.kept.out, p.kept.keep = p.kept.out[:0], true
	p.kept.fold(piece)
	return p.kept.out
}

// folder writes one form of a text.
type folder struct {
	out   []byte
	keep  bool
	space bool // the last character of the kept form is a space
	table *table
}

func appendFolded(dst, text []byte, keep bool) []byte {
	f := folder{out: dst, keep: keep}
	f.fold(text)
	return f.out
}

// fold writes text, which begins a segment, as does what is written after it.
func (f *folder) fold(text []byte) {
	f.out = slices.Grow(f.out, len(text))
	for len(text) > 0 {
		n := asciiPrefix(text)
		if n == len(text) {
			f.ascii(text)
			return
		}
		if f.table == nil {
			f.table = quickTable()
		}
		if n > 0 && !f.starts(text[n:]) {
			n-- // the last one takes part in what follows
		}
		f.ascii(text[:n])
		text = text[n:]
		text = text[f.segment(text):]
	}
}

// IsASCII reports text that is nothing else; both forms of it are one.
func IsASCII(text []byte) bool { return asciiPrefix(text) == len(text) }

// Octets of eight at a time.
const (
	ones = 0x0101010101010101
	tops = 0x80 * ones
)

// asciiPrefix is how many octets of ASCII s begins with.
func asciiPrefix(s []byte) (n int) {
	for n+8 <= len(s) && binary.LittleEndian.Uint64(s[n:])&tops == 0 {
		n += 8
	}
	for n < len(s) && s[n] < utf8.RuneSelf {
		n++
	}
	return n
}

// lower is what becomes of ASCII: small letters, and a space for white space.
var lower = func() (t [utf8.RuneSelf]byte) {
	for c := range t {
		t[c] = byte(c)
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] += 'a' - 'A'
	}
	for _, c := range "\t\n\v\f\r" {
		t[c] = ' '
	}
	return t
}()

// ascii writes text that is nothing else.
func (f *folder) ascii(text []byte) {
	at := len(f.out)
	f.out = slices.Grow(f.out, len(text))
	out := f.out[at : at+len(text)]
	n := 0
	for len(text) > 0 {
		if len(text) >= 8 {
			if folded, space, ok := fold8(binary.LittleEndian.Uint64(text), f.space); ok {
				binary.LittleEndian.PutUint64(out[n:], folded)
				n, text, f.space = n+8, text[8:], space
				continue
			}
		}
		little := min(len(text), 8)
		for _, c := range text[:little] {
			c = lower[c&0x7f]
			out[n] = c
			again := f.space
			if f.space = c == ' '; !f.space || !again {
				n++
			}
		}
		text = text[little:]
	}
	f.out = f.out[:at+n]
}

// fold8 folds eight octets of ASCII at once, unless they have control characters
// or a space behind a space; space says that the last octet is one.
func fold8(x uint64, space bool) (folded uint64, endsSpace, ok bool) {
	before := uint64(0)
	if space {
		before = 0x80
	}
	spaces := (tops - (x ^ ' '*ones)) & tops // the top bit of each octet that is a space
	if ^(x+(0x80-' ')*ones)&tops != 0 || spaces&(spaces<<8|before) != 0 {
		return 0, false, false
	}
	capitals := ((x + (0x80-'A')*ones) ^ (x + (0x80-'Z'-1)*ones)) & tops
	return x | capitals>>2, spaces>>63 != 0, true
}

// write writes one character of the kept form.
func (f *folder) write(r rune) {
	if isSpace(r) {
		f.writeSpace()
		return
	}
	f.space = false
	if f.keep {
		f.out = utf8.AppendRune(f.out, r)
	} else {
		f.out = append(f.out, plain(r)...)
	}
}

func (f *folder) writeSpace() {
	if !f.space {
		f.out = append(f.out, ' ')
	}
	f.space = true
}
