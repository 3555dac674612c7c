package kvtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tem/internal/kv"
)

// accountRows are the sizes of the values that a delivery writes in its account
// besides the state row: mailbox, message, flags, change log, and four that
// index it.
var accountRows = []int{110, 620, 16, 12, 0, 0, 16}

const bodySize = 3700

// Bench measures commits like those of a delivery, 4.5 KiB in 9 rows over two
// partitions, by 1, 10 and 50 writers. Each has an account of its own, waits for
// one commit before it starts the next and asserts its state row.
func Bench(b *testing.B, open func(b *testing.B) kv.Engine) {
	for _, writers := range []int{1, 10, 50} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			e := open(b)
			defer e.Close()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() { deliver(b, e, kv.FirstAccount+kv.Part(i), &left) })
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// deliver commits until nothing is left to do.
func deliver(b *testing.B, e kv.Engine, account kv.Part, left *atomic.Int64) {
	body := make([]byte, bodySize)
	var state []byte
	for n := uint32(0); left.Add(-1) >= 0; n++ {
		next := fmt.Appendf(nil, "%060d", n)
		if err := kv.Commit(b.Context(), e, delivery(account, n, state, next, body)); err != nil {
			b.Error(err)
			return
		}
		state = next
	}
}

// delivery is the batch of message n.
func delivery(account kv.Part, n uint32, state, next, body []byte) *kv.Batch {
	b := new(kv.Batch)
	b.Assert(account, []byte("s"), state)
	b.Set(account, []byte("s"), next)
	for i, size := range accountRows {
		key := fmt.Appendf(nil, "%c%08d", 'b'+i, n)
		if i == 0 {
			key = []byte("b0001")
		}
		b.Set(account, key, body[:size])
	}
	b.Set(kv.FirstBodies+kv.Part(n)%kv.BodyParts, fmt.Appendf(nil, "B%012d%04d", n, account), body)
	return b
}
