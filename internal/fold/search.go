package fold

import (
	"bytes"
	"errors"
)

// ErrFound says that a Search needs no more of a text.
var ErrFound = errors.New("fold: all patterns are found")

// Search looks for patterns in a text that is written to it in pieces, cut
// anywhere. Of a text it has a window in memory, and what a window ends with as
// long as a pattern may go on in the next; a text that is one window is folded
// for the patterns that are asked for only. One Search serves one text after
// the other.
type Search struct {
	patterns []*Pattern
	found    []bool
	left     int // patterns that are not found
	windows  Windows
	swept    bool // windows have been looked through
	forms    [2]form
}

// form is a window in the plain or in the kept form.
type form struct {
	folder
	longest int  // pattern of the form, in octets
	made    bool // of the text that is one window
}

// NewSearch looks for some patterns.
func NewSearch(patterns []*Pattern) *Search {
	s := &Search{patterns: patterns, found: make([]bool, len(patterns))}
	s.windows = Windows{size: windowSize, next: s.sweep}
	s.forms[1].keep = true
	for _, p := range patterns {
		f := s.form(p)
		f.longest = max(f.longest, len(p.want))
	}
	s.Reset()
	return s
}

func (s *Search) form(p *Pattern) *form {
	if p.keep {
		return &s.forms[1]
	}
	return &s.forms[0]
}

// Reset begins another text.
func (s *Search) Reset() {
	s.windows.Reset()
	s.left, s.swept = 0, false
	for i, p := range s.patterns {
		if s.found[i] = p.Empty(); !s.found[i] {
			s.left++
		}
	}
	for i := range s.forms {
		f := &s.forms[i]
		f.out, f.space, f.made = f.out[:0], false, false
	}
}

// Write implements io.Writer; with ErrFound every pattern is found.
func (s *Search) Write(p []byte) (int, error) { return s.windows.Write(p) }

// End ends the text, of which err is what the writing of it ended with; ErrFound is no error.
func (s *Search) End(err error) error {
	if err == nil && s.swept {
		err = s.windows.End()
	}
	if errors.Is(err, ErrFound) {
		return nil
	}
	return err
}

// Found reports whether the text, which has ended, contains a pattern.
func (s *Search) Found(pattern int) bool {
	if s.swept || s.found[pattern] {
		return s.found[pattern]
	}
	p := s.patterns[pattern]
	f := s.form(p)
	if !f.made {
		f.fold(s.windows.buf)
		f.made = true
	}
	return bytes.Contains(f.out, p.want)
}

// sweep looks for all patterns in the next window and in what is left of the one before.
func (s *Search) sweep(window []byte) error {
	s.swept = true
	for i := range s.forms {
		if f := &s.forms[i]; f.longest > 0 {
			f.fold(window)
			s.sweepForm(f)
			rest := f.out[max(0, len(f.out)-f.longest+1):]
			f.out = f.out[:copy(f.out, rest)]
		}
	}
	if s.left == 0 {
		return ErrFound
	}
	return nil
}

func (s *Search) sweepForm(f *form) {
	for i, p := range s.patterns {
		if !s.found[i] && p.keep == f.keep && bytes.Contains(f.out, p.want) {
			s.found[i] = true
			s.left--
		}
	}
}
