package fulltext

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tem/internal/kv/memory"
)

// texts are 256 documents of about 2 KB with a Zipf distribution of words.
func texts() (list [][]byte) {
	r := rand.New(rand.NewPCG(1, 1))
	z := rand.NewZipf(r, 1.1, 3, 50000)
	for range 256 {
		var b strings.Builder
		for b.Len() < 2000 {
			fmt.Fprintf(&b, "w%d ", z.Uint64()*7919%65536)
		}
		list = append(list, []byte(b.String()))
	}
	return list
}

// BenchmarkBuild is what a batch of 256 documents costs, without the commit.
func BenchmarkBuild(b *testing.B) {
	list, builder := texts(), NewBuilder()
	for b.Loop() {
		builder.Reset()
		addTexts(builder, list, 0)
		w := segmentWriter{set: func(_, _ []byte) error { return nil }}
		if err := builder.write(&w); err != nil || w.flush() != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/256, "µs/document")
}

func addTexts(b *Builder, list [][]byte, first uint32) {
	for i, text := range list {
		b.Begin(first + uint32(i))
		b.Add(Body, text)
	}
}

// BenchmarkMerge merges sixteen batches; a document goes through that once for each level.
func BenchmarkMerge(b *testing.B) {
	list, x, builder := texts(), New(memory.New()), NewBuilder()
	for n := range uint32(fan) {
		builder.Reset()
		addTexts(builder, list, n*256)
		if err := x.Append(b.Context(), part, load(b, x), builder, (n+1)*256, guard); err != nil {
			b.Fatal(err)
		}
	}
	live := NewDocs(fan * 256)
	live.AddRange(0, fan*256)
	for b.Loop() {
		w := segmentWriter{set: func(_, _ []byte) error { return nil }}
		m := merger{x: x, ctx: b.Context(), part: part, live: live, out: &w}
		if err := m.run(load(b, x).segments); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N)/256/fan, "µs/document")
}
