package fulltext

import "tem/internal/fold"

// text is what is known of the text that a builder reads.
type text struct {
	class Class
	fold  fold.Pieces
	plain []byte       // memory of bare
	words []placedWord // of the current piece
	separation
}

// placedWord is a word of the plain form and its place.
type placedWord struct {
	run []byte
	at  uint32
}

// separation is what stands behind the latest word of a document. Words are
// counted so that the next word is one further if nothing but one space is
// between them, and else two.
type separation struct {
	at   uint32 // the place of the latest word; the first is 2
	kind gap
	open bool // the text ends within a run
}

type gap uint8

const (
	nothing gap = iota
	oneSpace
	more
)

// begin begins another text of the document.
func (t *text) begin(class Class) {
	t.class = class
	t.fold.Reset()
	t.kind, t.open = more, false
}

// bare is the plain form of a run of the kept form.
func (t *text) bare(run []byte) []byte {
	t.plain = fold.Plain(t.plain[:0], run)
	return t.plain
}

// goesOn reports a piece that begins within a run of the one before.
func (s *separation) goesOn(folded []byte) bool {
	if !s.open || len(folded) == 0 {
		return false
	}
	k, _ := kindAt(folded)
	return k != apart
}

// runs gives the runs of a piece; those that are words and indexed as one term
// have a place. bare, unless it is nil, tells runs of which the plain form has
// nothing: they count for what separates others.
func (s *separation) runs(folded []byte, bare func([]byte) []byte, fn func(run []byte, k kind, at uint32)) {
	last := 0
	for start, end, k := nextRun(folded, 0); k != apart; start, end, k = nextRun(folded, end) {
		s.separate(folded[last:start])
		run := folded[start:end]
		last = end
		switch {
		case bare != nil && fold.Marked(run) && len(bare(run)) == 0:
			s.kind = more
			fn(run, k, 0)
		case k == dense || len(run) > maxTerm:
			s.kind = more
			fn(run, k, 0)
		default:
			if s.at++; s.kind != oneSpace {
				s.at++
			}
			s.kind = nothing
			fn(run, k, s.at)
		}
	}
	s.separate(folded[last:])
	if len(folded) > 0 {
		s.open = last == len(folded)
	}
}

// separate notes what stands between two runs, or a part of it.
func (s *separation) separate(between []byte) {
	switch {
	case len(between) == 0:
	case s.kind == nothing && string(between) == " ":
		s.kind = oneSpace
	default:
		s.kind = more
	}
}
