package pebble

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
)

// TestVersions goes over rows half of which have been written many times: each
// is met once, with its last value, and the versions are not stepped through.
func TestVersions(t *testing.T) {
	t.Parallel()
	e := open(t, Options{FS: vfs.NewMem()})
	defer e.Close()
	const rows, often = 80, 200
	for n := range often {
		b := new(kv.Batch)
		for row := range rows {
			if row%2 == 0 || n == 0 {
				b.Set(part, fmt.Appendf(nil, "%03d", row), fmt.Append(nil, n))
			}
		}
		if err := kv.Commit(t.Context(), e, b); err != nil {
			t.Fatal(err)
		}
	}
	snap := e.acquire()
	defer snap.release()
	it, err := snap.NewIter(&pebble.IterOptions{LowerBound: appendKey(nil, part, nil), UpperBound: appendEnd(nil, part, nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	s := stepper{it: it}
	row := 0
	for ok := it.First(); ok; ok = s.next() {
		want := fmt.Sprintf("%03d %d", row, (row+1)%2*(often-1))
		if got := fmt.Sprintf("%s %s", it.Key()[8:], it.Value()); got != want {
			t.Fatalf("met %s, want %s", got, want)
		}
		row++
	}
	if steps := it.Stats().ForwardStepCount[pebble.InternalIterCall]; row != rows || steps > 10*often {
		t.Errorf("met %d rows in %d steps", row, steps)
	}
}
