// Package local carries notices within one process. It has no goroutines.
package local

import (
	"sync"

	"tem/internal/kv"
)

// Bus is a bus.Bus. Its methods may be called concurrently.
type Bus struct {
	mu       sync.RWMutex         // held for reading while watchers are told
	watchers map[kv.Part]*watcher // the first of each partition
}

// watcher is one of a partition's list.
type watcher struct {
	fn         func()
	prev, next *watcher
	p          kv.Part
	ended      bool
}

// New returns a bus nobody watches.
func New() *Bus { return &Bus{watchers: make(map[kv.Part]*watcher)} }

// Publish tells each watcher of p.
func (b *Bus) Publish(p kv.Part) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for w := b.watchers[p]; w != nil; w = w.next {
		w.fn()
	}
}

// Notify adds a watcher of p.
func (b *Bus) Notify(p kv.Part, fn func()) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &watcher{fn: fn, next: b.watchers[p], p: p}
	if w.next != nil {
		w.next.prev = w
	}
	b.watchers[p] = w
	return func() { b.forget(w) }
}

func (b *Bus) forget(w *watcher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	if w.next != nil {
		w.next.prev = w.prev
	}
	switch {
	case w.prev != nil:
		w.prev.next = w.next
	case w.next != nil:
		b.watchers[w.p] = w.next
	default:
		delete(b.watchers, w.p)
	}
}
