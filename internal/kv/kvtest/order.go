package kvtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"tem/internal/kv"
)

// testSubmitOrder submits random batches over many partitions without waiting,
// each built on what those before it will have left. Were two that share a
// partition to change places, an assertion would fail or an older value would
// stay. An engine may well have several groups of them in flight at once.
func testSubmitOrder(t *testing.T, e kv.Engine) {
	const parts, batches = 300, 3000
	random := rand.New(rand.NewPCG(1, 2))
	var model [parts][]byte
	var list []kv.Pending
	for i := range batches {
		b := new(kv.Batch)
		val := fmt.Append(nil, i)
		blind := random.IntN(4) == 0
		for _, p := range random.Perm(parts)[:1+random.IntN(3)] {
			if !blind {
				b.Assert(part+kv.Part(p), []byte("n"), model[p])
			}
			b.Set(part+kv.Part(p), []byte("n"), val)
			model[p] = val
		}
		list = append(list, e.Submit(b))
	}
	for i, p := range list {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
	}
	view(t, e, func(r kv.Reader) error {
		for p, val := range model {
			if got := get(t, r, part+kv.Part(p), "n"); got != string(val) {
				t.Errorf("partition %d ends with %s, want %s", p, got, val)
			}
		}
		return nil
	})
}

// testRangeThenSet lets ranges, writes and assertions follow each other in
// batches that an engine may group.
func testRangeThenSet(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "old", "b", "old", "c", "old", "z", "kept"))
	lo, hi := []byte("a"), []byte("m")
	steps := []*kv.Batch{set("d", "1"), {}, set("b", "2"), set("e", "2"), {}, set("c", "3")}
	steps[1].DeleteRange(part, lo, hi)
	steps[2].Assert(part, []byte("a"), nil)
	steps[2].Assert(part, []byte("d"), nil)
	steps[3].Assert(part, []byte("b"), []byte("2"))
	steps[3].Delete(part, []byte("z"))
	steps[4].DeleteRange(part, []byte("e"), hi)
	steps[5].Assert(part, []byte("e"), nil)
	steps[5].Assert(part, []byte("z"), nil)
	steps[5].Assert(part, []byte("b"), []byte("2"))
	var list []kv.Pending
	for _, b := range steps {
		list = append(list, e.Submit(b))
	}
	for i, p := range list {
		if err := p.Wait(t.Context()); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	want(t, e, "a", "-", "b", "2", "c", "3", "d", "-", "e", "-", "z", "-")
}

// testManyPartitions writes in many partitions with one batch, then fails one
// assertion among as many.
func testManyPartitions(t *testing.T, e kv.Engine) {
	const n = 300
	build := func(was, is []byte) *kv.Batch {
		b := new(kv.Batch)
		for p := range kv.Part(n) {
			b.Assert(part+p, []byte("k"), was)
			b.Set(part+p, []byte("k"), is)
		}
		return b
	}
	commit(t, e, build(nil, []byte("1")))
	bad := build([]byte("1"), []byte("2"))
	bad.Conditions[n/2].Want = []byte("0")
	if err := kv.Commit(t.Context(), e, bad); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("one of %d assertions fails: %v", n, err)
	}
	view(t, e, func(r kv.Reader) error {
		for p := range kv.Part(n) {
			if got := get(t, r, part+p, "k"); got != "1" {
				t.Fatalf("partition %d has %s, want 1", p, got)
			}
		}
		return nil
	})
}

// testOnlyConditions commits batches that write nothing.
func testOnlyConditions(t *testing.T, e kv.Engine) {
	commit(t, e, set("a", "1"))
	b := new(kv.Batch)
	b.Assert(part, []byte("a"), []byte("1"))
	commit(t, e, b)
	b = new(kv.Batch)
	b.Assert(part, []byte("a"), []byte("2"))
	if err := kv.Commit(t.Context(), e, b); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}
