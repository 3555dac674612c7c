package pebble

import (
	"encoding/base64"
	"fmt"
	"testing"

	"tem/internal/kv"
)

// BenchmarkBodies reads bodies of 100 KiB, which lie in volumes or in the library's tables.
func BenchmarkBodies(b *testing.B) {
	for _, where := range []struct {
		name  string
		apart Apart
	}{{"volumes", Apart{}}, {"tables", Apart{From: 1 << 30}}} {
		b.Run(where.name+"/as it is", func(b *testing.B) {
			benchBodies(b, where.apart, func(seed int) []byte { return []byte(base64.StdEncoding.EncodeToString(noise(seed, 75<<10))) })
		})
		b.Run(where.name+"/packed", func(b *testing.B) {
			benchBodies(b, where.apart, func(seed int) []byte { return text(seed, 100<<10) })
		})
	}
}

const benchedBodies = 2000

func bodyKey(i int) []byte { return fmt.Appendf(nil, "b%06d", i) }

func benchBodies(b *testing.B, apart Apart, body func(seed int) []byte) {
	e, err := Open(Options{Dir: b.TempDir(), Apart: apart})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	for i := 0; i < benchedBodies; {
		batch := new(kv.Batch)
		for range 10 {
			batch.Set(kv.FirstBodies, bodyKey(i), body(i))
			i++
		}
		if err := kv.Commit(b.Context(), e, batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.db.Flush(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(100 << 10)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		err := e.View(b.Context(), func(r kv.Reader) error {
			val, ok, err := r.Get(kv.FirstBodies, bodyKey(i%benchedBodies))
			if err == nil && (!ok || len(val) != 100<<10) {
				b.Fatalf("%d octets", len(val))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
