package postgres

import (
	"fmt"
	"testing"

	"tem/internal/kv"
	"tem/internal/kv/kvtest"
	"tem/internal/kv/pebble"
)

// BenchmarkCommit compares with the embedded engine on the same disk.
func BenchmarkCommit(b *testing.B) {
	b.Run("pebble", func(b *testing.B) { kvtest.Bench(b, openPebble) })
	b.Run("postgres", func(b *testing.B) {
		kvtest.Bench(b, func(b *testing.B) kv.Engine { return open(b, Options{}) })
	})
}

func openPebble(b *testing.B) kv.Engine {
	e, err := pebble.Open(pebble.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkRead measures a View with one Get, and scans of 20,000 rows of 700 octets.
func BenchmarkRead(b *testing.B) {
	e := open(b, Options{})
	batch := new(kv.Batch)
	for i := range 20000 {
		batch.Set(part, fmt.Appendf(nil, "m%06d", i), make([]byte, 700))
	}
	if err := kv.Commit(b.Context(), e, batch); err != nil {
		b.Fatal(err)
	}
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			read(b, e, func(r kv.Reader) error { _, _, err := r.Get(part, []byte("m010000")); return err })
		}
	})
	b.Run("scan", func(b *testing.B) {
		nothing := func(key, val []byte) error { return nil }
		for b.Loop() {
			read(b, e, func(r kv.Reader) error { return r.Scan(part, nil, nil, kv.ScanOptions{}, nothing) })
		}
		b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func read(b *testing.B, e *Engine, fn func(kv.Reader) error) {
	if err := e.View(b.Context(), fn); err != nil {
		b.Fatal(err)
	}
}
