package dir

import (
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the real file system. It differs from vfs.Default in this: bodies
// are readable by this user alone, a second writer of one id is refused, and
// opening costs one system call.
type disk struct{ vfs.FS }

func (disk) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return asFile(os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600))
}

func (disk) Open(name string, _ ...vfs.OpenOption) (vfs.File, error) {
	return asFile(os.Open(name))
}

func asFile(f *os.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// file is an *os.File, whose ReadAt is pread. The hints do nothing.
type file struct{ *os.File }

func (f file) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	return fileInfo{info}, err
}

func (f file) SyncData() error                       { return f.Sync() }
func (f file) SyncTo(int64) (fullSync bool, _ error) { return true, f.Sync() }
func (f file) Preallocate(_, _ int64) error          { return nil }
func (f file) Prefetch(_, _ int64) error             { return nil }

type fileInfo struct{ os.FileInfo }

func (fileInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
