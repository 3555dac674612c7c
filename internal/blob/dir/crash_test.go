package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tem/internal/blob"
)

const crashRoot = "data/bodies"

// content is what a test stores under an id: up to 20,000 octets (five blocks
// of the file system in memory) that no other body has.
func content(id blob.ID) []byte {
	var seed [32]byte
	copy(seed[:], id[:])
	src := rand.NewChaCha8(seed)
	p := make([]byte, src.Uint64()%20_000)
	src.Read(p)
	return p
}

func put(t *testing.T, s *Store, id blob.ID) error {
	t.Helper()
	w, err := s.Create(t.Context(), id)
	if err != nil {
		return err
	}
	data := content(id)
	half := len(data) / 2
	for _, p := range [][]byte{data[:half], data[half:]} {
		if _, err := w.Write(p); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Close()
}

// book is what writers have been promised.
type book struct {
	mu   sync.Mutex
	done []blob.ID
}

func (b *book) add(id blob.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = append(b.done, id)
}

// all is what was promised up to now; it is not changed later.
func (b *book) all() []blob.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done[:len(b.done):len(b.done)]
}

func reads(t *testing.T, s *Store, id blob.ID) error {
	t.Helper()
	r, err := s.Open(t.Context(), id)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, content(id)) {
		return fmt.Errorf("body %s has %d octets that are not what was written, %d octets", id, len(got), len(content(id)))
	}
	return nil
}

// checkAfterCrash opens what a power loss left: every promised body is there,
// every other that is there is whole, and nothing is left in tmp.
func checkAfterCrash(t *testing.T, left vfs.FS, promised []blob.ID) {
	t.Helper()
	s, err := OpenWith(Options{Dir: crashRoot, FS: left})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range promised {
		if err := reads(t, s, id); err != nil {
			t.Errorf("a body whose Close returned: %v", err)
		}
	}
	err = s.List(t.Context(), func(i blob.Info) error { return reads(t, s, i.ID) })
	if err != nil {
		t.Errorf("a body that nobody was promised: %v", err)
	}
	if names, err := left.List(left.PathJoin(crashRoot, temp)); err != nil || len(names) != 0 {
		t.Errorf("tmp has %v, %v", names, err)
	}
}

// losses are the power losses that are tried at each moment: what was not
// synced is gone, or half of its blocks and names are, or all of it is there.
func losses(t *testing.T, mem *vfs.MemFS, rng *rand.Rand, promised []blob.ID) {
	t.Helper()
	for _, percent := range []int{0, 50, 100} {
		left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
		checkAfterCrash(t, left, promised)
	}
}

func newRNG(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestCrashBeforeEachOperation loses the power before every single operation
// on the disk, from the first Open on.
func TestCrashBeforeEachOperation(t *testing.T) {
	t.Parallel()
	rng, mem := newRNG(t), vfs.NewCrashableMem()
	var b book
	moments := 0
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
		moments++
		losses(t, mem, rng, b.all())
		return nil
	}))
	s, err := OpenWith(Options{Dir: crashRoot, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		id := blob.NewID(time.Now())
		if err := put(t, s, id); err != nil {
			t.Fatal(err)
		}
		b.add(id)
	}
	if err := s.Delete(t.Context(), blob.NewID(time.Now())); err != nil {
		t.Error(err)
	}
	losses(t, mem, rng, b.all())
	if moments < 100 {
		t.Errorf("only %d moments were tried", moments)
	}
}

// TestCrashOfWriters loses the power at random moments while writers run.
func TestCrashOfWriters(t *testing.T) {
	t.Parallel()
	rng, mem := newRNG(t), vfs.NewCrashableMem()
	s, err := OpenWith(Options{Dir: crashRoot, FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	var b book
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				id := blob.NewID(time.Now())
				if err := put(t, s, id); err != nil {
					t.Error(err)
					return
				}
				b.add(id)
			}
		})
	}
	for n := 0; n < 360 && !t.Failed(); n += 1 + rng.IntN(40) {
		for len(b.all()) < n && !t.Failed() {
			runtime.Gosched()
		}
		losses(t, mem, rng, b.all())
	}
	wg.Wait()
}

// TestCrashInOneShard has writers meet in a directory that is not there yet:
// the one that did not make it must not be told that its body is durable
// before the directory is.
func TestCrashInOneShard(t *testing.T) {
	t.Parallel()
	for range 50 {
		mem := vfs.NewCrashableMem()
		// A sync of a directory takes its time.
		slow := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			for range 20 {
				runtime.Gosched()
			}
			return nil
		}))
		s, err := OpenWith(Options{Dir: crashRoot, FS: slow})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				id := blob.NewID(time.Now())
				id[14], id[15] = 0, 0 // the same last two letters
				if err := put(t, s, id); err != nil {
					t.Error(err)
				}
				checkAfterCrash(t, mem.CrashClone(vfs.CrashCloneCfg{}), []blob.ID{id})
			})
		}
		wg.Wait()
	}
}

// TestCrashAfterDelete may bring a deleted body back, but a whole one.
func TestCrashAfterDelete(t *testing.T) {
	t.Parallel()
	rng, mem := newRNG(t), vfs.NewCrashableMem()
	s, err := OpenWith(Options{Dir: crashRoot, FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	gone, kept := blob.NewID(time.Now()), blob.NewID(time.Now())
	for _, id := range []blob.ID{gone, kept} {
		if err := put(t, s, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(t.Context(), gone); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	losses(t, mem, rng, []blob.ID{kept})
}

// TestCrashAfterKill opens a store in which a process that was killed made
// directories and did not come to sync them.
func TestCrashAfterKill(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	id := blob.NewID(time.Now())
	if err := mem.MkdirAll(mem.PathJoin(crashRoot, shardOf(id)), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := mem.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if err := data.Sync(); err != nil { // as what makes the data directory does
		t.Fatal(err)
	}
	s, err := OpenWith(Options{Dir: crashRoot, FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	if err := put(t, s, id); err != nil {
		t.Fatal(err)
	}
	checkAfterCrash(t, mem.CrashClone(vfs.CrashCloneCfg{}), []blob.ID{id})
}
