// Package kvtest is the contract of kv.Engine as one test suite that every
// implementation runs.
package kvtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"tem/internal/kv"
)

const part = kv.FirstAccount

// Run tests engines made by open, each of them empty.
func Run(t *testing.T, open func(t *testing.T) kv.Engine) {
	tests := []struct {
		name string
		fn   func(*testing.T, kv.Engine)
	}{
		{"SetGetDelete", testSetGetDelete},
		{"OpsInOrder", testOpsInOrder},
		{"Asserts", testAsserts},
		{"ConflictWritesNothing", testConflictWritesNothing},
		{"LaterBatchSeesEarlier", testLaterBatchSeesEarlier},
		{"RangeAgainstAssert", testRangeAgainstAssert},
		{"Snapshot", testSnapshot},
		{"Scan", testScan},
		{"DeleteRange", testDeleteRange},
		{"Partitions", testPartitions},
		{"GetMulti", testGetMulti},
		{"GetMany", testGetMany},
		{"Concurrent", testConcurrent},
		{"LargeBatch", testLargeBatch},
		{"SubmitOrder", testSubmitOrder},
		{"RangeThenSet", testRangeThenSet},
		{"ManyPartitions", testManyPartitions},
		{"OnlyConditions", testOnlyConditions},
		{"BinaryKeys", testBinaryKeys},
		{"NilValue", testNilValue},
		{"LargeValues", testLargeValues},
		{"Pages", testPages},
		{"NestedReads", testNestedReads},
		{"Cancelled", testCancelled},
		{"Closed", testClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			defer e.Close()
			tt.fn(t, e)
		})
	}
}

func set(pairs ...string) *kv.Batch {
	b := new(kv.Batch)
	for i := 0; i < len(pairs); i += 2 {
		b.Set(part, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return b
}

func commit(t *testing.T, e kv.Engine, b *kv.Batch) {
	t.Helper()
	if err := kv.Commit(t.Context(), e, b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func view(t *testing.T, e kv.Engine, fn func(r kv.Reader) error) {
	t.Helper()
	if err := e.View(t.Context(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// get returns a value, or "-" for an absent key.
func get(t *testing.T, r kv.Reader, p kv.Part, key string) string {
	t.Helper()
	val, ok, err := r.Get(p, []byte(key))
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	if !ok {
		return "-"
	}
	return string(val)
}

func want(t *testing.T, e kv.Engine, pairs ...string) {
	t.Helper()
	view(t, e, func(r kv.Reader) error {
		for i := 0; i < len(pairs); i += 2 {
			if got := get(t, r, part, pairs[i]); got != pairs[i+1] {
				t.Errorf("key %q is %q, want %q", pairs[i], got, pairs[i+1])
			}
		}
		return nil
	})
}

// keys scans and returns "key=value" in the order of the calls.
func keys(t *testing.T, r kv.Reader, p kv.Part, lo, hi []byte, o kv.ScanOptions) []string {
	t.Helper()
	var got []string
	err := r.Scan(p, lo, hi, o, func(key, val []byte) error {
		got = append(got, string(key)+"="+string(val))
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return got
}

func testSetGetDelete(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "empty", ""))
	want(t, e, "a", "1", "empty", "", "b", "-")
	b := set("b", "2")
	b.Delete(part, []byte("a"))
	b.Delete(part, []byte("never"))
	commit(t, e, b)
	want(t, e, "a", "-", "b", "2")
	commit(t, e, new(kv.Batch))
}

func testOpsInOrder(t *testing.T, e kv.Engine) {
	b := set("a", "1", "a", "2", "b", "1")
	b.Delete(part, []byte("b"))
	b.DeleteRange(part, []byte("c"), []byte("d"))
	b.Set(part, []byte("c"), []byte("after"))
	b.Set(part, []byte("d"), []byte("before"))
	b.DeleteRange(part, []byte("d"), []byte("e"))
	commit(t, e, b)
	want(t, e, "a", "2", "b", "-", "c", "after", "d", "-")
}

func testAsserts(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "empty", ""))
	for _, tt := range []struct {
		name, key string
		want      []byte
		holds     bool
	}{
		{"equal", "a", []byte("1"), true},
		{"different", "a", []byte("2"), false},
		{"present where absent is wanted", "a", nil, false},
		{"absent as wanted", "x", nil, true},
		{"absent where a value is wanted", "x", []byte("1"), false},
		{"empty is a value", "empty", []byte{}, true},
		{"empty is not absent", "empty", nil, false},
	} {
		b := set("touched", tt.name)
		b.Assert(part, []byte(tt.key), tt.want)
		err := kv.Commit(t.Context(), e, b)
		if tt.holds && err != nil || !tt.holds && !errors.Is(err, kv.ErrConflict) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func testConflictWritesNothing(t *testing.T, e kv.Engine) {
	b := set("a", "1")
	b.Assert(part, []byte("x"), nil)
	b.Assert(part, []byte("y"), []byte("there"))
	if err := kv.Commit(t.Context(), e, b); !errors.Is(err, kv.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	want(t, e, "a", "-")
}

// testLaterBatchSeesEarlier submits a chain without waiting, so that an engine
// which groups batches has to look at those of the same group.
func testLaterBatchSeesEarlier(t *testing.T, e kv.Engine) {
	const n = 200
	var chain, losers []kv.Pending
	var last []byte
	for i := range n {
		next := fmt.Append(nil, i)
		for _, list := range []*[]kv.Pending{&chain, &losers} {
			b := set("n", string(next))
			b.Assert(part, []byte("n"), last)
			*list = append(*list, e.Submit(b))
		}
		last = next
	}
	for i := range n {
		if err := chain[i].Wait(t.Context()); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		if err := losers[i].Wait(t.Context()); !errors.Is(err, kv.ErrConflict) {
			t.Fatalf("second batch %d: %v, want a conflict", i, err)
		}
	}
	want(t, e, "n", fmt.Sprint(n-1))
}

func testRangeAgainstAssert(t *testing.T, e kv.Engine) {
	commit(t, e, set("k", "1"))
	del := new(kv.Batch)
	del.DeleteRange(part, []byte("a"), nil)
	first := e.Submit(del)
	stale := set("stale", "1")
	stale.Assert(part, []byte("k"), []byte("1"))
	second := e.Submit(stale)
	fresh := set("fresh", "1")
	fresh.Assert(part, []byte("k"), nil)
	third := e.Submit(fresh)
	if err := first.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(t.Context()); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("assertion on a deleted range: %v", err)
	}
	if err := third.Wait(t.Context()); err != nil {
		t.Errorf("assertion of absence: %v", err)
	}
	want(t, e, "k", "-", "stale", "-", "fresh", "1")
}

func testSnapshot(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "b", "1"))
	view(t, e, func(r kv.Reader) error {
		val, _, err := r.Get(part, []byte("a"))
		if err != nil {
			return err
		}
		b := set("a", "2", "c", "2")
		b.Delete(part, []byte("b"))
		commit(t, e, b)
		if string(val) != "1" {
			t.Errorf("a value changed under its reader to %q", val)
		}
		if got := keys(t, r, part, nil, nil, kv.ScanOptions{}); !slices.Equal(got, []string{"a=1", "b=1"}) {
			t.Errorf("the snapshot changed: %q", got)
		}
		return nil
	})
	want(t, e, "a", "2", "b", "-", "c", "2")
}

func testScan(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "b", "2", "ba", "3", "c", "4", "\xff\xff", "5"))
	for _, tt := range []struct {
		name   string
		lo, hi []byte
		o      kv.ScanOptions
		want   []string
	}{
		{"all", nil, nil, kv.ScanOptions{}, []string{"a=1", "b=2", "ba=3", "c=4", "\xff\xff=5"}},
		{"range", []byte("b"), []byte("c"), kv.ScanOptions{}, []string{"b=2", "ba=3"}},
		{"reverse", nil, nil, kv.ScanOptions{Reverse: true}, []string{"\xff\xff=5", "c=4", "ba=3", "b=2", "a=1"}},
		{"reverse range", []byte("b"), []byte("c"), kv.ScanOptions{Reverse: true}, []string{"ba=3", "b=2"}},
		{"limit", []byte("b"), nil, kv.ScanOptions{Limit: 2}, []string{"b=2", "ba=3"}},
		{"reverse limit", nil, []byte("c"), kv.ScanOptions{Limit: 1, Reverse: true}, []string{"ba=3"}},
		{"keys", []byte("b"), []byte("c"), kv.ScanOptions{Keys: true}, []string{"b=", "ba="}},
		{"empty", []byte("bb"), []byte("c"), kv.ScanOptions{}, nil},
		{"backwards", []byte("c"), []byte("a"), kv.ScanOptions{}, nil},
	} {
		view(t, e, func(r kv.Reader) error {
			if got := keys(t, r, part, tt.lo, tt.hi, tt.o); !slices.Equal(got, tt.want) {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
			return nil
		})
	}
	view(t, e, func(r kv.Reader) error { return testScanEnds(t, r) })
}

func testScanEnds(t *testing.T, r kv.Reader) error {
	n := 0
	stop := func(key, val []byte) error { n++; return kv.ErrStop }
	if err := r.Scan(part, nil, nil, kv.ScanOptions{}, stop); err != nil || n != 1 {
		t.Errorf("ErrStop: %v after %d keys", err, n)
	}
	own := errors.New("own")
	fail := func(key, val []byte) error { return own }
	if err := r.Scan(part, nil, nil, kv.ScanOptions{}, fail); !errors.Is(err, own) {
		t.Errorf("own error: %v", err)
	}
	return nil
}

func testDeleteRange(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "b", "2", "c", "3", "d", "4"))
	b := new(kv.Batch)
	b.Set(part+1, []byte("b"), []byte("other"))
	b.DeleteRange(part, []byte("b"), []byte("d"))
	b.DeleteRange(part, []byte("z"), []byte("a"))
	commit(t, e, b)
	want(t, e, "a", "1", "b", "-", "c", "-", "d", "4")
	b = new(kv.Batch)
	b.DeleteRange(part, nil, nil)
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		if got := keys(t, r, part, nil, nil, kv.ScanOptions{}); len(got) != 0 {
			t.Errorf("left after deleting all: %q", got)
		}
		if got := get(t, r, part+1, "b"); got != "other" {
			t.Errorf("another partition's key is %q", got)
		}
		return nil
	})
}

func testPartitions(t *testing.T, e kv.Engine) {
	b := new(kv.Batch)
	for _, p := range []kv.Part{0, 1, part, part + 1} {
		b.Set(p, []byte("k"), fmt.Append(nil, p))
	}
	commit(t, e, b)
	view(t, e, func(r kv.Reader) error {
		for _, p := range []kv.Part{0, 1, part, part + 1} {
			want := []string{fmt.Sprint("k=", p)}
			for _, reverse := range []bool{false, true} {
				if got := keys(t, r, p, nil, nil, kv.ScanOptions{Reverse: reverse}); !slices.Equal(got, want) {
					t.Errorf("partition %d has %q, want %q", p, got, want)
				}
			}
		}
		return nil
	})
}

func testGetMulti(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1", "b", "2", "c", "3"))
	ask := [][]byte{[]byte("c"), []byte("x"), []byte("a")}
	view(t, e, func(r kv.Reader) error {
		var got []string
		err := r.GetMulti(part, ask, func(i int, val []byte) error {
			got = append(got, fmt.Sprint(i, string(val)))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{"03", "21"}) {
			t.Errorf("got %q, %v", got, err)
		}
		stop := func(int, []byte) error { return kv.ErrStop }
		if err := r.GetMulti(part, ask, stop); err != nil {
			t.Errorf("ErrStop: %v", err)
		}
		return nil
	})
}

// testGetMany reads many keys in one snapshot: in no order, again, absent and
// deleted ones, from several partitions, and within each other's callbacks.
func testGetMany(t *testing.T, e kv.Engine) {
	const n = 300
	b, gone := new(kv.Batch), new(kv.Batch)
	for i := range n {
		key := fmt.Appendf(nil, "%03d", i)
		b.Set(part+kv.Part(i%3), key, fmt.Appendf(nil, "%03d %s", i, strings.Repeat("value", i*7%1000)))
		if i%5 == 0 {
			gone.Delete(part+kv.Part(i%3), key)
		}
	}
	commit(t, e, b)
	commit(t, e, gone)
	view(t, e, func(r kv.Reader) error {
		for _, i := range append(rand.New(rand.NewPCG(1, 2)).Perm(n), 7, 7, 5, 8, n-1) {
			got, p := "", part+kv.Part(i%3)
			err := r.GetMulti(p, [][]byte{fmt.Appendf(nil, "%03d", i)}, func(_ int, val []byte) error {
				within := r.GetMulti(part+1, [][]byte{[]byte("001"), []byte("000"), []byte("007")}, func(int, []byte) error { return nil })
				got = string(val)
				return within
			})
			want := ""
			if i%5 != 0 {
				want = fmt.Sprintf("%03d %s", i, strings.Repeat("value", i*7%1000))
			}
			if got != want || err != nil {
				t.Errorf("%d: %.20q, %v; want %.20q", i, got, err, want)
			}
		}
		return nil
	})
}

// testConcurrent counts up one key from many goroutines, each with retries.
func testConcurrent(t *testing.T, e kv.Engine) {
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				for !increment(t, e) {
				}
			}
		})
	}
	wg.Wait()
	want(t, e, "counter", fmt.Sprint(writers*each))
}

// increment reports whether it won.
func increment(t *testing.T, e kv.Engine) bool {
	var old []byte
	n := 0
	view(t, e, func(r kv.Reader) error {
		if s := get(t, r, part, "counter"); s != "-" {
			old = []byte(s)
			fmt.Sscan(s, &n)
		}
		return nil
	})
	b := set("counter", fmt.Sprint(n+1))
	b.Assert(part, []byte("counter"), old)
	err := kv.Commit(t.Context(), e, b)
	if err != nil && !errors.Is(err, kv.ErrConflict) {
		t.Errorf("increment: %v", err)
		return true
	}
	return err == nil
}

func testLargeBatch(t *testing.T, e kv.Engine) {
	b := new(kv.Batch)
	val := make([]byte, 4096)
	for i := range 3000 {
		b.Set(part, fmt.Appendf(nil, "%06d", i), val)
	}
	commit(t, e, b)
	n := 0
	view(t, e, func(r kv.Reader) error {
		return r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
			if n++; len(val) != 4096 {
				t.Errorf("key %s has %d octets", key, len(val))
			}
			return nil
		})
	})
	if n != 3000 {
		t.Errorf("%d keys, want 3000", n)
	}
}

func testCancelled(t *testing.T, e kv.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := e.View(ctx, func(kv.Reader) error { t.Error("called"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
}

func testClosed(t *testing.T, e kv.Engine) {
	p := e.Submit(set("a", "1"))
	if err := e.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := p.Wait(t.Context()); err != nil {
		t.Errorf("a batch in line before Close: %v", err)
	}
	if err := kv.Commit(t.Context(), e, set("b", "1")); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if err := e.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("view: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
