package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/faultfs"
	"tem/internal/kv"
	"tem/internal/kv/kvtest"
)

// apart has everything lie in volumes, which are small.
var apart = Apart{From: 1, Alone: true, Everywhere: true, Volume: 8 << 10}

func TestContractApart(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(t *testing.T) kv.Engine { return open(t, Options{FS: vfs.NewMem(), Apart: apart}) })
}

// text is a value of n octets that can be packed; noise is one that can't.
func text(seed, n int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "line %d of the letter\r\n", seed), n/20+1)[:n]
}

func noise(seed, n int) []byte {
	r, b := rand.New(rand.NewPCG(uint64(seed), 1)), make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// shop is an engine and what it must hold.
type shop struct {
	t    *testing.T
	e    *Engine
	want map[string][]byte
}

func (s *shop) set(values map[string][]byte) {
	s.t.Helper()
	b := new(kv.Batch)
	for key, val := range values {
		b.Set(part, []byte(key), val)
		s.want[key] = val
	}
	if err := kv.Commit(s.t.Context(), s.e, b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) delete(key string) {
	s.t.Helper()
	b := new(kv.Batch)
	b.Delete(part, []byte(key))
	delete(s.want, key)
	if err := kv.Commit(s.t.Context(), s.e, b); err != nil {
		s.t.Fatal(err)
	}
}

// check reads everything by each of the ways.
func (s *shop) check() {
	s.t.Helper()
	err := s.e.View(s.t.Context(), func(r kv.Reader) error {
		got := make(map[string][]byte)
		if err := r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
			got[string(key)] = bytes.Clone(val)
			return nil
		}); err != nil {
			return err
		}
		var keys [][]byte
		for key, want := range s.want {
			val, ok, err := r.Get(part, []byte(key))
			if err != nil || !ok || !bytes.Equal(val, want) || !bytes.Equal(got[key], want) {
				s.t.Errorf("%s: %d octets (%v, %v), a scan has %d, want %d", key, len(val), ok, err, len(got[key]), len(want))
			}
			keys = append(keys, []byte(key))
		}
		if len(got) != len(s.want) {
			s.t.Errorf("a scan finds %d values, want %d", len(got), len(s.want))
		}
		for range 2 { // one by one, and with an iterator
			n := 0
			if err := r.GetMulti(part, keys, func(i int, val []byte) error {
				n++
				if !bytes.Equal(val, s.want[string(keys[i])]) {
					s.t.Errorf("%s: GetMulti gives %d octets", keys[i], len(val))
				}
				return nil
			}); err != nil || n != len(keys) {
				s.t.Errorf("GetMulti gives %d of %d: %v", n, len(keys), err)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// files are the names of the volumes.
func files(t *testing.T, fs vfs.FS) string {
	t.Helper()
	names, err := fs.List("db/" + volumesDir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestVolumes has large values in company, one alone, and one that looks like a place.
func TestVolumes(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	o := Options{FS: fs, Apart: Apart{Everywhere: true}}
	s := &shop{t: t, e: open(t, o), want: make(map[string][]byte)}
	s.set(map[string][]byte{"alone": text(1, 100<<10)})
	if names, _ := fs.List("db/" + volumesDir); len(names) > 0 {
		t.Errorf("one large value, and there are %v", names)
	}
	s.set(map[string][]byte{"a": text(2, 100<<10), "b": noise(3, 100<<10), "small": []byte("x"), "c": noise(4, apartFrom-1), "d": text(5, apartFrom)})
	looks := place{volume: 1, at: 7, stored: 100, size: 100}.append(nil)
	s.set(map[string][]byte{"looks": looks})
	s.set(map[string][]byte{"longer": append(bytes.Clone(looks), 0), "shorter": looks[:len(looks)-1]})
	s.check()
	if got := files(t, fs); got != "00000001.values" {
		t.Errorf("files %s", got)
	}
	info, err := fs.Stat("db/apart/00000001.values")
	if err != nil {
		t.Fatal(err)
	}
	if n := info.Size(); n < 100<<10 || n > 110<<10 { // the noise, the packed texts, and what looks like a place
		t.Errorf("the volume has %d octets", n)
	}
	s.e.Close()
	s.e = open(t, o)
	defer s.e.Close()
	s.check()
	s.set(map[string][]byte{"e": noise(6, 50<<10), "f": noise(7, 50<<10)})
	s.check()
	if again, err := fs.Stat("db/apart/00000001.values"); err != nil || again.Size() < info.Size()+100<<10 {
		t.Errorf("two in company are not in the volume: %v", err)
	}
	if got := files(t, fs); got != "00000001.values" {
		t.Errorf("files after opening it again: %s", got)
	}
}

// TestConditionsOnPlaces compares values, not where they lie.
func TestConditionsOnPlaces(t *testing.T) {
	t.Parallel()
	e := open(t, Options{FS: vfs.NewMem(), Apart: apart})
	defer e.Close()
	for i, c := range []struct {
		want, val []byte
		err       error
	}{{nil, text(1, 3000), nil}, {text(1, 3000), text(2, 3000), nil}, {text(1, 3000), text(3, 3000), kv.ErrConflict}, {text(2, 3000), text(2, 3000), nil}} {
		b := new(kv.Batch)
		b.Assert(part, []byte("a"), c.want)
		b.Set(part, []byte("a"), c.val)
		b.Set(part, []byte("b"), c.val)
		if err := kv.Commit(t.Context(), e, b); !errors.Is(err, c.err) {
			t.Errorf("%d: %v, want %v", i, err, c.err)
		}
	}
}

// TestDamagedVolume: what is damaged is an error, never something else, and the rest can be read.
func TestDamagedVolume(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	fs := faultfs.New(mem)
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	s.set(map[string][]byte{"a": noise(1, 2000)})
	s.set(map[string][]byte{"b": noise(2, 2000)})
	fs.Flip("*.values", 1000, 3)
	err := s.e.View(t.Context(), func(r kv.Reader) error {
		if val, _, err := r.Get(part, []byte("b")); err != nil || !bytes.Equal(val, noise(2, 2000)) {
			t.Errorf("b: %v", err)
		}
		_, _, err := r.Get(part, []byte("a"))
		return err
	})
	if !errors.Is(err, kv.ErrDamaged) || !strings.Contains(err.Error(), "volume 1 at") {
		t.Errorf("a: %v", err)
	}
}

// TestTidy deletes most of what there is, and looks at the rest while somebody still reads the old.
func TestTidy(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	for i := range 60 { // ten volumes of six
		s.set(map[string][]byte{fmt.Sprintf("%02d", i): noise(i, 1500)})
	}
	before := files(t, fs)
	tidy(t, s.e)
	if got := files(t, fs); got != before {
		t.Errorf("nothing was deleted, and %s became %s", before, got)
	}
	reads, deleted, read := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		read <- s.e.View(context.Background(), func(r kv.Reader) error {
			close(reads)
			<-deleted
			return r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
				var i int
				if fmt.Sscanf(string(key), "%02d", &i); !bytes.Equal(val, noise(i, 1500)) {
					return fmt.Errorf("%s is another one", key)
				}
				return nil
			})
		})
	}()
	<-reads
	for i := range 60 {
		if i%6 != 0 {
			s.delete(fmt.Sprintf("%02d", i))
		}
	}
	tidy(t, s.e)
	s.check()
	after := files(t, fs)
	if strings.Contains(after, "00000001") || len(after) >= len(before)/2 {
		t.Errorf("%s became %s", before, after)
	}
	close(deleted)
	if err := <-read; err != nil {
		t.Errorf("who read before: %v", err)
	}
	s.e.Close()
	s.e = open(t, Options{FS: fs, Apart: apart})
	defer s.e.Close()
	s.check()
}

// tidy looks at every volume.
func tidy(t *testing.T, e *Engine) {
	t.Helper()
	for range dailyRounds {
		if err := e.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTidyLeavesDamageAlone: a volume that can't be gone over to its end is not removed.
func TestTidyLeavesDamageAlone(t *testing.T) {
	t.Parallel()
	mem := vfs.NewMem()
	fs := faultfs.New(mem)
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	for i := range 12 {
		s.set(map[string][]byte{fmt.Sprintf("%02d", i): noise(i, 1500)})
	}
	for i := range 5 {
		s.delete(fmt.Sprintf("%02d", i))
	}
	fs.Flip("*1.values", 1540, 0) // in the head of the second record
	err := s.e.Tidy(t.Context())
	if err == nil || !strings.Contains(err.Error(), "tidy volume 1: kv: a value is damaged: at") {
		t.Errorf("tidy: %v", err)
	}
	s.check()
}

// TestCrashApart takes the power away while values are written, deleted and
// tidied: what was acknowledged is there.
func TestCrashApart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 3))
			mem := vfs.NewCrashableMem()
			w := &witness{told: make(map[string][]string), sure: make(map[string]int)}
			for range 4 {
				mem = w.life(t, r, mem)
			}
		})
	}
}

// witness knows what became of each key: every value that it was to have, and
// which of them was the last one acknowledged.
type witness struct {
	mu   sync.Mutex
	told map[string][]string // "": deleted
	sure map[string]int      // index in told
	acks int
}

// life writes to an engine until the power is lost, and returns the disk after
// it has looked at what a new engine finds there.
func (w *witness) life(t *testing.T, r *rand.Rand, mem *vfs.MemFS) *vfs.MemFS {
	e := open(t, Options{FS: mem, Apart: apart})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range 3 {
		rng := rand.New(rand.NewPCG(r.Uint64(), 4))
		wg.Go(func() { w.write(ctx, t, e, n, rng) })
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := e.Tidy(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
		}
	})
	for enough := w.count() + 30 + r.IntN(100); w.count() < enough && !t.Failed(); {
		runtime.Gosched()
	}
	w.mu.Lock()
	sure := maps.Clone(w.sure)
	w.mu.Unlock()
	disk := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(100), RNG: rand.New(rand.NewPCG(r.Uint64(), 5))})
	cancel()
	wg.Wait()
	e.Close()
	w.compare(t, sure, disk)
	return disk
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acks
}

// write sets and deletes keys of its own, several in a batch.
func (w *witness) write(ctx context.Context, t *testing.T, e *Engine, n int, rng *rand.Rand) {
	for ctx.Err() == nil {
		b, now := new(kv.Batch), make(map[string]int)
		w.mu.Lock()
		for range 1 + rng.IntN(3) {
			key, val := fmt.Sprintf("%d/%d", n, rng.IntN(12)), ""
			if rng.IntN(3) > 0 {
				val = string(noise(rng.Int(), 1+rng.IntN(3000)))
				b.Set(part, []byte(key), []byte(val))
			} else {
				b.Delete(part, []byte(key))
			}
			w.told[key] = append(w.told[key], val)
			now[key] = len(w.told[key]) - 1
		}
		w.mu.Unlock()
		if err := kv.Commit(context.WithoutCancel(ctx), e, b); err != nil {
			t.Error(err)
			return
		}
		w.mu.Lock()
		maps.Copy(w.sure, now)
		w.acks++
		w.mu.Unlock()
	}
}

// compare looks at what is there: of each key the value that was sure or a later one.
func (w *witness) compare(t *testing.T, sure map[string]int, disk *vfs.MemFS) {
	e := open(t, Options{FS: disk, Apart: apart})
	defer e.Close()
	err := e.View(t.Context(), func(r kv.Reader) error {
		for key, told := range w.told {
			val, _, err := r.Get(part, []byte(key))
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			from, ok := sure[key]
			if !ok {
				told = append([]string{""}, told...)
			}
			i := slices.Index(told[from:], string(val))
			if i < 0 {
				return fmt.Errorf("%s has %d octets, which are none of what it was to have", key, len(val))
			}
			w.told[key], w.sure[key] = []string{string(val)}, 0
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
