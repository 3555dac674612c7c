package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/blob"
	"tem/internal/journey"
	"tem/internal/kv"
)

// addMany queues n jobs for one domain in one commit, from and to whom their number says.
func (l *lab) addMany(n int, domain string) {
	l.t.Helper()
	var b kv.Batch
	for i := range n {
		l.Add(&b, &Job{ID: fmt.Sprintf("M%05d-1", i), Body: blob.ID{1}, ReturnPath: fmt.Sprintf("a%d@h%d.example", i, i%10), Domain: domain,
			Created: l.started.Add(time.Duration(i) * time.Second), Recipients: []Recipient{{Address: fmt.Sprintf("u%d@%s", i, domain)}}})
	}
	if err := kv.Commit(l.t.Context(), l.kv, &b); err != nil {
		l.t.Fatal(err)
	}
}

// TestMany: more jobs than are read at a time, and more of a domain than are sought by its rows.
func TestMany(t *testing.T) {
	t.Parallel()
	const many = maxNamed + 2*together + 1
	l := newLab(t, all(later))
	l.addMany(many, "x")
	l.add("Z-1", "an@hanoi.example", "z@y")
	rows := 0
	for _, c := range []struct {
		Choice
		want int
		last string
	}{
		{Choice{}, many + 1, "Z-1"},
		{Choice{Domain: "X"}, many, fmt.Sprintf("M%05d-1", many-1)},
		{Choice{Domain: "x", Limit: together + 1}, together + 1, fmt.Sprintf("M%05d-1", together)},
		{Choice{Domain: "Y"}, 1, "Z-1"},
		{Choice{Limit: together}, together, fmt.Sprintf("M%05d-1", together-1)},
		{Choice{After: "m10998-1"}, 3, "Z-1"},
		{Choice{After: "m10998-1", Domain: "x"}, 2, "M11000-1"},
		{Choice{After: "a", Domain: "y", Limit: 3}, 1, "Z-1"},
		{Choice{From: "H3.example"}, many / 10, fmt.Sprintf("M%05d-1", many-8)},
		{Choice{From: "A17@h7.example", To: "u17@X"}, 1, "M00017-1"},
		{Choice{From: "a17@h7.example", To: "u18@x"}, 0, ""},
		{Choice{From: "<>"}, 0, ""},
		{Choice{Before: l.started.Add(time.Minute), Domain: "x"}, 60, "M00059-1"},
		{Choice{Held: true}, 0, ""},
		{Choice{IDs: []string{"z", "M00003-1", "m00003", "m00001-1"}}, 3, "Z-1"},
		{Choice{IDs: []string{"z", "M00003-1"}, From: "h3.example"}, 1, "M00003-1"},
	} {
		c.Watch = func(n int) { rows = n }
		got, err := l.Find(t.Context(), c.Choice)
		if err != nil || len(got) != c.want || c.want > 0 && got[c.want-1].ID != c.last {
			t.Errorf("%+v: %d jobs, %v; want %d to %s", c.Choice, len(got), err, c.want, c.last)
		}
		if !slices.IsSortedFunc(got, func(a, b Job) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%+v: not in the order of ids", c.Choice)
		}
	}
	if rows != maxNamed {
		t.Errorf("whoever watches heard of %d rows, want %d", rows, maxNamed)
	}
}

// commits notes how many writes each commit has.
type commits struct {
	kv.Engine
	ops []int
}

func (c *commits) Submit(b *kv.Batch) kv.Pending {
	c.ops = append(c.ops, len(b.Ops))
	return c.Engine.Submit(b)
}

// TestActionOnMany is committed part by part, and each job is done once.
func TestActionOnMany(t *testing.T) {
	t.Parallel()
	l := newLab(t, all(later))
	const many = 3*together + 7
	l.addMany(many, "x")
	c := &commits{Engine: l.kv}
	l.kv = c
	l.restart()
	told := 0
	l.o.Record = func(e journey.Event) { told++ }
	for _, verb := range []struct {
		name  string
		do    func() (int, error)
		want  int
		parts int
	}{
		{"hold all", func() (int, error) { return l.Hold(t.Context(), Choice{}) }, many, 4},
		{"hold by domain", func() (int, error) { return l.Hold(t.Context(), Choice{Domain: "x"}) }, many, 4},
		{"release one", func() (int, error) { return l.Release(t.Context(), Choice{To: "U7@x"}) }, 1, 1},
		{"release the others", func() (int, error) { return l.Release(t.Context(), Choice{}) }, many - 1, 4},
		{"release none", func() (int, error) { return l.Release(t.Context(), Choice{}) }, 0, 0},
	} {
		c.ops, told = nil, 0
		n, err := verb.do()
		if n != verb.want || err != nil || told != n || len(c.ops) != verb.parts || slices.ContainsFunc(c.ops, func(n int) bool { return n > 5*together }) {
			t.Errorf("%s: %d, %v, told %d, writes %v", verb.name, n, err, told, c.ops)
		}
	}
	if n, err := l.Drop(t.Context(), Choice{From: "h1.example"}); n != many/10+1 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
}

// TestNothingIsSaidOfWhatFailed: jobs of a part that could not be committed are not counted, nor told of.
func TestNothingIsSaidOfWhatFailed(t *testing.T) {
	t.Parallel()
	l := newLab(t, all(later))
	l.addMany(10, "x")
	l.kv = failing{l.kv, time.Now().Add(time.Hour)}
	l.restart()
	l.o.Record = func(e journey.Event) { t.Error("told of", e.Job) }
	if n, err := l.Drop(t.Context(), Choice{}); n != 0 || err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%d, %v", n, err)
	}
	if strings.Contains(l.log.String(), "dropped") {
		t.Error(l.log)
	}
}

// TestBadRow hides no other, and nothing is done to it.
func TestBadRow(t *testing.T) {
	t.Parallel()
	l := newLab(t, all(later))
	l.add("A-1", "an@hanoi.example", "a@x")
	l.add("C-1", "an@hanoi.example", "c@x")
	var b kv.Batch
	b.Set(kv.Queue, jobKey("B-1"), []byte(`{"Version":99,"ReturnPath":"an@hanoi.example"}`))
	b.Set(kv.Queue, domainKey("x", 0, time.Now(), "B-1"), nil)
	if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Choice{{}, {Domain: "x"}, {From: "hanoi.example"}} {
		jobs, err := l.Find(t.Context(), c)
		if err != nil || len(jobs) != 3 || !strings.Contains(jobs[1].Last, "version 99") {
			t.Errorf("%+v: %v, %v", c, jobs, err)
		}
		if n, err := l.Hold(t.Context(), c); n != 2 || err != nil {
			t.Errorf("%+v: held %d, %v", c, n, err)
		}
	}
	if _, err := l.Show(t.Context(), "B-1"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// FuzzGlance: a row that is seen not to fit does not fit when it is read.
func FuzzGlance(f *testing.F) {
	f.Add("an@hanoi.example", "binh@hue.example", "hue.example", "AN@hanoi.example", "", "", false)
	f.Add(`"ReturnPath":"x`, `a"b@c`, "é.example", "<>", `A"B@C`, "É.example", true)
	f.Add("", "<&>@x\x00\\", "\xff", "<>", "<&>@X\x00\\", "\xff", true)
	f.Fuzz(func(t *testing.T, path, to, domain, wantFrom, wantTo, wantDomain string, held bool) {
		now := time.Unix(1_800_000_000, 5)
		j := Job{ID: "A-1", ReturnPath: path, Domain: domain, Held: held, Created: now, Recipients: []Recipient{{Address: to, Original: path}, {Address: path}}}
		for _, c := range []Choice{
			{From: wantFrom, To: wantTo, Domain: wantDomain},
			{From: path, To: to, Domain: domain, Held: held, Before: now.Add(1)},
			{From: wantFrom, Before: now},
			{Held: true},
		} {
			row := j.encode()
			s, err := decode(row)
			if err != nil {
				t.Fatal(err)
			}
			if !c.mayFit(row) && c.fits(&s.Job) {
				t.Errorf("%+v is not seen to fit %s", c, row)
			}
		}
		plain := j.encode()
		if c := (Choice{From: "nobody@nowhere.example"}); !strings.ContainsRune(string(plain), '\\') && c.mayFit(plain) != c.fits(&j) {
			t.Errorf("%s has to be decoded", plain)
		}
	})
}
