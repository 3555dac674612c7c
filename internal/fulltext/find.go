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
	needles []run // each has to be in a text's terms
	exact   bool
	phrase  bool // at least two runs of a chain are among the needles
}

// run is a run of the pattern, or a part of one.
type run struct {
	needle []byte // see dictionary
	chain  int    // words that are one space apart are of one chain; 0: of none
	offset uint32 // its place in the chain, from 1
}

// NewQuery turns a pattern into what its runs must be found as: a run at the
// pattern's end may be part of a longer one in the text, one within is whole.
// A run with marks is found in terms with marks only.
func NewQuery(p *fold.Pattern) *Query {
	text := p.Folded()
	q := &Query{exact: len(text) > 0}
	b := queryBuilder{q: q, chain: 1, marked: p.Marked()}
	for start, end, k := nextRun(text, 0); k != apart; start, end, k = nextRun(text, end) {
		b.separate(text[b.end:start], start == 0)
		b.add(text[start:end], k, start > 0, end < len(text))
		b.end = end
	}
	q.exact = q.exact && b.end == len(text) && (len(q.needles) == 1 || b.chain == 1 && b.placed == len(q.needles) && len(q.needles) <= maxNeedles)
	slices.SortStableFunc(q.needles, func(x, y run) int { return cmp.Compare(len(y.needle), len(x.needle)) })
	q.needles = q.needles[:min(len(q.needles), maxNeedles)]
	for i, r := range q.needles {
		q.phrase = q.phrase || r.chain > 0 && slices.ContainsFunc(q.needles[:i], func(before run) bool { return before.chain == r.chain })
	}
	return q
}

// maxNeedles is how many runs of a pattern the index is asked for, the longest
// first; a text in which they all are has to be verified anyway.
const maxNeedles = 12

// queryBuilder reads the runs of a pattern.
type queryBuilder struct {
	q      *Query
	marked bool   // the pattern is
	chain  int    // the current one
	offset uint32 // of the latest word in it
	placed int    // needles that are of a chain
	end    int    // of the latest run
}

// separate looks at what stands before a run.
func (b *queryBuilder) separate(between []byte, first bool) {
	switch {
	case first:
	case b.end == 0:
		b.q.exact = false
	case string(between) != " ":
		b.breakChain()
	}
}

func (b *queryBuilder) breakChain() { b.chain, b.offset = b.chain+1, 0 }

// add adds a run; whole ends are those that a text's run can't go beyond.
func (b *queryBuilder) add(text []byte, k kind, wholeStart, wholeEnd bool) {
	q := b.q
	switch {
	case k == dense:
		for term := range pairs(text) {
			pair := utf8.RuneCount(term) > 1
			q.needles = append(q.needles, run{needle: needle(term, pair, pair)})
		}
		b.breakChain()
	case len(text) > pieceStep:
		n := pieceStep
		for !utf8.RuneStart(text[n]) {
			n--
		}
		q.exact = false
		q.needles = append(q.needles, run{needle: needle(text[:n], wholeStart, false)})
		b.breakChain()
	default:
		// A word without marks is found among those with marks, which a marked
		// pattern does not match.
		q.exact = q.exact && b.marked == fold.Marked(text)
		b.offset++
		b.placed++
		q.needles = append(q.needles, run{needle(text, wholeStart, wholeEnd), b.chain, b.offset})
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

// Exact reports a query of which Find can say what matches for certain.
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

// answer is what is found: the documents that can match, and those of them that
// do, of which a nil set is none.
type answer struct{ may, sure Docs }

// Find returns the documents below Next in whose texts of some classes the
// query's words are, and those of them that match for certain: if the query is
// exact, of a word all, of a phrase those in which it is known where the words
// stand. Documents of Partly may be missing.
func (v *View) Find(q *Query, classes Classes) (may, sure Docs, err error) {
	may = NewDocs(v.state.next + 64)
	if len(q.needles) == 0 {
		may.AddRange(0, v.state.next)
		return may, nil, nil
	}
	sure = NewDocs(v.state.next + 64)
	for i := range v.state.segments {
		g := &v.state.segments[i]
		if g.chunks == 0 {
			continue
		}
		found, err := v.findIn(g, q, classes)
		if err != nil {
			return nil, nil, err
		}
		may[g.base()/64:].Or(found.may)
		sure[g.base()/64:].Or(found.sure)
	}
	return may, sure, nil
}

// findIn asks one segment; documents are counted from its base.
func (v *View) findIn(g *segment, q *Query, classes Classes) (answer, error) {
	d, err := v.x.dictionary(v.r, v.part, v.state.epoch, g)
	if err != nil {
		return answer{}, err
	}
	var found []foundRun
	for i := range q.needles {
		r := foundRun{run: &q.needles[i], list: d.postings(q.needles[i].needle, classes)}
		if len(r.list) == 0 {
			return answer{}, nil
		}
		found = append(found, r)
	}
	slices.SortStableFunc(found, func(x, y foundRun) int { return cmp.Compare(octets(x.list), octets(y.list)) })
	all, err := v.collectAll(g, found)
	switch {
	case err != nil:
		return answer{}, err
	case len(found) == 1 && q.exact:
		return answer{all, all}, nil
	case !q.phrase || all.Count() == 0:
		return answer{may: all}, nil
	}
	return v.findPhrase(g, d, q, found, all)
}

// collectAll are the documents in which all runs are found.
func (v *View) collectAll(g *segment, found []foundRun) (all Docs, err error) {
	for _, r := range found {
		set := make(Docs, g.words())
		if err := v.collect(g, r.list, set); err != nil {
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

// foundRun is the terms that a run is found in.
type foundRun struct {
	*run
	list []posting
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
		n := chunkOf(list)
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

// chunkOf is how many postings of a list are in the chunk of the first.
func chunkOf(list []posting) int {
	n := 1
	for n < len(list) && list[n].chunk == list[0].chunk {
		n++
	}
	return n
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
