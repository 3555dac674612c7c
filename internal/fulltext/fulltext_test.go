package fulltext

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"tem/internal/fold"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

const part = kv.FirstAccount

// guard holds as long as nobody writes that key.
var guard = kv.Condition{Part: part, Key: []byte("absent")}

// world is an index and the texts that are in it.
type world struct {
	t     testing.TB
	x     *Index
	texts map[uint32][2]string // body and subject
	dead  map[uint32]bool

	common uint32 // as the Builder's
}

func newWorld(t testing.TB) *world {
	x := New(memory.New())
	x.fan = 3
	return &world{t, x, make(map[uint32][2]string), make(map[uint32]bool), 1}
}

func (w *world) load() *State { return load(w.t, w.x) }

func load(t testing.TB, x *Index) (st *State) {
	t.Helper()
	err := x.kv.View(t.Context(), func(r kv.Reader) (err error) {
		st, err = Load(r, part)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// index adds the texts of documents up to next.
func (w *world) index(next uint32) {
	w.t.Helper()
	st, b := w.load(), NewBuilder()
	b.common = w.common
	for d := st.next; d < next; d++ {
		if text, ok := w.texts[d]; ok {
			b.Begin(d)
			b.Add(Body, []byte(text[0]))
			b.Add(Subject, []byte(text[1]))
		}
	}
	if err := w.x.Append(w.t.Context(), part, st, b, next, guard); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) alive(lo, hi uint32) (Docs, error) {
	set := NewDocs(hi)
	for d := range w.texts {
		if d >= lo && d < hi && !w.dead[d] {
			set.Add(d)
		}
	}
	return set, nil
}

func (w *world) merge() bool {
	w.t.Helper()
	merged, err := w.x.Merge(w.t.Context(), part, w.load(), w.alive)
	if err != nil {
		w.t.Fatal(err)
	}
	return merged
}

// find returns the documents that can match and those of them that do.
func (w *world) find(query string, classes Classes) (sure, docs, partly Docs, err error) {
	q := NewQuery(fold.Compile(query))
	err = w.x.kv.View(w.t.Context(), func(r kv.Reader) error {
		v, err := w.x.View(r, part)
		if err != nil {
			return err
		}
		if partly, err = v.Partly(); err != nil {
			return err
		}
		docs, sure, err = v.Find(q, classes)
		return err
	})
	return sure, docs, partly, err
}

// check compares an answer with the texts.
func (w *world) check(query string) {
	w.t.Helper()
	p, next := fold.Compile(query), w.load().next
	for i, class := range []Class{Body, Subject} {
		sure, docs, partly, err := w.find(query, class.In())
		if err != nil {
			w.t.Fatal(err)
		}
		for d, text := range w.texts {
			if d >= next || w.dead[d] || partly.Has(d) {
				continue
			}
			want := p.MatchString(text[i])
			if got := docs.Has(d); want && !got || !want && sure.Has(d) {
				w.t.Fatalf("query %q of class %d: document %d found: %v, want %v (sure %v): %q", query, class, d, got, want, sure.Has(d), text[i])
			}
		}
	}
}

var vocabulary = strings.Fields(`the tea teapot a garbage collector collect Straße CAFÉ hà nội đường duong việt nam 中华人民共和国 人民 民
	한국어 ภาษาไทย かなカナ v1.2.3 foo_bar x-y user@example.org http://a.example/?q=1 ₫100 1,000 ﬁne İstanbul q` + "\u0303" + `
	iPhone手机 ` + strings.Repeat("abcdefg0", 20) + " " + strings.Repeat("đường", 30) + " " + strings.Repeat("z", 1100))

func randomText(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteString(vocabulary[r.IntN(len(vocabulary))])
		b.WriteString([]string{" ", " ", "\r\n", ", ", "-", ""}[r.IntN(6)])
	}
	return b.String()
}

// randomQuery is a piece of a text or of the vocabulary, with or without marks, or something else.
func randomQuery(r *rand.Rand, w *world) string {
	s := []rune(vocabulary[r.IntN(len(vocabulary))])
	if text, ok := w.texts[uint32(r.IntN(len(w.texts)+1))]; ok && r.IntN(3) > 0 {
		s = []rune(text[r.IntN(2)])
	}
	from := r.IntN(len(s) + 1)
	q := string(s[from : from+min(len(s)-from, 1+r.IntN(40))])
	switch r.IntN(8) {
	case 0:
		q = string(fold.Plain(nil, []byte(q)))
	case 1:
		q = strings.ToUpper(q)
	case 2:
		q += []string{"--", "?", "xyzzy", " "}[r.IntN(4)]
	}
	return q
}

func TestFindsWhatTheTextsContain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			if seed%2 == 1 {
				w.x.cache.max, w.common = 0, 4
			}
			next := uint32(0)
			for range 12 {
				for range 1 + r.IntN(100) {
					if next++; r.IntN(5) > 0 {
						w.texts[next-1] = [2]string{randomText(r), randomText(r)}
					}
				}
				w.index(next)
				w.dead[uint32(r.IntN(int(next)))] = true
				for w.merge() {
				}
				for range 30 {
					w.check(randomQuery(r, w))
				}
			}
			if n := len(w.load().segments); n > 6 {
				t.Errorf("%d segments are left after merging", n)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query   string
		needles string
		exact   bool
	}{
		{"foo", "foo", true},
		{"Hà", "hà", true},
		{"Hà noi", "hà_ _noi", false},
		{"foo bar", "foo_ _bar", true},
		{"Hà Nội", "_nội hà_", true},
		{"foo  bar baz", "_bar_ foo_ _baz", true},
		{"foo bar ", "_bar_ foo_", false},
		{"人 foo", "_foo 人", false},
		{"a foo-bar c", "_foo_ _bar_ a_ _c", false},
		{"foo.", "foo_", false},
		{" foo", "_foo", false},
		{"--", "", false},
		{"民", "民", true},
		{"人民", "_人民_", true},
		{"中华人", "_中华_ _华人_", false},
		{"x手机", "_手机_ x_", false},
		{strings.Repeat("a", 33), strings.Repeat("a", 32), false},
		{strings.Repeat("a ", 50), strings.TrimSpace(strings.Repeat("_a_ ", maxNeedles)), false},
		{strings.Repeat("a", 32), strings.Repeat("a", 32), true},
	} {
		q := NewQuery(fold.Compile(tt.query))
		var got []string
		for _, n := range q.needles {
			got = append(got, strings.ReplaceAll(string(n.needle), "\x00", "_"))
		}
		if strings.Join(got, " ") != tt.needles || q.Exact() != tt.exact {
			t.Errorf("%q: %q exact %v", tt.query, got, q.Exact())
		}
	}
}

func TestPartly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many strings.Builder
	for i := range maxDistinct + 100 {
		fmt.Fprintf(&many, "w%d ", i)
	}
	w.texts[3], w.texts[70], w.texts[71] = [2]string{"plain"}, [2]string{many.String()}, [2]string{strings.Repeat("x", maxWord+1)}
	for next := range uint32(3) {
		w.index(next*40 + 1)
	}
	for w.merge() {
	}
	_, _, partly, err := w.find("x", AllClasses)
	if got := slices.Collect(partly.All); err != nil || fmt.Sprint(got) != "[70 71]" {
		t.Errorf("partly indexed: %v, %v", got, err)
	}
}

func TestMergeForgetsTheDead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for next := range uint32(3) {
		w.texts[next] = [2]string{"one " + strings.Repeat("x", maxWord+1)}
		w.index(next + 1)
	}
	w.dead[1] = true
	w.merge()
	_, docs, partly, err := w.find("one", AllClasses)
	if got := fmt.Sprint(slices.Collect(docs.All), slices.Collect(partly.All)); err != nil || got != "[0 2] [0 2]" {
		t.Errorf("found and partly indexed: %s, %v", got, err)
	}
}

func TestOneWriterWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.texts[0] = [2]string{"one"}
	late := w.load()
	w.index(1)
	if err := w.x.Append(t.Context(), part, late, NewBuilder(), 1, guard); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("the slower writer got %v", err)
	}
	w.check("one")
}

// TestMergeOfReplacedSegments goes on with a state whose segments another writer has merged.
func TestMergeOfReplacedSegments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for next := range uint32(3) {
		w.texts[next] = [2]string{"one"}
		w.index(next + 1)
	}
	late := w.load()
	w.merge()
	if _, err := w.x.Merge(t.Context(), part, late, w.alive); !errors.Is(err, kv.ErrConflict) || IsDamaged(err) {
		t.Errorf("the slower writer got %v", err)
	}
	w.check("one")
}

func (w *world) rows(number uint32) (n int) {
	lo, hi := segmentRange(number)
	w.x.kv.View(w.t.Context(), func(r kv.Reader) error {
		return r.Scan(part, lo, hi, kv.ScanOptions{}, func(_, _ []byte) error { n++; return nil })
	})
	return n
}

// TestUnfinishedSegmentIsRemoved leaves a writer behind in the middle of a large segment.
func TestUnfinishedSegmentIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.texts[0] = [2]string{"one"}
	o := w.x.newOutput(t.Context(), part, w.load())
	for i := range uint32(3) {
		if err := o.put(rowKey(o.number, rowTerms, i), make([]byte, flushAt)); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.rows(0); n != 2 {
		t.Fatalf("%d rows of the unfinished segment", n)
	}
	w.index(1)
	if n := w.rows(0); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if err := o.commit(); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("the unfinished writer goes on: %v", err)
	}
	w.check("one")
}

func TestDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.texts[0], w.texts[1] = [2]string{"one two"}, [2]string{strings.Repeat("x", maxWord+1)}
	w.index(2)
	for _, key := range [][]byte{stateKey, rowKey(0, rowTerms, 0), rowKey(0, rowLists, 0), rowKey(0, rowPlaces, 0), rowKey(0, rowPartly, 0)} {
		var old []byte
		w.x.kv.View(t.Context(), func(r kv.Reader) error {
			val, _, err := r.Get(part, key)
			old = slices.Clone(val)
			return err
		})
		bad := slices.Clone(old)
		bad[len(bad)/2] ^= 0x10
		for _, val := range [][]byte{nil, bad} {
			if val == nil && key[0] == KeyState {
				continue // no index at all is not damage
			}
			w.write(key, val)
			w.x.cache = cache{max: 1 << 20}
			if _, _, _, err := w.find("one two", AllClasses); !IsDamaged(err) {
				t.Errorf("row %q as %q: %v", key, val, err)
			}
			w.write(key, old)
		}
	}
	w.check("one")
	if err := w.x.Drop(t.Context(), part); err != nil || w.rows(0) != 0 {
		t.Errorf("drop: %v, %d rows left", err, w.rows(0))
	}
}

// TestOtherFormat opens an index that another version has written.
func TestOtherFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.texts[0] = [2]string{"one"}
	w.index(1)
	row := w.load().append(nil)
	row = row[:len(row)-4]
	row[0] = 1
	w.write(stateKey, seal(row))
	if _, _, _, err := w.find("one", AllClasses); !errors.Is(err, errOtherFormat) || !IsDamaged(err) {
		t.Errorf("opened: %v", err)
	}
}

func (w *world) write(key, val []byte) {
	b := new(kv.Batch)
	if b.Set(part, key, val); val == nil {
		b = new(kv.Batch)
		b.Delete(part, key)
	}
	if err := kv.Commit(context.Background(), w.x.kv, b); err != nil {
		w.t.Fatal(err)
	}
}

func TestDocs(t *testing.T) {
	t.Parallel()
	for _, tt := range [][2]uint32{{0, 0}, {1, 63}, {0, 64}, {63, 65}, {60, 200}, {64, 128}} {
		s := NewDocs(200)
		s.AddRange(tt[0], tt[1])
		got := slices.Collect(s.All)
		if len(got) != int(tt[1]-tt[0]) || s.Count() != len(got) || len(got) > 0 && got[0] != tt[0] {
			t.Errorf("range %v: %v", tt, got)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.texts[0], w.texts[1], w.texts[2], w.texts[100] = [2]string{"one"}, [2]string{"two"}, [2]string{"four five"}, [2]string{"one"}
	w.index(3)
	w.index(101)
	b := NewBuilder()
	for d, text := range []string{"one", "two three", "five four"} {
		b.Begin(uint32(d))
		b.Add(Body, []byte(text))
	}
	b.Begin(100)
	b.Add(Body, []byte("one "+strings.Repeat("x", maxWord+1)))
	err := w.x.kv.View(t.Context(), func(r kv.Reader) error {
		v, err := w.x.View(r, part)
		if err != nil {
			return err
		}
		missing, err := v.Missing(b)
		if got := fmt.Sprint(slices.Collect(missing.All)); got != "[1 2 100]" {
			t.Errorf("missing: %s", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
