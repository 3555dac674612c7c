// Package kv is the ordered key space under every state package: consistent
// snapshots to read from, atomic batches to write with.
//
// Invariant: a reader only ever sees what is durable. A batch becomes visible
// when it is on disk, whole, or never.
//
// An engine owns its goroutines; Close waits for them.
package kv

import (
	"context"
	"errors"
)

// Part is a partition of the key space: one account, or one of the reserved
// ones below. It is the unit of locking within a process and of sharding
// across several.
type Part uint64

const (
	System    Part = 0 // format version, node state
	Directory Part = 1 // domains, people, aliases, groups
	Queue     Part = 2 // what still has to leave
	OldBodies Part = 3 // where format 1 had all bodies
	Accounts  Part = 4 // which accounts have mail, what they share, what they are allowed together
	Journey   Part = 5 // what became of every message (package journey)
	Reports   Part = 6 // what is counted for, and was told in, reports on DMARC and TLS (package reports)
	Policies  Part = 7 // what other domains ask of who sends to them (package transport)

	// FirstBodies is the first of BodyParts partitions for message bodies small
	// enough to lie beside their rows, and for who refers to each body: many, so
	// that a cluster can spread them.
	FirstBodies Part = 1 << 8
	BodyParts        = 1 << 8

	FirstAccount Part = 1 << 16 // accounts are numbered from here
)

// IsBodies reports a partition of message bodies.
func (p Part) IsBodies() bool { return FirstBodies <= p && p < FirstBodies+BodyParts }

var (
	// ErrConflict says that an Assert of the batch did not hold; nothing was written.
	ErrConflict = errors.New("kv: assertion failed")
	// ErrClosed says that the engine was closed.
	ErrClosed = errors.New("kv: engine is closed")
	// ErrDamaged says that the value of one key can't be read, as the disk has lost or changed it.
	ErrDamaged = errors.New("kv: a value is damaged")
	// ErrStop, returned by a Scan callback, ends the scan without an error.
	ErrStop = errors.New("kv: stop scanning")
)

// Stopped turns ErrStop into success: what a scan makes of its callback's error.
func Stopped(err error) error {
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// Engine is one store of keys: memory, pebble, postgres.
type Engine interface {
	// View runs fn on one consistent snapshot of everything durable.
	View(ctx context.Context, fn func(Reader) error) error
	// Submit puts a batch in line and returns at once. Batches that assert in
	// the same partition are checked and applied in the order of their Submit
	// calls, so that a caller may hold a lock around "read, build, Submit" and
	// wait outside of it. A batch without conditions is ordered by the
	// partitions that it writes in, as if it asserted there. What a batch
	// writes in partitions in which it does not assert is in no order with
	// what others write there; callers choose keys that nobody else has. The
	// batch and its slices belong to the engine until Wait of the result
	// returns.
	Submit(b *Batch) Pending
	Close() error
}

// Tidier is an Engine that does not give back all room by itself.
type Tidier interface {
	// Tidy looks for some of what is of no use any more. It is for being called
	// every hour, by one at a time.
	Tidy(ctx context.Context) error
}

// Pending is a batch on its way to the disk.
type Pending interface {
	// Wait returns nil once the batch is durable and visible, ErrConflict if an
	// assertion failed, or the reason why it could not be written. When ctx
	// ends first the batch may still take effect.
	Wait(ctx context.Context) error
}

// Commit submits b and waits for it.
func Commit(ctx context.Context, e Engine, b *Batch) error { return e.Submit(b).Wait(ctx) }

// Reader is one snapshot. Values are valid until the View that gave it returns.
type Reader interface {
	Get(p Part, key []byte) (val []byte, ok bool, err error)
	// GetMulti calls fn once for each key that exists, in the order of keys.
	GetMulti(p Part, keys [][]byte, fn func(i int, val []byte) error) error
	// Scan calls fn for lo <= key < hi in key order; a nil hi means the end of
	// the partition. key and val are valid only during the call.
	Scan(p Part, lo, hi []byte, o ScanOptions, fn func(key, val []byte) error) error
}

// ScanOptions bends a scan.
type ScanOptions struct {
	Reverse bool
	Limit   int  // at most so many keys; 0: no limit
	Keys    bool // only keys are wanted: val is nil
}

// OpKind says what an Op does.
type OpKind uint8

// The kinds of operation in a batch.
const (
	OpSet OpKind = iota
	OpDelete
	OpDeleteRange // Key <= key < Val
)

// Op is one write of a batch.
type Op struct {
	Kind OpKind
	Part Part
	Key  []byte
	Val  []byte // the value, or the end of a range
}

// Condition is something that must hold when the batch is applied.
type Condition struct {
	Part Part
	Key  []byte
	Want []byte // nil: the key must be absent
}

// Batch is a set of conditions and writes, built without I/O. Writes take
// effect in the order they were added. The zero value is an empty batch.
type Batch struct {
	Conditions []Condition
	Ops        []Op
}

// Assert makes the batch fail with ErrConflict unless key has the value want
// (nil: is absent) at the moment of applying.
func (b *Batch) Assert(p Part, key, want []byte) {
	b.Conditions = append(b.Conditions, Condition{p, key, want})
}

// Set writes one key.
func (b *Batch) Set(p Part, key, val []byte) { b.Ops = append(b.Ops, Op{OpSet, p, key, val}) }

// Delete removes one key; an absent key is no error.
func (b *Batch) Delete(p Part, key []byte) { b.Ops = append(b.Ops, Op{OpDelete, p, key, nil}) }

// DeleteRange removes lo <= key < hi.
func (b *Batch) DeleteRange(p Part, lo, hi []byte) {
	b.Ops = append(b.Ops, Op{OpDeleteRange, p, lo, hi})
}
