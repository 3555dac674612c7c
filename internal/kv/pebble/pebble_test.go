package pebble

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tem/internal/kv"
	"tem/internal/kv/kvtest"
)

const part = kv.FirstAccount

func open(t *testing.T, o Options) *Engine {
	t.Helper()
	o.Dir, o.CacheSize, o.MemTable = "db", 8<<20, 4<<20
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, Options{FS: vfs.NewMem()}) })
}

func TestReopen(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	e := open(t, Options{FS: fs})
	b := new(kv.Batch)
	b.Set(part, []byte("a"), make([]byte, 5000))
	if err := kv.Commit(t.Context(), e, b); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, Options{FS: fs})
	defer e.Close()
	if n := size(t, e, "a"); n != 5000 {
		t.Errorf("%d octets after reopening, want 5000", n)
	}
}

// size is the length of a key's value, -1 if it is absent.
func size(t *testing.T, e *Engine, key string) (n int) {
	t.Helper()
	err := e.View(t.Context(), func(r kv.Reader) error {
		val, ok, err := r.Get(part, []byte(key))
		if n = len(val); !ok {
			n = -1
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestCrash takes away everything that was not synced while writers run:
// whatever was acknowledged or seen by a reader before must still be there.
func TestCrash(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	e := open(t, Options{FS: mem})
	var acked [4]atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range acked {
		wg.Go(func() {
			for i := int64(1); !stop.Load() && i <= 200; i++ {
				b := new(kv.Batch)
				b.Set(part, fmt.Appendf(nil, "%d/%d", w, i), make([]byte, 200))
				if err := kv.Commit(t.Context(), e, b); err != nil {
					t.Error(err)
					return
				}
				acked[w].Store(i)
			}
		})
	}
	for n := range int64(5) {
		for acked[0].Load() < 20*(n+1) && !t.Failed() {
			runtime.Gosched()
		}
		crashAndCheck(t, mem, e, &acked)
	}
	stop.Store(true)
	wg.Wait()
	e.Close()
}

func crashAndCheck(t *testing.T, mem *vfs.MemFS, e *Engine, acked *[4]atomic.Int64) {
	t.Helper()
	var want [4]int64
	for w := range acked {
		want[w] = acked[w].Load()
	}
	var seen []string
	if err := e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
			seen = append(seen, string(key))
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{})})
	defer again.Close()
	for w, n := range want {
		for i := int64(1); i <= n; i++ {
			if size(t, again, fmt.Sprintf("%d/%d", w, i)) != 200 {
				t.Fatalf("batch %d of writer %d was acknowledged and is lost", i, w)
			}
		}
	}
	for _, key := range seen {
		if size(t, again, key) != 200 {
			t.Fatalf("%s was visible and is lost", key)
		}
	}
}

// TestFullDiskInTheBackground fills the disk for all but the log: a flush that
// can never succeed must not be tried for ever.
func TestFullDiskInTheBackground(t *testing.T) {
	t.Parallel()
	var full atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	})
	told := make(chan error, 1)
	e := open(t, Options{
		FS:      errorfs.Wrap(vfs.NewMem(), inject),
		OnFatal: func(err error) { told <- err },
	})
	b := new(kv.Batch)
	b.Set(part, []byte("kept"), []byte("1"))
	if err := kv.Commit(t.Context(), e, b); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	if _, err := e.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, kv.ErrFailed) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("OnFatal was told %v", err)
	}
	full.Store(false)
	if err := e.Close(); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

// TestUnwritableLog lets the disk fail: the caller gets the error, OnFatal is
// told, and nothing is accepted afterwards.
func TestUnwritableLog(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return fs.ErrInvalid
		}
		return nil
	})
	told := make(chan error, 1)
	e := open(t, Options{
		FS:      errorfs.Wrap(vfs.NewMem(), inject),
		OnFatal: func(err error) { told <- err },
	})
	good := new(kv.Batch)
	good.Set(part, []byte("good"), []byte("1"))
	if err := kv.Commit(t.Context(), e, good); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	for _, key := range []string{"lost", "refused"} {
		b := new(kv.Batch)
		b.Set(part, []byte(key), []byte("1"))
		if err := kv.Commit(t.Context(), e, b); !errors.Is(err, kv.ErrFailed) {
			t.Fatalf("%s: %v, want the fatal error", key, err)
		}
		if size(t, e, key) != -1 {
			t.Errorf("%s is visible although it is not durable", key)
		}
	}
	if err := <-told; !errors.Is(err, kv.ErrFailed) {
		t.Errorf("OnFatal was told %v", err)
	}
	if err := e.Close(); !errors.Is(err, kv.ErrFailed) {
		t.Errorf("close: %v", err)
	}
}
