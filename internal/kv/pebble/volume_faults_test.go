package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tem/internal/faultfs"
	"tem/internal/kv"
)

// TestVolumeFaults lets each thing fail that is done to a volume: the engine
// dies, nothing is acknowledged or seen, nobody waits for ever, and the next
// start has what was there before.
func TestVolumeFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(fs *faultfs.FS){
		"directory":         func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: ops(errorfs.OpMkdirAll), Err: syscall.ENOSPC}) },
		"new file":          func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: ops(errorfs.OpOpen), Name: "*2.values"}) },
		"open a directory":  func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: ops(errorfs.OpOpenDir), Name: "apart"}) },
		"sync a directory":  func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "apart"}) },
		"sync its parent":   func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "db"}) },
		"write":             func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: ops(errorfs.OpFileWriteAt), Name: "*.values"}) },
		"sync the full one": func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "*1.values"}) },
		"sync the next":     func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "*2.values"}) },
		"disk full":         func(fs *faultfs.FS) { fs.Fill("*.values", 0) },
		"disk full later":   func(fs *faultfs.FS) { fs.Fill("*.values", 9000) },
		"log":               func(fs *faultfs.FS) { fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "*.log"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := vfs.NewCrashableMem()
			fs := faultfs.New(mem)
			s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
			s.set(map[string][]byte{"a": noise(1, 3000), "b": noise(2, 3000)})
			s.delete("b")
			fault(fs)
			b := new(kv.Batch)
			for i := range 5 { // into the first volume and the second
				b.Set(part, fmt.Append(nil, i), noise(i, 3000))
			}
			b.Delete(part, []byte("a"))
			if err := kv.Commit(t.Context(), s.e, b); !errors.Is(err, kv.ErrFailed) {
				t.Errorf("commit: %v", err)
			}
			s.check()
			if err := s.e.Tidy(t.Context()); err != nil && !errors.Is(err, kv.ErrFailed) {
				t.Errorf("tidy: %v", err)
			}
			if err := s.e.Close(); !errors.Is(err, kv.ErrFailed) {
				t.Errorf("close: %v", err)
			}
			s.e = open(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), Apart: apart})
			defer s.e.Close()
			s.check()
			s.set(map[string][]byte{"c": noise(3, 3000), "d": noise(4, 9000), "e": noise(5, 3000)})
			s.check()
		})
	}
}

func ops(kinds ...errorfs.OpKind) []errorfs.OpKind { return kinds }

// TestTidyWaitsForTheDisk looks for what is of no use while a group that has
// filled a volume and begun the next one is on its way to the disk.
func TestTidyWaitsForTheDisk(t *testing.T) {
	t.Parallel()
	written, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, "2.values") {
			once.Do(func() { close(written); <-goOn })
		}
		return nil
	}))
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	s.set(map[string][]byte{"old": noise(1, 8000)})
	s.delete("old")
	b := new(kv.Batch)
	for i := range 3 {
		s.want[fmt.Sprint(i)] = noise(i, 3000)
		b.Set(part, fmt.Append(nil, i), noise(i, 3000))
	}
	p := s.e.Submit(b)
	<-written
	if full, err := s.e.fullOnes(); err != nil || len(full) > 0 {
		t.Errorf("%d volumes are looked at, %v", len(full), err)
	} else {
		tidy(t, s.e)
	}
	close(goOn)
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	tidy(t, s.e)
	s.check()
}

// TestLostVolume starts without one: it is said, the rest can be read, and its
// number is not used again, as rows refer to it.
func TestLostVolume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose func(fs vfs.FS) error
		lost []string // keys
		left string   // files, after others have been made
	}{
		"the last": {func(fs vfs.FS) error { return fs.Remove("db/apart/00000002.values") }, []string{"c"}, "00000001.values 00000003.values 00000004.values"},
		"a full":   {func(fs vfs.FS) error { return fs.Remove("db/apart/00000001.values") }, []string{"a", "b"}, "00000002.values 00000003.values"},
		"all":      {func(fs vfs.FS) error { return fs.RemoveAll("db/apart") }, []string{"a", "b", "c"}, "00000003.values 00000004.values"},
		"an end":   {func(fs vfs.FS) error { return cut(fs, "db/apart/00000002.values", 2000) }, []string{"c"}, "00000001.values 00000002.values 00000003.values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
			s.set(map[string][]byte{"a": noise(1, 4000)})
			s.set(map[string][]byte{"b": noise(2, 5000)})
			s.set(map[string][]byte{"c": noise(3, 3000)})
			s.e.Close()
			if err := c.lose(fs); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s.e = open(t, Options{FS: fs, Apart: apart, Log: slog.New(slog.NewTextHandler(&log, nil))})
			defer func() { s.e.Close() }()
			if !strings.Contains(log.String(), "missing or cut off") {
				t.Errorf("the log has %q", log.String())
			}
			for i := range 4 {
				s.set(map[string][]byte{fmt.Sprint(i): noise(10+i, 3000)})
			}
			s.lost(c.lost...)
			s.check()
			if got := files(t, fs); got != c.left {
				t.Errorf("files %s, want %s", got, c.left)
			}
			s.e.Close()
			s.e = open(t, Options{FS: fs, Apart: apart})
			s.check()
		})
	}
}

// cut leaves the first n octets of a file.
func cut(fs vfs.FS, name string, n int) error {
	b := make([]byte, n)
	f, err := fs.Open(name)
	if err != nil {
		return err
	}
	_, err = f.ReadAt(b, 0)
	if err := errors.Join(err, f.Close(), fs.Remove(name)); err != nil {
		return err
	}
	if f, err = fs.Create(name, vfs.WriteCategoryUnspecified); err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// lost reads what can't be read, and deletes it.
func (s *shop) lost(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		err := s.e.View(s.t.Context(), func(r kv.Reader) error {
			_, _, err := r.Get(part, []byte(key))
			return err
		})
		if !errors.Is(err, kv.ErrDamaged) {
			s.t.Errorf("%s: %v, want that it is damaged", key, err)
		}
		s.delete(key)
	}
}

// TestUnreadableSector: what the disk can't read is lost alone.
func TestUnreadableSector(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(vfs.NewMem())
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	s.set(map[string][]byte{"a": noise(1, 2000), "b": noise(2, 2000)})
	fs.Fail(faultfs.Fault{On: faultfs.Reads, Name: "*.values", Times: 1})
	s.lost("a")
	s.check()
}

// TestOpenFails has a volume that can't be opened: nothing stays open.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	fs := faultfs.New(vfs.NewMem())
	o := Options{Dir: "db", FS: fs, Apart: apart}
	s := &shop{t: t, e: open(t, o), want: make(map[string][]byte)}
	s.set(map[string][]byte{"a": noise(1, 9000)})
	s.set(map[string][]byte{"b": noise(2, 9000)})
	s.e.Close()
	fs.Fail(faultfs.Fault{On: ops(errorfs.OpOpen), Name: "*2.values", Err: os.ErrPermission})
	if _, err := Open(o); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "open the values in db: ") {
		t.Errorf("%v", err)
	}
	fs.Heal()
	s.e = open(t, o)
	defer s.e.Close()
	s.check()
}

// TestForeignFiles are in the directory of volumes, and left alone; what was never committed is removed.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s := &shop{t: t, e: open(t, Options{FS: fs, Apart: apart}), want: make(map[string][]byte)}
	s.set(map[string][]byte{"a": noise(1, 9000)})
	s.e.Close()
	for _, name := range []string{"1.values", "7.values", "notes", "00000002.values.old", "00000002.values"} {
		f, err := fs.Create("db/apart/"+name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s.e = open(t, Options{FS: fs, Apart: apart})
	defer s.e.Close()
	if got := files(t, fs); got != "00000001.values 00000002.values.old 1.values 7.values notes" {
		t.Errorf("files %s", got)
	}
	s.set(map[string][]byte{"b": noise(2, 9000)})
	s.check()
}

// TestOneGroup sets large values of one key again and again, deletes, and
// deletes ranges, all in one batch: the last counts.
func TestOneGroup(t *testing.T) {
	t.Parallel()
	e := open(t, Options{FS: vfs.NewMem(), Apart: apart})
	defer e.Close()
	for _, ranges := range []bool{false, true} {
		b := new(kv.Batch)
		for i := range 4 {
			b.Set(part, []byte("a"), noise(i, 2000))
			b.Set(part, []byte("b"), noise(i, 2000))
			b.Set(part+1, []byte("a"), noise(10+i, 2000))
		}
		b.Delete(part, []byte("b"))
		b.Set(part, []byte("c"), noise(5, 2000))
		if ranges {
			b.DeleteRange(part, []byte("c"), nil)
			b.Set(part, []byte("d"), noise(6, 2000))
		}
		if err := kv.Commit(t.Context(), e, b); err != nil {
			t.Fatal(err)
		}
		want := map[string][]byte{"a": noise(3, 2000), "c": noise(5, 2000)}
		if ranges {
			want = map[string][]byte{"a": noise(3, 2000), "d": noise(6, 2000)}
		}
		(&shop{t: t, e: e, want: want}).check()
	}
}

// TestRoomsAreNotShared holds values of a View, and reads within a read, while other values are read.
func TestRoomsAreNotShared(t *testing.T) {
	t.Parallel()
	s := &shop{t: t, e: open(t, Options{FS: vfs.NewMem(), Apart: apart}), want: make(map[string][]byte)}
	defer s.e.Close()
	for i := range 10 {
		s.set(map[string][]byte{fmt.Sprint(i): noise(i, 2000+i), fmt.Sprint("t", i): text(i, 2000+i)})
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.e.View(t.Context(), func(r kv.Reader) error { return s.holdAll(r) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (s *shop) holdAll(r kv.Reader) error {
	held := make(map[string][]byte)
	err := r.Scan(part, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
		got, _, err := r.Get(part, key)
		held[string(key)] = got
		return errors.Join(err, r.GetMulti(part, [][]byte{[]byte("1"), key, []byte("t2")}, func(_ int, other []byte) error {
			if !bytes.Equal(val, s.want[string(key)]) {
				return fmt.Errorf("%s changes while others are read", key)
			}
			return nil
		}))
	})
	for key, val := range held {
		if !bytes.Equal(val, s.want[key]) {
			err = errors.Join(err, fmt.Errorf("%s changed within its View", key))
		}
	}
	return err
}
