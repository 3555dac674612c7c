package dir

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"tem/internal/blob"
	"tem/internal/faultfs"
)

// faulty is a store on a disk that can be broken, in memory.
func faulty(t *testing.T) (*Store, *faultfs.FS) {
	t.Helper()
	fs := faultfs.New(vfs.NewMem())
	s, err := OpenWith(Options{Dir: crashRoot, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s, fs
}

// checkGone makes sure that a body which could not be written never existed.
func checkGone(t *testing.T, s *Store, id blob.ID) {
	t.Helper()
	if _, err := s.Open(t.Context(), id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("open: %v, want ErrNotFound", err)
	}
	err := s.List(t.Context(), func(i blob.Info) error {
		t.Errorf("%s is listed", i.ID)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if names, err := s.fs.List(s.path(temp)); err != nil || len(names) != 0 {
		t.Errorf("tmp has %v, %v", names, err)
	}
}

func shardOf(id blob.ID) string { return id.String()[24:] }

// TestFaultAtClose fails each step of Close once: the caller gets the error,
// nothing is left, and the same body can be written afterwards.
func TestFaultAtClose(t *testing.T) {
	t.Parallel()
	id := blob.NewID(time.Now())
	for name, fault := range map[string]faultfs.Fault{
		"sync of the file":          {On: faultfs.Syncs, Name: id.String()},
		"making the directory":      {On: []errorfs.OpKind{errorfs.OpMkdirAll}, Name: shardOf(id)},
		"sync of the root":          {On: faultfs.Syncs, Name: "bodies"},
		"rename":                    {On: []errorfs.OpKind{errorfs.OpRename}, Name: id.String()},
		"sync of the directory":     {On: faultfs.Syncs, Name: shardOf(id)},
		"opening the dir. for sync": {On: []errorfs.OpKind{errorfs.OpOpenDir}, Name: shardOf(id)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, fs := faulty(t)
			fault.Times = 1
			fs.Fail(fault)
			err := put(t, s, id)
			if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "body "+id.String()) {
				t.Errorf("close: %v, want EIO and the body named", err)
			}
			checkGone(t, s, id)
			if err := put(t, s, id); err != nil {
				t.Fatal(err)
			}
			if err := reads(t, s, id); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDirectoryAfterFailedSync loses the power after the sync that made a
// directory durable failed once: the body written next must not rest on it.
func TestDirectoryAfterFailedSync(t *testing.T) {
	t.Parallel()
	mem := vfs.NewCrashableMem()
	fs := faultfs.New(mem)
	s, err := OpenWith(Options{Dir: crashRoot, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	id := blob.NewID(time.Now())
	fs.Fail(faultfs.Fault{On: faultfs.Syncs, Name: "bodies", Times: 1})
	if err := put(t, s, id); !errors.Is(err, syscall.EIO) {
		t.Errorf("close: %v", err)
	}
	if err := put(t, s, id); err != nil {
		t.Fatal(err)
	}
	checkAfterCrash(t, mem.CrashClone(vfs.CrashCloneCfg{}), []blob.ID{id})
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(blob.Writer) error{
		"abort": func(w blob.Writer) error { w.Abort(); return syscall.ENOSPC },
		"close": blob.Writer.Close, // a caller that did not look at the error of Write
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, fs := faulty(t)
			fs.Fill("", 1000)
			id := blob.NewID(time.Now())
			w, err := s.Create(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			n, err := w.Write(make([]byte, 1500))
			if n != 1000 || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), id.String()) {
				t.Errorf("write: %d, %v", n, err)
			}
			if err := end(w); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("end: %v", err)
			}
			checkGone(t, s, id)
		})
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	s, fs := faulty(t)
	id := blob.NewID(time.Now())
	if err := put(t, s, id); err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]faultfs.Fault{
		"open":   {On: []errorfs.OpKind{errorfs.OpOpen}},
		"stat":   {On: []errorfs.OpKind{errorfs.OpFileStat}},
		"read":   {On: faultfs.Reads},
		"delete": {On: []errorfs.OpKind{errorfs.OpRemove}},
	} {
		fs.Heal()
		fault.Name = id.String()
		fs.Fail(fault)
		err := reads(t, s, id)
		if name == "delete" {
			err = s.Delete(t.Context(), id)
		}
		if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "body "+id.String()) {
			t.Errorf("%s: %v, want EIO and the body named", name, err)
		}
	}
}

// TestListTellsErrors does not let an unreadable directory pass for an empty
// one, or the sweeper would think that bodies are gone.
func TestListTellsErrors(t *testing.T) {
	t.Parallel()
	s, fs := faulty(t)
	id := blob.NewID(time.Now())
	if err := put(t, s, id); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []faultfs.Fault{
		{On: []errorfs.OpKind{errorfs.OpList}, Name: "bodies"},
		{On: []errorfs.OpKind{errorfs.OpStat}, Name: shardOf(id)},
		{On: []errorfs.OpKind{errorfs.OpList}, Name: shardOf(id)},
		{On: []errorfs.OpKind{errorfs.OpStat}, Name: id.String()},
	} {
		fs.Heal()
		fs.Fail(fault)
		if err := s.List(t.Context(), func(blob.Info) error { return nil }); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v of %s fails: %v", fault.On, fault.Name, err)
		}
	}
}

func TestOpenOnABadDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range []errorfs.OpKind{errorfs.OpMkdirAll, errorfs.OpOpenDir, errorfs.OpList, errorfs.OpFileSync, errorfs.OpRemoveAll} {
		fs := faultfs.New(vfs.NewMem())
		fs.Fail(faultfs.Fault{On: []errorfs.OpKind{kind}})
		if _, err := OpenWith(Options{Dir: crashRoot, FS: fs}); !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d fails: open: %v", kind, err)
		}
	}
}

// TestForThisUserAlone looks at the modes on the real disk and at what a
// second writer of one id is told.
func TestForThisUserAlone(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "new", "bodies")
	s := open(t, root)
	id := blob.NewID(time.Now())
	w, err := s.Create(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), id); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second writer: %v", err)
	}
	io.WriteString(w, "text")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{root: 0o700, filepath.Dir(s.file(id)): 0o700, s.file(id): 0o600} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode().Perm(), err, want)
		}
	}
}
