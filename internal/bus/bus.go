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
	// Watch returns a channel that holds at most one pending notice of p, and a
	// function that ends the watch.
	Watch(p kv.Part) (<-chan struct{}, func())
}
