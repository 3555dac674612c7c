// Package faultfs is a file system with faults, for tests of what stands on
// one: errors of any operation, a disk that fills up, bits that flip. Power
// loss is not among them: put this on a vfs.NewCrashableMem for that.
//
// Invariant: without a fault it does what the file system below does. Faults
// are given and taken while it is in use. It has no goroutines.
package faultfs

import (
	"path"
	"slices"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// Fault is an error that some operations return instead of being done.
type Fault struct {
	On    []errorfs.OpKind // empty: any
	Name  string           // pattern of path.Match for the last element of the path; empty: any
	After int              // so many operations that match still succeed
	Times int              // then so many fail; 0: all
	Err   error            // nil: EIO
}

// Syncs are the operations that make a file or a directory durable.
var Syncs = []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}

// Reads are the operations that read the content of a file.
var Reads = []errorfs.OpKind{errorfs.OpFileRead, errorfs.OpFileReadAt}

// FS is the file system with faults. Its methods may be called concurrently.
type FS struct {
	vfs.FS // base, with errors injected

	mu     sync.Mutex
	faults []*Fault
	fill   *fill
	flips  []flip
}

// fill is a disk with a limit.
type fill struct {
	name string
	left int64
}

// flip is a bit that is read wrong.
type flip struct {
	name   string
	offset int64
	bit    byte // 0 to 7
}

// New puts a file system that can have faults on base.
func New(base vfs.FS) *FS {
	f := new(FS)
	f.FS = errorfs.Wrap(base, errorfs.InjectorFunc(f.inject))
	return f
}

// Fail adds a fault.
func (f *FS) Fail(fault Fault) {
	if fault.Err == nil {
		fault.Err = syscall.EIO
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, &fault)
}

// Fill lets n more octets be written, together, to files that match the
// pattern; the write that exceeds them is cut short with ENOSPC, and so are
// those after it. Nothing else is refused.
func (f *FS) Fill(name string, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fill = &fill{name, n}
}

// Flip changes one bit (0 to 7) of the octet at offset whenever it is read
// from a file that matches the pattern. What is stored stays as it is.
func (f *FS) Flip(name string, offset int64, bit byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flips = append(f.flips, flip{name, offset, bit})
}

// Heal takes all faults away.
func (f *FS) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.fill, f.flips = nil, nil, nil
}

// inject is the errorfs.Injector of all faults. One that is passing an
// operation does not hide those after it.
func (f *FS) inject(op errorfs.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range f.faults {
		if fault.hits(op) {
			return fault.Err
		}
	}
	return nil
}

// hits counts an operation that matches and tells whether it fails.
func (f *Fault) hits(op errorfs.Op) bool {
	if len(f.On) > 0 && !slices.Contains(f.On, op.Kind) || !match(f.Name, op.Path) {
		return false
	}
	switch {
	case f.After > 0:
		f.After--
		return false
	case f.Times > 1:
		f.Times--
	case f.Times == 1:
		f.Times = -1 // used up
	case f.Times < 0:
		return false
	}
	return true
}

// match panics on a bad pattern, which is a mistake in the test.
func match(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, path.Base(name))
	if err != nil {
		panic("faultfs: " + err.Error() + ": " + pattern)
	}
	return ok
}

// take allots n octets of a write and tells how many there is room for.
func (f *FS) take(name string, n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fill == nil || !match(f.fill.name, name) {
		return n
	}
	n = int(min(int64(n), f.fill.left))
	f.fill.left -= int64(n)
	return n
}

// damage flips the bits of what was read from offset on.
func (f *FS) damage(name string, p []byte, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, flip := range f.flips {
		if i := flip.offset - offset; i >= 0 && i < int64(len(p)) && match(flip.name, name) {
			p[i] ^= 1 << flip.bit
		}
	}
}
