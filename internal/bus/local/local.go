// Package local carries notices within one process. It has no goroutines.
package local

import (
	"sync"

	"tem/internal/kv"
)

// Bus is a bus.Bus. Its methods may be called concurrently.
type Bus struct {
	mu       sync.RWMutex
	watchers map[kv.Part]map[chan struct{}]struct{}
}

// New returns a bus nobody watches.
func New() *Bus { return &Bus{watchers: make(map[kv.Part]map[chan struct{}]struct{})} }

// Publish leaves each watcher of p one notice; a watcher that has one keeps it.
func (b *Bus) Publish(p kv.Part) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for ch := range b.watchers[p] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Watch adds a watcher of p. The channel is never closed; the returned
// function may be called more than once.
func (b *Bus) Watch(p kv.Part) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers[p] == nil {
		b.watchers[p] = make(map[chan struct{}]struct{})
	}
	b.watchers[p][ch] = struct{}{}
	return ch, func() { b.forget(p, ch) }
}

func (b *Bus) forget(p kv.Part, ch chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.watchers[p], ch)
	if len(b.watchers[p]) == 0 {
		delete(b.watchers, p)
	}
}
