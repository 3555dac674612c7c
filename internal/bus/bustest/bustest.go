// Package bustest is the contract of bus.Bus as one test suite that every
// implementation runs.
package bustest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/bus"
	"tem/internal/kv"
)

// patience is how long a carrier over a network may take.
const patience = time.Minute

// Run tests buses made by open.
func Run(t *testing.T, open func(t *testing.T) bus.Bus) {
	t.Run("Notice", func(t *testing.T) { testNotice(t, open(t)) })
	t.Run("NeverBlocks", func(t *testing.T) { testNeverBlocks(t, open(t)) })
	t.Run("OtherPartition", func(t *testing.T) { testOther(t, open(t)) })
	t.Run("End", func(t *testing.T) { testEnd(t, open(t)) })
	t.Run("EndIsFinal", func(t *testing.T) { testEndIsFinal(t, open(t)) })
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
	one, endOne := bus.Watch(b, 7)
	two, endTwo := bus.Watch(b, 7)
	defer endOne()
	defer endTwo()
	for range 3 {
		b.Publish(7)
		heard(t, one)
		heard(t, two)
	}
}

func testNeverBlocks(t *testing.T, b bus.Bus) {
	ch, end := bus.Watch(b, 7)
	defer end()
	for range 1000 {
		b.Publish(7)
	}
	heard(t, ch)
}

func testOther(t *testing.T, b bus.Bus) {
	other, endOther := bus.Watch(b, 8)
	mine, end := bus.Watch(b, 7)
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
	ended, end := bus.Watch(b, 7)
	stays, endStays := bus.Watch(b, 7)
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

// testEndIsFinal: when a watch has been ended nobody is told any more, however
// many publish at that moment; the others of the same partition go on.
func testEndIsFinal(t *testing.T, b bus.Bus) {
	done := make(chan struct{})
	var publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					b.Publish(7)
				}
			}
		})
	}
	stays, end := bus.Watch(b, 7)
	defer end()
	for range 500 {
		var ended atomic.Bool
		var stops []func()
		for range 3 {
			stops = append(stops, b.Notify(7, func() {
				if ended.Load() {
					t.Error("notice after the end of the watch")
				}
			}))
		}
		for _, n := range []int{1, 0, 2} { // from the middle, then the ends
			stops[n]()
		}
		ended.Store(true)
	}
	close(done)
	publishers.Wait()
	b.Publish(7)
	heard(t, stays)
}

func testConcurrent(t *testing.T, b bus.Bus) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				ch, end := bus.Watch(b, kv.Part(i%2))
				b.Publish(kv.Part(i % 2))
				heard(t, ch)
				end()
			}
		})
	}
	wg.Wait()
}
