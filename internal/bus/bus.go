// Package bus carries the news that a partition has moved. A notice holds no
// content: whoever hears it reads the change log.
//
// Invariant: notices may be lost, repeated or merged; the change log is the truth.
package bus

import "tem/internal/kv"

// Bus is one carrier of notices.
type Bus interface {
	// Publish tells every watcher of p that something changed. It never blocks.
	Publish(p kv.Part)
	// Notify has fn called for each notice of p until the returned function,
	// which may be called more than once, has returned; fn is not called after
	// that. It may be called by any goroutine, by several at once. It must not
	// block, and must not call the bus.
	Notify(p kv.Part, fn func()) (stop func())
}

// Watch returns a channel that holds at most one pending notice of p, is never
// closed, and a function that ends the watch.
func Watch(b Bus, p kv.Part) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	return ch, b.Notify(p, func() {
		select {
		case ch <- struct{}{}:
		default:
		}
	})
}
