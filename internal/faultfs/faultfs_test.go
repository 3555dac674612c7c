package faultfs

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func create(t *testing.T, f *FS, name string) vfs.File {
	t.Helper()
	file, err := f.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// reread is the content of a file, read in pieces by Read and at once by ReadAt.
func reread(t *testing.T, f *FS, name string) []byte {
	t.Helper()
	file, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got []byte
	for p := make([]byte, 3); ; {
		n, err := file.Read(p)
		if got = append(got, p[:n]...); err == io.EOF {
			break
		}
	}
	at := make([]byte, len(got))
	if n, err := file.ReadAt(at, 0); n != len(at) || err != nil || !bytes.Equal(at, got) {
		t.Errorf("ReadAt gives %q, %v; Read gave %q", at[:n], err, got)
	}
	return got
}

func TestFail(t *testing.T) {
	t.Parallel()
	f := New(vfs.NewMem())
	f.Fail(Fault{On: Syncs, Name: "*.log", After: 1, Times: 2, Err: syscall.ENODEV})
	log, other := create(t, f, "1.log"), create(t, f, "1.sst")
	for i, want := range []error{nil, syscall.ENODEV, syscall.ENODEV, nil, nil} {
		if err := log.Sync(); !errors.Is(err, want) {
			t.Errorf("sync %d: %v, want %v", i, err, want)
		}
		if err := other.Sync(); err != nil {
			t.Errorf("sync %d of a file that does not match: %v", i, err)
		}
		if _, err := log.Write([]byte("x")); err != nil {
			t.Errorf("an operation that does not match: %v", err)
		}
	}
}

func TestFailAnythingUntilHealed(t *testing.T) {
	t.Parallel()
	f := New(vfs.NewMem())
	file := create(t, f, "a")
	f.Fail(Fault{})
	for range 3 {
		if _, err := file.Write([]byte("x")); !errors.Is(err, syscall.EIO) {
			t.Errorf("write: %v", err)
		}
		if err := f.Rename("a", "b"); !errors.Is(err, syscall.EIO) {
			t.Errorf("rename: %v", err)
		}
		if _, err := f.OpenDir("."); !errors.Is(err, syscall.EIO) {
			t.Errorf("open a directory: %v", err)
		}
	}
	f.Heal()
	if _, err := file.Write([]byte("x")); err != nil {
		t.Error(err)
	}
}

func TestFaultsDoNotHideEachOther(t *testing.T) {
	t.Parallel()
	f := New(vfs.NewMem())
	f.Fail(Fault{On: []errorfs.OpKind{errorfs.OpCreate}, After: 9})
	f.Fail(Fault{Name: "b"})
	if _, err := f.Create("b", vfs.WriteCategoryUnspecified); !errors.Is(err, syscall.EIO) {
		t.Errorf("the second fault: %v", err)
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	f := New(vfs.NewMem())
	f.Fill("data*", 10)
	a, b, free := create(t, f, "data1"), create(t, f, "data2"), create(t, f, "free")
	if n, err := a.Write([]byte("123456")); n != 6 || err != nil {
		t.Errorf("what fits: %d, %v", n, err)
	}
	if n, err := b.Write([]byte("123456")); n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("what is cut: %d, %v", n, err)
	}
	if n, err := a.WriteAt([]byte("x"), 0); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %d, %v", n, err)
	}
	if n, err := free.Write([]byte("123456")); n != 6 || err != nil {
		t.Errorf("a file that does not match: %d, %v", n, err)
	}
	if got := reread(t, f, "data2"); string(got) != "1234" {
		t.Errorf("%q was stored", got)
	}
}

func TestFlip(t *testing.T) {
	t.Parallel()
	f := New(vfs.NewMem())
	create(t, f, "a").Write([]byte("AAAAAAAA"))
	create(t, f, "b").Write([]byte("AAAAAAAA"))
	f.Flip("a", 4, 1)
	f.Flip("a", 100, 0)
	if got := reread(t, f, "a"); string(got) != "AAAACAAA" {
		t.Errorf("read %q", got)
	}
	if got := reread(t, f, "b"); string(got) != "AAAAAAAA" {
		t.Errorf("a file that does not match: read %q", got)
	}
	f.Heal()
	if got := reread(t, f, "a"); string(got) != "AAAAAAAA" {
		t.Errorf("stored %q", got)
	}
}
