package faultfs

import (
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// file is a file that can be full or damaged.
type file struct {
	vfs.File
	fs   *FS
	name string
	pos  int64 // of Read, which has one caller at a time
}

func (f *FS) wrap(name string, below vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{File: below, fs: f, name: name}, nil
}

func (f *FS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	below, err := f.FS.Create(name, c)
	return f.wrap(name, below, err)
}

func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	below, err := f.FS.Open(name, opts...)
	return f.wrap(name, below, err)
}

func (f *FS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	below, err := f.FS.OpenReadWrite(name, c, opts...)
	return f.wrap(name, below, err)
}

func (f *FS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	below, err := f.FS.ReuseForWrite(from, to, c)
	return f.wrap(to, below, err)
}

// Unwrap gives the file system with errors injected, for vfs.Root.
func (f *FS) Unwrap() vfs.FS { return f.FS }

func (f *file) Write(p []byte) (int, error) {
	room := f.fs.take(f.name, len(p))
	n, err := f.File.Write(p[:room])
	f.pos += int64(n)
	if err == nil && room < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	room := f.fs.take(f.name, len(p))
	n, err := f.File.WriteAt(p[:room], off)
	if err == nil && room < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.fs.damage(f.name, p[:n], f.pos)
	f.pos += int64(n)
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.fs.damage(f.name, p[:n], off)
	return n, err
}
