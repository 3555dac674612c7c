// Package memory is a kv engine that keeps everything in a persistent treap:
// for tests and for stores that need not outlive the process.
//
// Invariant: a published tree is never changed, so a snapshot is its root. It
// has no goroutines.
package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"

	"tem/internal/kv"
)

// Engine is a kv.Engine in memory. Its methods may be called concurrently.
type Engine struct {
	mu     sync.Mutex
	root   *node
	closed bool
}

// New returns an empty engine.
func New() *Engine { return &Engine{} }

// Close makes every later call fail with kv.ErrClosed.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return nil
}

// View runs fn on the tree as it is now.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.mu.Lock()
	root, closed := e.root, e.closed
	e.mu.Unlock()
	if closed {
		return kv.ErrClosed
	}
	return fn(reader{ctx, root})
}

// Submit applies the batch before it returns.
func (e *Engine) Submit(b *kv.Batch) kv.Pending {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return result{kv.ErrClosed}
	}
	for i := range b.Conditions {
		if !holds(e.root, &b.Conditions[i]) {
			return result{kv.ErrConflict}
		}
	}
	for i := range b.Ops {
		e.root = apply(e.root, &b.Ops[i])
	}
	return result{}
}

// result is a batch that has been decided.
type result struct{ err error }

func (r result) Wait(context.Context) error { return r.err }

func holds(root *node, c *kv.Condition) bool {
	val, ok := root.get(partKey(c.Part, c.Key))
	if c.Want == nil {
		return !ok
	}
	return ok && bytes.Equal(val, c.Want)
}

func apply(root *node, op *kv.Op) *node {
	key := partKey(op.Part, op.Key)
	switch op.Kind {
	case kv.OpSet:
		return root.set(key, bytes.Clone(op.Val))
	case kv.OpDelete:
		return root.remove(key, append(bytes.Clone(key), 0))
	default:
		return root.remove(key, endKey(op.Part, op.Val))
	}
}

// partKey is a key with its partition in front: 8 octets, big-endian.
func partKey(p kv.Part, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(key)), uint64(p)), key...)
}

// endKey is the exclusive end of a range: nil hi is the end of the partition.
func endKey(p kv.Part, hi []byte) []byte {
	if hi == nil {
		return partKey(p+1, nil)
	}
	return partKey(p, hi)
}

// reader is one snapshot.
type reader struct {
	ctx  context.Context
	root *node
}

func (r reader) Get(p kv.Part, key []byte) ([]byte, bool, error) {
	val, ok := r.root.get(partKey(p, key))
	return val, ok, nil
}

func (r reader) GetMulti(p kv.Part, keys [][]byte, fn func(i int, val []byte) error) error {
	for i, key := range keys {
		val, ok := r.root.get(partKey(p, key))
		if !ok {
			continue
		}
		if err := fn(i, val); err != nil {
			return kv.Stopped(err)
		}
	}
	return nil
}

func (r reader) Scan(p kv.Part, lo, hi []byte, o kv.ScanOptions, fn func(key, val []byte) error) error {
	n := 0
	visit := func(key, val []byte) error {
		if n++; n%1024 == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if o.Keys {
			val = nil
		}
		if err := fn(key[8:], val); err != nil {
			return err
		}
		if n == o.Limit {
			return kv.ErrStop
		}
		return nil
	}
	lower, upper := partKey(p, lo), endKey(p, hi)
	if o.Reverse {
		return kv.Stopped(r.root.descend(lower, upper, visit))
	}
	return kv.Stopped(r.root.ascend(lower, upper, visit))
}
