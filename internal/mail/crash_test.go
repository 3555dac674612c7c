package mail

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/kv"
)

// acknowledged collects what Deliver has promised.
type acknowledged struct {
	mu     sync.Mutex
	placed []Placed
	n      atomic.Int64
}

func (k *acknowledged) add(p []Placed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.placed = append(k.placed, p...)
	k.n.Add(1)
}

func (k *acknowledged) all() []Placed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.placed[:len(k.placed):len(k.placed)]
}

// TestCrash takes away whatever was not synced in the midst of concurrent
// deliveries; every acknowledged message must be there, whole, and the totals
// of the mailboxes must agree with their messages.
func TestCrash(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	e := newPebble(t, fs)
	defer e.Close()
	s, _ := newStore(t, e)
	msg := text("crash", 300)
	var ack acknowledged
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for !stop.Load() && !t.Failed() && ack.n.Load() < 200 {
				to := []Target{{Account: alice}, {Account: bob + kv.Part(w)}}
				p, err := s.Deliver(t.Context(), body(t, s, msg), to, nil)
				if err != nil {
					t.Error(err)
					return
				}
				ack.add(p)
			}
		})
	}
	for n := range int64(4) {
		for ack.n.Load() < (n+1)*15 && !t.Failed() {
			runtime.Gosched()
		}
		promised := ack.all()
		checkCrashed(t, fs.CrashClone(vfs.CrashCloneCfg{}), promised, msg)
	}
	stop.Store(true)
	wg.Wait()
}

func checkCrashed(t *testing.T, fs vfs.FS, promised []Placed, msg string) {
	t.Helper()
	e := newPebble(t, fs)
	defer e.Close()
	s, err := Open(t.Context(), Options{KV: e, Blobs: blobmemory.New(), Bus: local.New()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range promised {
		if got := readAll(t, s.Account(p.Account), p.Mailbox, p.UID); got != msg {
			t.Fatalf("account %d uid %d: acknowledged, after the crash %d octets of %d", p.Account, p.UID, len(got), len(msg))
		}
	}
	for id := range kv.Part(6) {
		if m, items := listed(t, s.Account(alice+id), inbox); int(m.Messages) != len(items) || int(m.UIDNext) != len(items)+1 {
			t.Errorf("account %d: %d messages in the row, %d in the list", id, m.Messages, len(items))
		}
	}
}
