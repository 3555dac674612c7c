package mail

import (
	"math/rand/v2"
	"testing"
)

func TestIDFilter(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 10000, 300000} {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		f := newIDFilter(n)
		var ids []uint64
		for f.room > 0 {
			ids = append(ids, rng.Uint64())
			f.add(ids[len(ids)-1])
		}
		if len(ids) < n || f.add(1) {
			t.Errorf("%d: room for %d", n, len(ids))
		}
		for _, h := range ids {
			if !f.has(h) {
				t.Fatalf("%d: an id is not known", n)
			}
		}
		vain := 0
		for range 100000 {
			if f.has(rng.Uint64()) {
				vain++
			}
		}
		if vain > 300 {
			t.Errorf("%d ids: %d looks of 100000 are in vain", n, vain)
		}
	}
}
