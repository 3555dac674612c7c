package fulltext

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"tem/internal/fold"
	"tem/internal/kv"
)

// Query is a pattern as the index is asked for it.
type Query struct {
	needles [][]byte // each has to be in a text's terms; see dictionary
	exact   bool
}

// NewQuery turns a pattern into what its runs must be found as: a run at the
// pattern's end may be part of a longer one in the text, one within is whole.
// A run with marks is found in terms with marks only.
func NewQuery(p *fold.Pattern) *Query {
	text := p.Folded()
	q := &Query{exact: len(text) > 0}
	for start, end, k := nextRun(text, 0); k != apart; start, end, k = nextRun(text, end) {
		q.exact = q.exact && start == 0 && end == len(text)
		q.add(text[start:end], k, start > 0, end < len(text))
	}
	q.exact = q.exact && len(q.needles) == 1
	slices.SortStableFunc(q.needles, func(x, y []byte) int { return cmp.Compare(len(y), len(x)) })
	q.needles = q.needles[:min(len(q.needles), maxNeedles)]
	return q
}

// maxNeedles is how many runs of a pattern the index is asked for, the longest
// first; a text in which they all are has to be verified anyway.
const maxNeedles = 12

// add adds a run; whole ends are those that a text's run can't go beyond.
func (q *Query) add(run []byte, k kind, wholeStart, wholeEnd bool) {
	if k == word {
		if len(run) > pieceStep {
			n := pieceStep
			for !utf8.RuneStart(run[n]) {
				n--
			}
			run, wholeEnd, q.exact = run[:n], false, false
		}
		q.needles = append(q.needles, needle(run, wholeStart, wholeEnd))
		return
	}
	for term := range pairs(run) {
		pair := utf8.RuneCount(term) > 1
		q.needles = append(q.needles, needle(term, pair, pair))
	}
}

func needle(term []byte, wholeStart, wholeEnd bool) (n []byte) {
	if wholeStart {
		n = append(n, 0)
	}
	if n = append(n, term...); wholeEnd {
		n = append(n, 0)
	}
	return n
}

// Exact reports that Find's answer needs no verification.
func (q *Query) Exact() bool { return q.exact }

// View is an account's index in one snapshot.
type View struct {
	x     *Index
	r     kv.Reader
	part  kv.Part
	state *State
}

// View opens an account's index; one that is not there has nothing indexed.
func (x *Index) View(r kv.Reader, part kv.Part) (*View, error) {
	st, err := Load(r, part)
	if err != nil {
		return nil, err
	}
	return &View{x, r, part, st}, nil
}

// Next is the first document that is not indexed.
func (v *View) Next() uint32 { return v.state.next }

// Partly are the documents below Next that are not wholly indexed.
func (v *View) Partly() (Docs, error) {
	set := NewDocs(v.state.next + 64)
	for i := range v.state.segments {
		g := &v.state.segments[i]
		if g.partly == 0 {
			continue
		}
		row, ok, err := v.r.Get(v.part, rowKey(g.number, rowPartly, 0))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, ErrDamaged
		}
		if err := addPartly(set[g.base()/64:], row); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// Find returns the documents below Next in whose texts of some classes the
// query's words are: those that match, if the query is exact, and otherwise
// at least those. Documents of Partly may be missing.
func (v *View) Find(q *Query, classes Classes) (Docs, error) {
	found := NewDocs(v.state.next + 64)
	if len(q.needles) == 0 {
		found.AddRange(0, v.state.next)
		return found, nil
	}
	for i := range v.state.segments {
		g := &v.state.segments[i]
		if g.chunks == 0 {
			continue
		}
		set, err := v.findIn(g, q, classes)
		if err != nil {
			return nil, err
		}
		found[g.base()/64:].Or(set)
	}
	return found, nil
}

// findIn asks one segment; documents are counted from its base.
func (v *View) findIn(g *segment, q *Query, classes Classes) (all Docs, err error) {
	d, err := v.x.dictionary(v.r, v.part, v.state.epoch, g)
	if err != nil {
		return nil, err
	}
	var found [][]posting
	for _, needle := range q.needles {
		p := d.postings(needle, classes)
		if len(p) == 0 {
			return nil, nil
		}
		found = append(found, p)
	}
	slices.SortStableFunc(found, func(x, y []posting) int { return cmp.Compare(octets(x), octets(y)) })
	for _, p := range found {
		set := make(Docs, g.words())
		if err := v.collect(g, p, set); err != nil {
			return nil, err
		}
		if all == nil {
			all = set
		} else {
			all.And(set)
		}
	}
	return all, nil
}

// postings are those of all terms that needle is in, in order.
func (d *dictionary) postings(needle []byte, classes Classes) (list []posting) {
	for class := range classCount {
		if classes&class.In() != 0 {
			d.find(class, needle, func(p posting) { list = append(list, p) })
		}
	}
	return list
}

// octets is the length of all lists.
func octets(list []posting) (n int) {
	for _, p := range list {
		n += int(p.end - p.start)
	}
	return n
}

// collect adds the documents of postings, which are in the order of chunks.
func (v *View) collect(g *segment, list []posting, set Docs) error {
	var keys [][]byte
	var groups [][]posting
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].chunk == list[0].chunk {
			n++
		}
		keys, groups = append(keys, rowKey(g.number, rowLists, list[0].chunk)), append(groups, list[:n])
		list = list[n:]
	}
	read := 0
	err := v.r.GetMulti(v.part, keys, func(i int, row []byte) error {
		read++
		return addPostings(set, row, groups[i])
	})
	if err == nil && read < len(keys) {
		err = ErrDamaged
	}
	if err != nil {
		return fmt.Errorf("read the documents of segment %d of account %d: %w", g.number, v.part, err)
	}
	return nil
}

// addPostings adds those of one row of lists.
func addPostings(set Docs, row []byte, list []posting) error {
	row, err := unseal(row)
	for _, p := range list {
		if err != nil || p.end > uint32(len(row)) || p.start > p.end {
			return ErrDamaged
		}
		err = addList(set, row[p.start:p.end], p.bits)
	}
	return err
}
