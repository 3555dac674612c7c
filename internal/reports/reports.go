// Package reports tells other domains what became of mail in their name
// (DMARC aggregate reports, RFC 9990) and of TLS on the way to them (RFC 8460),
// and reads what others tell of ours.
//
// What is judged or sent is counted in memory, for domains that ask for
// reports, and becomes rows every few seconds: nobody waits for that. When a
// day (UTC) has ended, the counts of each domain become one letter. Letters
// that bring such reports stay where they are; what they say is kept beside.
//
// Invariant: a report is marked as sent in the commit that accepts its letter,
// and of nodes that share a store only that one sends it which has claimed it.
// Whatever others wrote is bounded and cleaned before it is kept or shown.
//
// Run owns three goroutines, for counting, sending and receiving, and waits for
// them; everything else returns at once or works in its caller's.
package reports

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tem/internal/address"
	"tem/internal/blob"
	"tem/internal/delivery"
	"tem/internal/dns"
	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// Options for New. KV is all that reading what is there needs.
type Options struct {
	KV       kv.Engine
	Resolver *dns.Resolver // who asks for reports
	// Send accepts a letter of ours with rows in the same commit: delivery.Send.
	Send func(ctx context.Context, l *delivery.Letter, also func(*kv.Batch)) (id string, status dsn.Status, err error)
	// IsLocal tells our own domains; OpenBody gives the octets of a message that has arrived.
	IsLocal  func(ctx context.Context, domain string) (bool, error)
	OpenBody func(ctx context.Context, id blob.ID) (blob.Reader, error)
	HTTP     *http.Client // for addresses with https; nil: none is used

	Hostname     string          // ours
	From         address.Address // of the letters; zero: noreply-dmarc at Hostname's domain
	Organization string          // "": Hostname's domain
	Contact      string          // "": From
	Version      string          // of the program

	DMARC, TLS bool // what is counted and sent
	Log        *slog.Logger
	Now        func() time.Time
}

// Reports is safe for concurrent use. Run must run once.
type Reports struct {
	o    Options
	node [8]byte // of this process, so that no other writes the same rows of counts

	mu       sync.Mutex
	counters map[string]*counter // since the last flush
	lost     int64               // not counted since then, for there was too much

	arrived chan arrival // letters that may bring reports

	// What follows belongs to whoever holds flushing, but forgot to Run's goroutine that sends.
	flushing sync.Mutex
	day      uint32         // that rows are counted of
	rows     int            // made that day
	shares   map[string]int // of each domain in them
	failing  bool           // the last flush failed
	forgot   uint32         // day on which old rows were last taken away
	toldLost time.Time
}

// How often what is done.
const (
	flushTime = 10 * time.Second
	sendTime  = time.Minute
)

// New returns the reports that o.KV holds.
func New(o Options) *Reports {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Reports{o: o, counters: map[string]*counter{}, arrived: make(chan arrival, maxArrived)}
	rand.Read(r.node[:]) // never fails: crypto/rand ends the process first
	return r
}

// Run makes rows of counts, sends what is due and keeps what arrives, until ctx
// ends and what was counted is written. It returns nil.
func (r *Reports) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { every(ctx, flushTime, r.flush) })
	wg.Go(func() {
		every(ctx, sendTime, func(ctx context.Context) {
			r.sendDue(ctx)
			r.forget(ctx)
		})
	})
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case a := <-r.arrived:
				r.receive(ctx, a)
			}
		}
	})
	wg.Wait()
	r.flush(context.WithoutCancel(ctx))
	return nil
}

// every does something again and again until ctx ends.
func every(ctx context.Context, d time.Duration, do func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(ctx)
		}
	}
}
