package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
)

// mortal is a file system whose first failed write or sync of a file is the
// end: the engine dies, and the call never returns. What the library would do
// next differs from file to file (it panics, tries again for ever, or goes on
// with a file that may lack something), and none of it is wanted.
type mortal struct {
	vfs.FS
	death *kv.Death
}

func newMortal(fs vfs.FS, d *kv.Death) vfs.FS {
	if fs == nil {
		fs = vfs.Default
	}
	return &mortal{fs, d}
}

func (m *mortal) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &mortalFile{f, m.death}, nil
}

func (m *mortal) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return m.wrap(m.FS.Create(name, category))
}

func (m *mortal) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return m.wrap(m.FS.OpenReadWrite(name, category, opts...))
}

func (m *mortal) OpenDir(name string) (vfs.File, error) { return m.wrap(m.FS.OpenDir(name)) }

func (m *mortal) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return m.wrap(m.FS.ReuseForWrite(old, name, category))
}

// Unwrap is for the library, which looks for the file system underneath.
func (m *mortal) Unwrap() vfs.FS { return m.FS }

type mortalFile struct {
	vfs.File
	death *kv.Death
}

// survive returns only if err is nil.
func (f *mortalFile) survive(what string, err error) {
	if err != nil {
		f.death.Die(fmt.Errorf("%s: %w", what, err))
		select {} // the process is for OnFatal to end
	}
}

func (f *mortalFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.survive("write", err)
	return n, nil
}

func (f *mortalFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.survive("write", err)
	return n, nil
}

func (f *mortalFile) Sync() error {
	f.survive("sync", f.File.Sync())
	return nil
}

func (f *mortalFile) SyncData() error {
	f.survive("sync", f.File.SyncData())
	return nil
}

func (f *mortalFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	f.survive("sync", err)
	return full, nil
}
