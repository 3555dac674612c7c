// Package bustest is the contract of bus.Bus as one test suite that every
// implementation runs.
package bustest

import (
	"sync"
	"testing"
	"time"

	"tem/internal/bus"
	"tem/internal/kv"
)

// patience is how long a carrier over a network may take.
const patience = 5 * time.Second

// Run tests buses made by open.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	t.Run("Notice", func(t *testing.T) { testNotice(t, open(t)) })
	t.Run("NeverBlocks", func(t *testing.T) { testNeverBlocks(t, open(t)) })
	t.Run("OtherPartition", func(t *testing.T) { testOther(t, open(t)) })
	t.Run("End", func(t *testing.T) { testEnd(t, open(t)) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, open(t)) })
}

func heard(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Error("no notice")
	}
}

func testNotice(t *testing.T, b bus.Bus) {
	one, endOne := b.Watch(7)
	two, endTwo := b.Watch(7)
	defer endOne()
	defer endTwo()
	for range 3 {
		b.Publish(7)
		heard(t, one)
		heard(t, two)
	}
}

func testNeverBlocks(t *testing.T, b bus.Bus) {
	ch, end := b.Watch(7)
	defer end()
	for range 1000 {
		b.Publish(7)
	}
	heard(t, ch)
}

func testOther(t *testing.T, b bus.Bus) {
	other, endOther := b.Watch(8)
	mine, end := b.Watch(7)
	defer endOther()
	defer end()
	b.Publish(7)
	heard(t, mine)
	select {
	case <-other:
		t.Error("notice of another partition")
	default:
	}
}

func testEnd(t *testing.T, b bus.Bus) {
	ended, end := b.Watch(7)
	stays, endStays := b.Watch(7)
	defer endStays()
	end()
	end()
	b.Publish(7)
	heard(t, stays)
	select {
	case <-ended:
		t.Error("notice after the end of the watch")
	default:
	}
}

func testConcurrent(t *testing.T, b bus.Bus) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				ch, end := b.Watch(kv.Part(i % 2))
				b.Publish(kv.Part(i % 2))
				heard(t, ch)
				end()
			}
		})
	}
	wg.Wait()
}
