package journey

import (
	"cmp"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"tem/internal/kv"
)

// How events become rows.
const (
	batchTime   = 150 * time.Millisecond // that an event waits at most
	batchEvents = 500                    // that do not wait any longer
	maxBatch    = 4000                   // events in one commit
)

// Defaults of Options.
const (
	defaultKeep = 30 * 24 * time.Hour
	defaultSize = 1 << 30
)

// Options for New.
type Options struct {
	KV   kv.Engine
	Keep time.Duration // how long events are remembered; 0: 30 days
	Size int64         // octets of rows, about, of all nodes together; 0: 1 GiB
	Log  *slog.Logger
	Now  func() time.Time
}

// Journal is the memory of all journeys: rows in partition kv.Journey.
//
// Rows lie in buckets, one after another, of at most an hour and a sixteenth of
// the size each: what was written by one process in that time. Forgetting is
// taking whole buckets away, the oldest first, and needs no look at what is in them.
//
// It is safe for concurrent use. Run owns no goroutines; it must run once.
type Journal struct {
	o    Options
	node [nodeLength]byte // of this process, so that no other writes the same keys
	full chan struct{}    // holds a notice that much waits
	zip  *zstd.Encoder
	zap  *zstd.Decoder

	mu      sync.Mutex // guards what Record shares with Run
	waiting []Event
	octets  int // of their texts
	lost    uint64
	taken   uint64        // events that were recorded, ever
	done    uint64        // of them, those that are rows, or never will be
	wrote   chan struct{} // closed when done has grown

	// What follows belongs to Run.
	bucket   bucket // that is written to; its name is empty before the first
	seq      uint32 // of the last row in it
	checked  time.Time
	grown    int64 // octets since checked
	untold   uint64
	toldLost time.Time
	failing  bool // the last commit failed
}

// New returns a journal over the rows that o.KV holds.
func New(o Options) *Journal {
	o.Keep = cmp.Or(o.Keep, defaultKeep)
	o.Size = cmp.Or(o.Size, defaultSize)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &Journal{o: o, full: make(chan struct{}, 1), wrote: make(chan struct{})}
	rand.Read(j.node[:]) // never fails: crypto/rand ends the process first
	// The options are constant and known to be good.
	j.zip, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(maxRow), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	j.zap, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxRow), zstd.WithDecoderLowmem(true))
	return j
}
