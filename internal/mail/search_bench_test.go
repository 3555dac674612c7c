package mail

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tem/internal/fulltext"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
)

// corpus makes messages of about 2 KB of text: four in five of English-like
// words of a Zipf distribution, one of Vietnamese syllables.
type corpus struct {
	words, syllables []string
}

func newCorpus() *corpus {
	r := rand.New(rand.NewPCG(1, 2))
	c := &corpus{words: strings.Fields(`the of and to in a is that for it on with as be this was are by at from or an have not
		you we i will can if your our all has would more one they but about which there their time were been who no new when
		out up what so any some may please only its also do than other into my two like over these just first people after`)}
	seen := make(map[string]bool)
	for len(c.words) < 60000 {
		var w strings.Builder
		for range 1 + r.IntN(4) {
			w.WriteString([]string{"b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "st", "tr", "ch", "v", "pl", "w", "h", "k"}[r.IntN(20)])
			w.WriteString([]string{"a", "e", "i", "o", "u", "ea", "ou", "er", "in", "al", "ent", "ion", "ar", "is"}[r.IntN(14)])
		}
		if s := w.String(); !seen[s] {
			seen[s] = true
			c.words = append(c.words, s)
		}
	}
	copy(c.words[500:], []string{"goroutine", "certificate", "garbage", "collector"})
	for _, first := range strings.Fields("b c ch d đ g gi h kh l m n ng nh ph qu r s t th tr v x") {
		for _, rhyme := range strings.Fields("a à á ả ã ạ an án ạn ang áng ăn ân ấn ậy ây e è é ê ế ề ệ en ên i ì í in inh ình iên iến iều o ò ó ong ông ồng ôi ơ ơi ới ờ ời u ú ung ư ừ ứ ươ ước ương ường ượng uy uyên") {
			c.syllables = append(c.syllables, first+rhyme)
		}
	}
	return c
}

// message is the n-th message.
func (c *corpus) message(n int) []byte {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	words := c.words
	if n%5 == 0 {
		words = c.syllables
	}
	zipf := func() string {
		// Density falls as 1/(k+3).
		k := int(3*(math.Pow(float64(len(words)+3)/3, r.Float64())-1)) % len(words)
		return words[k]
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "Return-Path: <%s@%s.example>\r\nReceived: from mx%d.%s.example (mx.example [192.0.2.%d])\r\n\tby mail.example.org with ESMTPS id %016X;\r\n\tMon, %02d Mar 2026 10:%02d:%02d +0700\r\n",
		c.words[600+n%5000], c.words[300+n%700], n%9, c.words[300+n%700], n%250, r.Uint64(), 1+n%28, n%60, n%59)
	fmt.Fprintf(&b, "From: %s %s <%s@%s.example>\r\nTo: An Nguyen <an@example.org>\r\nSubject: %s %s %s\r\nMessage-ID: <%x.%d@%s.example>\r\nDate: Mon, %02d Mar 2026 10:%02d:%02d +0700\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		c.words[600+n%5000], c.words[200+n%3000], c.words[600+n%5000], c.words[300+n%700], zipf(), zipf(), zipf(), r.Uint64(), n, c.words[300+n%700], 1+n%28, n%60, n%59)
	for end, line := b.Len()+1700+r.IntN(700), 0; b.Len() < end; {
		w := zipf()
		switch x := r.IntN(20000); {
		case x == 0:
			w = "garbage collector"
		case x == 1:
			w = "zebra crossing is closed"
		case x == 2 && n%5 == 0:
			w = "nghìn năm văn hiến"
		}
		b.WriteString(w)
		if line += len(w) + 1; line > 70 {
			b.WriteString("\r\n")
			line = 0
		} else {
			b.WriteByte(' ')
		}
	}
	return b.Bytes()
}

// fill delivers n messages of the corpus and returns how many octets they have.
func (c *corpus) fill(b *testing.B, s *Store, n int) (octets int64) {
	var next, size atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				sp := s.NewSpool(b.Context())
				msg := c.message(int(i))
				sp.Write(msg)
				size.Add(int64(len(msg)))
				body, err := sp.Finish()
				if err == nil {
					_, err = s.Deliver(b.Context(), body, []Target{{Account: alice}}, nil)
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return size.Load()
}

func benchMessages() int {
	if testing.Short() {
		return 10000
	}
	return 100000
}

// BenchmarkSearch indexes a mailbox and searches it.
func BenchmarkSearch(b *testing.B) {
	s, n := diskStore(b), benchMessages()
	octets := newCorpus().fill(b, s, n)
	runtime.LockOSThread()
	start, before := time.Now(), threadCPU()
	if err := s.RebuildIndex(b.Context(), alice); err != nil {
		b.Fatal(err)
	}
	took, used := time.Since(start), threadCPU()-before
	runtime.UnlockOSThread()
	rows, raw := indexSize(b, s)
	b.Logf("%d messages, %d octets each; indexing took %.1f µs a message, %.1f µs of processor time without the engine's background; index %.1f %% of the text in rows, %.1f %% on disk", n, octets/int64(n),
		float64(took.Microseconds())/float64(n), float64(used)/1e3/float64(n), 100*float64(raw)/float64(octets), 100*float64(rows)/float64(octets))
	m, err := s.Account(alice).Mailbox(b.Context(), inbox)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct {
		name string
		q    Query
	}{
		{"one word", BodyText("certificate")},
		{"one word, anywhere", AnyText("goroutine")},
		{"inside a word", BodyText("ertific")},
		{"the", BodyText("the")},
		{"two letters", BodyText("on")},
		{"one letter", BodyText("e")},
		{"absent", BodyText("xyzzyx")},
		{"two words", BodyText("garbage collector")},
		{"four words", BodyText("zebra crossing is closed")},
		{"Vietnamese, one word", BodyText("đường")},
		{"Vietnamese, marked", BodyText("nghìn năm văn hiến")},
		{"Vietnamese, no marks", BodyText("nghin nam van hien")},
		{"Vietnamese, two common syllables", BodyText("đà cán")},
		{"from", Field{"from", "stion"}},
		{"subject", Field{"subject", "certificate"}},
		{"word and unseen", And{BodyText("certificate"), Not{HasFlag(Seen)}}},
		{"not a word", Not{BodyText("certificate")}},
		{"message-id", Field{"message-id", ".4711@"}},
		{"flags only", HasFlag(Flagged)},
	} {
		b.Run(q.name, func(b *testing.B) {
			hits := 0
			for b.Loop() {
				uids, err := s.Account(alice).Search(b.Context(), m.ID, q.q)
				if err != nil {
					b.Fatal(err)
				}
				hits = len(uids)
			}
			b.ReportMetric(float64(hits), "hits")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/op")
		})
	}
}

// threadCPU is the calling thread's time on the processor, in nanoseconds.
func threadCPU() int64 {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// indexSize is the size of the index alone on disk and that of its rows.
func indexSize(b *testing.B, s *Store) (disk, raw int64) {
	dir := filepath.Join(b.TempDir(), "index")
	open := func() kv.Engine {
		e, err := pebble.Open(pebble.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	e := open()
	err := s.KV.View(b.Context(), func(r kv.Reader) error {
		return r.Scan(alice, []byte{fulltext.KeyRows}, []byte{fulltext.KeyRows + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			raw += int64(len(key) + len(val))
			batch := new(kv.Batch)
			batch.Set(alice, bytes.Clone(key), bytes.Clone(val))
			return kv.Commit(context.Background(), e, batch)
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	e.Close()
	open().Close() // the log becomes tables
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".sst") || strings.HasSuffix(path, ".blob")) {
			info, _ := d.Info()
			disk += info.Size()
		}
		return nil
	})
	return disk, raw
}

// BenchmarkTextIndex makes the index of 10,000 messages anew.
func BenchmarkTextIndex(b *testing.B) {
	const n = 10000
	s := diskStore(b)
	newCorpus().fill(b, s, n)
	b.ResetTimer()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	for b.Loop() {
		if err := s.RebuildIndex(b.Context(), alice); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(threadCPU()-before)/1e3/float64(b.N)/n, "cpu-µs/message")
}

// BenchmarkSearchUnindexed reads 10,000 messages for each search.
func BenchmarkSearchUnindexed(b *testing.B) {
	const n = 10000
	s := diskStore(b)
	newCorpus().fill(b, s, n)
	m, err := s.Account(alice).Mailbox(b.Context(), inbox)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []Query{BodyText("xyzzyx"), BodyText("garbage collector"), BodyText("nghìn năm"), AnyText("xyzzyx")} {
		b.Run(fmt.Sprint(q), func(b *testing.B) {
			before := processCPU()
			for b.Loop() {
				if _, err := s.Account(alice).Search(b.Context(), m.ID, q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processCPU()-before)/1e3/float64(b.N)/n, "cpu-µs/message")
		})
	}
}

// processCPU is the processor time of the whole process, in nanoseconds.
func processCPU() int64 {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
