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
	"slices"
	"unicode/utf8"
)

// Plain appends the plain form of text to dst. Octets that are no UTF-8 become U+FFFD.
func Plain(dst, text []byte) []byte { return appendFolded(dst, text, false) }

// Kept appends the kept form of text to dst.
func Kept(dst, text []byte) []byte { return appendFolded(dst, text, true) }

// folder writes one form of a text.
type folder struct {
	out   []byte
	keep  bool
	space bool // the last character of the kept form is a space
	table *table
}

func appendFolded(dst, text []byte, keep bool) []byte {
	f := folder{out: slices.Grow(dst, len(text)), keep: keep}
	for len(text) > 0 {
		n := asciiPrefix(text)
		if n == len(text) {
			f.ascii(text)
			break
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
	return f.out
}

// IsASCII reports text that is nothing else; both forms of it are one.
func IsASCII(text []byte) bool { return asciiPrefix(text) == len(text) }

// asciiPrefix is how many octets of ASCII s begins with.
func asciiPrefix(s []byte) int {
	for i, c := range s {
		if c >= utf8.RuneSelf {
			return i
		}
	}
	return len(s)
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
	n, space := 0, f.space
	for _, c := range text {
		c = lower[c&0x7f]
		out[n] = c
		again := space
		if space = c == ' '; !space || !again {
			n++
		}
	}
	f.out, f.space = f.out[:at+n], space
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
