package mail

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"tem/internal/blob/dir"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/pebble"
)

const benchAccounts = 100

var writers = []int{1, 10, 50}

func diskStore(b *testing.B) *Store {
	b.Helper()
	root := b.TempDir()
	e, err := pebble.Open(pebble.Options{Dir: filepath.Join(root, "kv")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	blobs, err := dir.Open(filepath.Join(root, "blob"))
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(b.Context(), Options{KV: e, Blobs: blobs, Bus: local.New()})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// spread runs fn b.N times in all, from n goroutines.
func spread(b *testing.B, n int, fn func(i int64)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	before := cpu()
	for range n {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				fn(i)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(cpu()-before)/1e3/float64(b.N), "cpu-µs/op")
}

// cpu is the process's time on the processor, in nanoseconds.
func cpu() int64 {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkDeliver stores 4 KiB messages durably, each for one of 100 accounts.
func BenchmarkDeliver(b *testing.B) {
	for _, n := range writers {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := diskStore(b)
			msg := []byte(text("bench", 4096))
			for i := range benchAccounts {
				s.Account(alice + kv.Part(i)).Mailboxes(b.Context())
			}
			spread(b, n, func(i int64) {
				sp := s.NewSpool(b.Context())
				sp.Write(msg)
				body, err := sp.Finish()
				if err == nil {
					_, err = s.Deliver(b.Context(), body, []Target{{Account: alice + kv.Part(i%benchAccounts)}}, nil)
				}
				if err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// BenchmarkIndex is the share of Deliver that indexes the message.
func BenchmarkIndex(b *testing.B) {
	s := testStore(b)
	s.InlineMax = inlineMax
	msg := []byte(text("bench", 4096))
	for b.Loop() {
		sp := s.NewSpool(b.Context())
		sp.Write(msg)
		sp.Finish()
	}
}

// floor is the least a durable group commit can be: one goroutine that appends
// what is in line to a file, syncs it and wakes the callers.
type floor struct {
	f     *os.File
	queue chan chan error
	data  []byte
}

func (l *floor) run() {
	var group []chan error
	var buf []byte
	for first := range l.queue {
		group, buf = append(group[:0], first), append(buf[:0], l.data...)
		for range len(l.queue) {
			group, buf = append(group, <-l.queue), append(buf, l.data...)
		}
		_, err := l.f.Write(buf)
		if err == nil {
			err = unix.Fdatasync(int(l.f.Fd()))
		}
		for _, c := range group {
			c <- err
		}
	}
}

// BenchmarkFloor is what BenchmarkDeliver is to be compared with.
func BenchmarkFloor(b *testing.B) {
	for _, n := range writers {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			l := &floor{f, make(chan chan error, n), make([]byte, 4096)}
			go l.run()
			spread(b, n, func(int64) {
				c := make(chan error, 1)
				l.queue <- c
				if err := <-c; err != nil {
					b.Error(err)
				}
			})
			close(l.queue)
		})
	}
}

// filled is an account with n messages in its INBOX.
func filled(b *testing.B, n int) (*Account, MailboxID, []UID) {
	s := diskStore(b)
	uids := make([]UID, n)
	to := make([]Target, 1000)
	for i := range to {
		to[i].Account = alice
	}
	for i := range uids {
		uids[i] = UID(i + 1)
		if i%len(to) == 0 {
			deliver(b, s, text("bench", 500), to...)
		}
	}
	a := s.Account(alice)
	m, _ := listed(b, a, inbox)
	return a, m.ID, uids
}

func BenchmarkList50k(b *testing.B) {
	a, id, _ := filled(b, 50000)
	for b.Loop() {
		if _, items, err := a.List(b.Context(), id); err != nil || len(items) != 50000 {
			b.Fatal(len(items), err)
		}
	}
}

// BenchmarkList1k is what each login that selects a mailbox of 1,000 messages pays.
func BenchmarkList1k(b *testing.B) {
	a, id, _ := filled(b, 1000)
	spread(b, 1, func(int64) {
		if _, items, err := a.List(b.Context(), id); err != nil || len(items) != 1000 {
			b.Error(len(items), err)
		}
	})
}

func BenchmarkFetch50k(b *testing.B) {
	a, id, uids := filled(b, 50000)
	for b.Loop() {
		n := 0
		if err := a.Fetch(b.Context(), id, uids, func(*Meta) error { n++; return nil }); err != nil || n != 50000 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkStore10k(b *testing.B) {
	a, id, uids := filled(b, 10000)
	op := AddFlags
	for b.Loop() {
		if changed, _, err := a.Store(b.Context(), id, uids, op, Seen, nil, 0); err != nil || len(changed) != 10000 {
			b.Fatal(len(changed), err)
		}
		op = AddFlags + RemoveFlags - op
	}
}

func BenchmarkChangesNothing(b *testing.B) {
	a, id, _ := filled(b, 1)
	m, _, err := a.List(b.Context(), id)
	for b.Loop() && err == nil {
		_, err = a.Changes(b.Context(), id, m.HighestModSeq)
	}
	if err != nil {
		b.Fatal(err)
	}
}
