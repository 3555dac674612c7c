// Package postgres carries notices between the nodes of a cluster through the
// PostgreSQL server that they share.
//
// Watchers of the same node are told at once. Other nodes are told by NOTIFY,
// never in anyone's transaction, since commits with a notice stand in one line
// for the whole server: what was published is gathered in a set and sent from a
// connection of its own, at most once in 5 ms. Another connection LISTENs, and
// now and then reads one row of each watched partition to see whether it moved.
//
// Invariant: a notice may be late, but not for ever: after a broken connection
// every watcher is told, and without one the next look tells.
//
// A Bus owns two goroutines, the sender and the listener; Close waits for them.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tem/internal/bus/local"
	"tem/internal/kv"
)

// Options say where, who and how often.
type Options struct {
	URL      string        // as libpq takes it
	Node     string        // this node's name among its peers, without spaces; empty: random
	StateKey []byte        // the row of a partition that every change of it changes
	Poll     time.Duration // between two looks at those rows; 0: 30 s
	Log      *slog.Logger
}

// Bus is a bus.Bus. Its methods may be called concurrently.
type Bus struct {
	o     Options
	conf  *pgx.ConnConfig
	local *local.Bus
	wake  chan struct{} // one token: pending is not empty
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	pending map[kv.Part]struct{} // published here, not yet sent
	watched map[kv.Part]*watch
}

// watch is a partition that somebody here watches.
type watch struct {
	watchers int
	seen     bool   // val is the state row as of the last look
	val      string // empty when there is none
}

// Open connects to the server. When it returns the bus hears the other nodes.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Node == "" {
		o.Node = rand.Text()
	}
	if o.Poll == 0 {
		o.Poll = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if len(o.Node) > maxNode || strings.ContainsAny(o.Node, " \x00") {
		return nil, fmt.Errorf("open the bus: %q is no name for a node: at most %d octets, no spaces", o.Node, maxNode)
	}
	b := &Bus{o: o, local: local.New(), wake: make(chan struct{}, 1),
		pending: make(map[kv.Part]struct{}), watched: make(map[kv.Part]*watch)}
	if err := b.start(ctx); err != nil {
		return nil, fmt.Errorf("open the bus in PostgreSQL: %w", err)
	}
	return b, nil
}

func (b *Bus) start(ctx context.Context) (err error) {
	if b.conf, err = pgx.ParseConfig(b.o.URL); err != nil {
		return err
	}
	conn, err := b.listen(ctx)
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.done.Go(func() { b.receive(run, conn) })
	b.done.Go(func() { (&sender{b: b}).loop(run) })
	return nil
}

// Close sends what is pending, if the server takes it at once, and ends the
// goroutines. Watchers are told nothing more.
func (b *Bus) Close() error {
	b.stop()
	b.done.Wait()
	return nil
}

// Publish tells the watchers of this node and leaves the sender a note.
func (b *Bus) Publish(p kv.Part) {
	b.local.Publish(p)
	b.leave(p)
}

// leave notes p as pending.
func (b *Bus) leave(p kv.Part) {
	b.mu.Lock()
	b.pending[p] = struct{}{}
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Notify adds a watcher of p.
func (b *Bus) Notify(p kv.Part, fn func()) (stop func()) {
	end := b.local.Notify(p, fn)
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.watched[p]
	if w == nil {
		w = new(watch)
		b.watched[p] = w
	}
	w.watchers++
	ended := false // guarded by b.mu
	return func() {
		end()
		b.mu.Lock()
		defer b.mu.Unlock()
		if !ended {
			ended = true
			b.forget(p)
		}
	}
}

// forget takes one watcher away. The caller holds b.mu.
func (b *Bus) forget(p kv.Part) {
	if b.watched[p].watchers--; b.watched[p].watchers == 0 {
		delete(b.watched, p)
	}
}

// parts lists the watched partitions.
func (b *Bus) parts() []kv.Part {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]kv.Part, 0, len(b.watched))
	for p := range b.watched {
		list = append(list, p)
	}
	return list
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// retryPause is how long after the n-th failure in a row the next try is made.
func retryPause(n int) time.Duration {
	return min(10*time.Millisecond<<min(n, 10), 2*time.Second)
}

// warn logs an error, unless it is that of an ending bus.
func (b *Bus) warn(what string, err error) {
	if !errors.Is(err, context.Canceled) {
		b.o.Log.Warn("bus: "+what, "err", err)
	}
}
