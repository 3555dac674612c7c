package local

import (
	"runtime"
	"testing"

	"tem/internal/bus"
	"tem/internal/bus/bustest"
	"tem/internal/kv"
)

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bus.Bus { return New() })
	b := New()
	_, end := bus.Watch(b, 1)
	end()
	if len(b.watchers) != 0 {
		t.Error("an ended watch is still held")
	}
}

// BenchmarkNotify says what each of 100,000 watchers of 10,000 partitions holds.
func BenchmarkNotify(b *testing.B) {
	const watchers, parts = 100_000, 10_000
	for b.Loop() {
		here, stops := New(), make([]func(), watchers)
		before := heap()
		fn := func() {}
		for i := range stops {
			stops[i] = here.Notify(kv.Part(i%parts), fn)
		}
		b.ReportMetric(float64(heap()-before)/watchers, "octets/watcher")
		for _, stop := range stops {
			stop()
		}
	}
}

// heap is how many octets are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
