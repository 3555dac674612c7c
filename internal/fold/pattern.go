package fold

import (
	"bytes"
	"strings"
)

// Pattern is a text to be looked for.
//
// If it has no marks it is found in texts with and without marks: "ha noi" in
// "Hà Nội", "duong" in "đường". If it has any, all of it is compared with
// marks: "hà noi" is found neither in "ha noi" nor in "Hà Nội". White space at
// its ends counts, as one space; a pattern of nothing but white space is empty
// and found everywhere.
type Pattern struct {
	want []byte
	keep bool
}

// Compile folds a query. NUL, which separates texts, is left out of it.
func Compile(query string) *Pattern {
	query = strings.ReplaceAll(query, "\x00", "")
	if strings.TrimSpace(query) == "" {
		return &Pattern{}
	}
	p := &Pattern{want: Kept(nil, []byte(query))}
	p.keep = Marked(p.want)
	return p
}

// Empty reports a pattern that is found everywhere.
func (p *Pattern) Empty() bool { return len(p.want) == 0 }

// Folded is the pattern in the form that it is looked for in.
func (p *Pattern) Folded() []byte { return p.want }

// Marked reports a pattern that is compared with marks.
func (p *Pattern) Marked() bool { return p.keep }

// Match reports whether the text contains the pattern.
func (p *Pattern) Match(t *Text) bool {
	if len(p.want) == 0 {
		return true
	}
	return bytes.Contains(t.form(p.keep), p.want)
}

// MatchString is Match for a single text.
func (p *Pattern) MatchString(s string) bool {
	var room [256]byte
	return bytes.Contains(appendFolded(room[:0], []byte(s), p.keep), p.want)
}

// Text is a text that patterns are looked for in; each form is made when it is
// first needed. The zero value is empty.
type Text struct {
	text   []byte
	folded [2][]byte // plain, kept
	done   [2]bool
}

// Reset makes it another text, in the memory of the last. The slice is kept until the next.
func (t *Text) Reset(text []byte) {
	t.text = text
	t.done = [2]bool{}
}

func (t *Text) form(keep bool) []byte {
	i := 0
	if keep {
		i = 1
	}
	if !t.done[i] {
		t.folded[i], t.done[i] = appendFolded(t.folded[i][:0], t.text, keep), true
	}
	return t.folded[i]
}
