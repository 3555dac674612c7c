// Package pebble is the embedded kv engine: every batch in one log-structured
// tree on the local disk.
//
// Invariant: one committer goroutine takes all batches in line, checks their
// conditions in order and hands the good ones to the log as one record; a second
// waits for the disk, publishes a snapshot of what is now durable and only then
// wakes the callers. Readers see published snapshots only. After a failed write
// or sync the engine is dead: nothing can say what a disk that lost one write
// still holds.
//
// Large bodies that come together are kept apart from the tree, in volumes
// (volume.go), and a row that refers to one is written after it is synced; Tidy
// (tidy.go) gives back the room of those that no row refers to.
//
// Both goroutines belong to Engine; Close waits for them.
package pebble

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
)

// formatVersion is the on-disk format of new and opened stores. It is raised by
// hand, never by taking a newer library.
const formatVersion = pebble.FormatValueSeparation

// separateFrom is the size in octets from which values are kept apart from the
// keys, so that compactions need not copy message bodies. The metadata of a
// message, which FETCH reads in order, is smaller.
const separateFrom = 2 << 10

// blockSize is about how many octets are packed together and read at once. With
// the library's 4 KiB each message body, and every three or four rows of
// metadata, are a block of their own: lists took half as much again of the
// processor, cold ones and bodies a third; single reads take 7 % less.
const blockSize = 16 << 10

// referenceDepth is how many files of values a table may point into before the
// values are written together again. Bodies are read one by one, so that it
// matters little; with 10 the octets written were 2.6 times those of letters of
// 100 KiB, with 100 they are twice.
const referenceDepth = 100

// memTables is how many the library holds at rest, the one in use and one to be
// used next; it takes their memory off that of the cache, of which with 128 MiB
// nothing was left.
const memTables = 2

// Options say where and how large.
type Options struct {
	Dir       string
	FS        vfs.FS // nil: the real one
	CacheSize int64  // of blocks, in octets; 0: 128 MiB
	MemTable  uint64 // in octets; 0: 64 MiB
	Log       *slog.Logger
	Apart     Apart
	OnFatal   func(error) // called once, when the engine has died; may be nil
}

// Apart says which values lie in volumes. The zero value is what a server has.
type Apart struct {
	From       int   // octets of a large value; 0: 32 KiB
	Alone      bool  // one needs no company; a server waits for the disk once for it, not twice
	Everywhere bool  // not only in the partitions of bodies
	Volume     int64 // octets from which on a volume is full; 0: 512 MiB
}

// Engine is a kv.Engine and a kv.Tidier on disk. Its methods may be called concurrently.
type Engine struct {
	db      *pebble.DB
	volumes *volumes
	tidied  uint32 // the volume that Tidy looked at last
	death   *kv.Death
	wake    chan struct{} // one token: the queue is not empty or closing
	done    chan struct{} // closed when the committer has ended
	known   remembered    // the committer's own
	mu      sync.Mutex
	queue   []*pending
	closing bool

	busy atomic.Bool // batches are in line or on their way

	snapMu sync.Mutex
	snap   *snapshot // what is durable; nil once closed
}

// Open opens or creates a store.
func Open(o Options) (*Engine, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := kv.NewDeath(o.OnFatal)
	opts := options(o, d)
	db, err := pebble.Open(o.Dir, opts)
	opts.Cache.Unref() // the database holds its own reference
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", o.Dir, err)
	}
	v, err := openVolumes(opts.FS, db, o.Dir, o.Apart, o.Log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the values in %s: %w", o.Dir, err), db.Close())
	}
	e := &Engine{db: db, volumes: v, death: d, wake: make(chan struct{}, 1), done: make(chan struct{}), known: make(remembered)}
	e.snap = e.newSnapshot()
	go e.commitLoop()
	return e, nil
}

func options(o Options, d *kv.Death) *pebble.Options {
	l := logger{o.Log, d, new(sync.Map)}
	memTable := cmp.Or(o.MemTable, 64<<20)
	opts := &pebble.Options{
		FS:                          newMortal(o.FS, d),
		FormatMajorVersion:          formatVersion,
		Cache:                       pebble.NewCache(cmp.Or(o.CacheSize, 128<<20) + memTables*int64(memTable)),
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		// What is written once is written again as seldom as can be: with the
		// library's figures (64 MiB, 4) bytes written were 2.4 times those kept.
		LBaseMaxBytes:         256 << 20,
		L0CompactionThreshold: 8,
		Logger:                l,
		EventListener:         &pebble.EventListener{BackgroundError: l.background, DataCorruption: l.damaged},
	}
	opts.Levels[0].BlockSize = blockSize // that of the other levels, and of values apart, follows
	opts.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	opts.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: separateFrom, MaxBlobReferenceDepth: referenceDepth, TargetGarbageRatio: 0.2,
		}
	}
	return opts
}

// Close lets the batches in line finish, then closes the store. It must not be
// called while a View or a Tidy runs.
func (e *Engine) Close() error {
	e.mu.Lock()
	was := e.closing
	e.closing = true
	e.mu.Unlock()
	if was {
		return nil
	}
	e.signal()
	select {
	case <-e.done:
	case <-e.death.Dead():
		// What the failure left locked can't be closed in order; the log is
		// read again at the next start.
		return e.death.Err()
	}
	e.publish(nil)
	e.volumes.close()
	return e.db.Close()
}

// signal leaves the committer a token.
func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Submit puts the batch in line.
func (e *Engine) Submit(b *kv.Batch) kv.Pending {
	p := &pending{Decision: kv.NewDecision(e.death), batch: b}
	p.prepare(e.volumes, e.busy.Load())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		p.Decide(kv.ErrClosed)
		return p
	}
	e.queue = append(e.queue, p)
	e.busy.Store(true)
	e.signal()
	return p
}

// pending is a batch in line.
type pending struct {
	kv.Decision
	batch *kv.Batch

	size          int             // octets that its operations take in the log at most, with large values
	values, large int             // how many large values it has, and their octets
	must          bool            // some have to lie apart
	parcels       map[int]*parcel // of large values, by the index of their operation, as far as they are made
}

// prepare measures the batch, looks for large values and, if there is company, packs them in the
// caller's time rather than the committer's, who is one for all.
func (p *pending) prepare(v *volumes, company bool) {
	for i := range p.batch.Ops {
		op := &p.batch.Ops[i]
		p.size += len(op.Key) + len(op.Val) + opSize
		if !v.takes(op) {
			continue
		}
		p.values++
		p.large += len(op.Val)
		p.must = p.must || v.Alone || looksLikePlace(op.Val)
		if !company {
			continue
		}
		if p.parcels == nil {
			p.parcels = make(map[int]*parcel)
		}
		p.parcels[i] = newParcel(op.Val)
	}
}
