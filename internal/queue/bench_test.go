package queue

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
	"tem/internal/message/dsn"
)

// sink takes every message at once and tells when it has had enough of them.
type sink struct {
	left atomic.Int64
	full chan struct{}
}

func newSink(n int) *sink {
	s := &sink{full: make(chan struct{})}
	s.left.Store(int64(n))
	return s
}

// Deliver is Transport.
func (s *sink) Deliver(_ context.Context, j *Job, to []Recipient) []dsn.Status {
	list := make([]dsn.Status, len(to))
	for i := range list {
		list[i] = dsn.Status{Reply: 250, Code: dsn.Code{2, 0, 0}, Text: "ok", Remote: "mx." + j.Domain}
	}
	if s.left.Add(-1) == 0 {
		close(s.full)
	}
	return list
}

// onDisk is a queue on an engine on disk, without a store of mail.
func onDisk(b *testing.B, t Transport) *Queue {
	b.Helper()
	engine, err := pebble.Open(pebble.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close() })
	q := New(Options{KV: engine, Transport: t, Log: slog.New(slog.DiscardHandler), Bounce: nil})
	q.refer = func(b *kv.Batch, _ blob.ID, owner []byte) { b.Set(kv.FirstBodies, owner, nil) }
	q.release = func(b *kv.Batch, _ blob.ID, owner []byte) { b.Delete(kv.FirstBodies, owner) }
	return q
}

// fill queues n letters for so many domains, next due at a time.
func fill(b *testing.B, q *Queue, n, domains int, next time.Time) {
	b.Helper()
	for first := 0; first < n; first += 1000 {
		var batch kv.Batch
		for i := first; i < min(n, first+1000); i++ {
			id := blob.ID{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}
			domain := fmt.Sprintf("d%d.example", i%domains)
			q.Add(&batch, &Job{ID: id.String() + "-1", Body: id, Size: 4096, ReturnPath: "an@hanoi.example", Domain: domain, Next: next,
				Recipients: []Recipient{{Address: "someone@" + domain}}})
		}
		if err := kv.Commit(b.Context(), q.o.KV, &batch); err != nil {
			b.Fatal(err)
		}
	}
}

// running runs the queue; the function it returns ends that.
func running(b *testing.B, q *Queue) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkSend empties a queue into a transport that takes no time.
func BenchmarkSend(b *testing.B) {
	for _, domains := range []int{1, 1000} {
		b.Run(fmt.Sprintf("domains=%d", domains), func(b *testing.B) {
			s := newSink(b.N)
			q := onDisk(b, s)
			fill(b, q, b.N, domains, time.Time{})
			b.ResetTimer()
			stop := running(b, q)
			<-s.full
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
			stop()
		})
	}
}

// BenchmarkMillion has a million jobs in the rows, for a thousand domains, and
// tells how long it takes until the first is sent, what a new one for another
// domain waits, and how long the administrator's verbs take.
func BenchmarkMillion(b *testing.B) {
	for name, next := range map[string]time.Duration{"waiting": 24 * time.Hour, "due": 0} {
		b.Run(name, func(b *testing.B) {
			s := newSink(1)
			q := onDisk(b, s)
			q.o.Workers = 1 // so that what is due lasts
			if err := q.sortByDomain(b.Context()); err != nil {
				b.Fatal(err)
			}
			fill(b, q, 1_000_000, 1000, time.Now().Add(next))
			b.ResetTimer()
			for range b.N {
				s.left.Store(1)
				s.full = make(chan struct{})
				began := time.Now()
				stop := running(b, q)
				if next > 0 {
					fill(b, q, 1, 1, time.Time{})
					q.Wake()
				}
				<-s.full
				b.ReportMetric(time.Since(began).Seconds()*1000, "ms-to-first")
				stop()
				measure(b, q)
			}
		})
	}
}

// measure times the administrator's verbs.
func measure(b *testing.B, q *Queue) {
	ctx := b.Context()
	for _, verb := range []struct {
		name string
		do   func() error
	}{
		{"ms-list-1000", func() error { _, err := q.Find(ctx, Choice{Limit: 1000}); return err }},
		{"ms-list-domain", func() error { _, err := q.Find(ctx, Choice{Domain: "d7.example"}); return err }},
		{"ms-hold-domain", func() error { _, err := q.Hold(ctx, Choice{Domain: "d7.example"}); return err }},
		{"ms-stats", func() error { _, err := q.Stats(ctx); return err }},
		{"ms-list-from", func() error { _, err := q.Find(ctx, Choice{From: "nobody@x"}); return err }},
		{"ms-list-to", func() error { _, err := q.Find(ctx, Choice{To: "an@hanoi.example"}); return err }},
		{"ms-list-older", func() error { _, err := q.Find(ctx, Choice{Before: time.Now().Add(-time.Hour)}); return err }},
		{"ms-list-held", func() error { _, err := q.Find(ctx, Choice{Held: true}); return err }},
		{"ms-hold-all", func() error { _, err := q.Hold(ctx, Choice{From: "hanoi.example"}); return err }},
	} {
		began := time.Now()
		if err := verb.do(); err != nil {
			b.Error(err)
		}
		b.ReportMetric(time.Since(began).Seconds()*1000, verb.name)
	}
}
