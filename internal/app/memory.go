package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	lookEvery = 5 * time.Second
	busyFrom  = 4 << 20 // octets allocated between two looks
	quietFor  = 3       // looks without that many before memory is given back
	rounds    = 3       // stacks shrink by half in each collection
	// gcPercent is half of the runtime's: the store's caches are heap to the
	// collector, which would let garbage grow as large as they are.
	gcPercent = 50
)

// giveBack gives memory back to the system when the server has gone quiet. The
// runtime would keep what a burst needed, and collects only after as much again
// was allocated: never, if ten thousand sessions have come to wait.
func giveBack(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var q quiet
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-look.C:
			if q.due(allocated()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// quiet knows how long the server has been so, and what is owed to the system.
type quiet struct {
	allocated uint64
	looks     int
	owed      int
}

// due is told how many octets were ever allocated, and says whether to collect now.
func (q *quiet) due(allocated uint64) bool {
	busy := allocated-q.allocated >= busyFrom
	q.allocated = allocated
	if busy {
		q.looks, q.owed = 0, rounds
		return false
	}
	if q.looks++; q.looks < quietFor || q.owed == 0 {
		return false
	}
	q.owed--
	return true
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
