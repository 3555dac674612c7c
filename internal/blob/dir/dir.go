// Package dir keeps bodies as files: DIR/NN/ID, where NN are the last two
// letters of the id (random, so that the directories fill evenly), and bodies
// being written as DIR/tmp/ID.
//
// Invariant: a file outside of tmp is complete and synced, and so is every
// directory on the way to it. A crash leaves files in tmp only, which Open
// removes. It has no goroutines.
package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/blob"
)

const temp = "tmp"

// Options say where.
type Options struct {
	Dir string
	FS  vfs.FS // nil: the real one
}

// Store is a blob.Store in a directory that belongs to it alone. Its methods
// may be called concurrently.
type Store struct {
	fs   vfs.FS
	root string

	mu     sync.Mutex      // held over the making of a shard
	shards map[string]bool // paths of those that are synced into the root
}

// Open opens the store in a directory of the real file system.
func Open(root string) (*Store, error) { return OpenWith(Options{Dir: root}) }

// OpenWith makes the directory where needed and sweeps what a crash left.
func OpenWith(o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = disk{vfs.Default}
	}
	s := &Store{fs: o.FS, root: o.Dir, shards: make(map[string]bool)}
	if err := s.mkdirs(s.root); err != nil {
		return nil, fmt.Errorf("open the body directory: %w", err)
	}
	if err := s.fs.RemoveAll(s.path(temp)); err != nil {
		return nil, fmt.Errorf("sweep unfinished bodies: %w", err)
	}
	if err := s.fs.MkdirAll(s.path(temp), 0o700); err != nil {
		return nil, fmt.Errorf("open the body directory: %w", err)
	}
	if err := s.findShards(); err != nil {
		return nil, fmt.Errorf("open the body directory: %w", err)
	}
	return s, nil
}

// mkdirs makes a directory and those above it where they are missing. Each is
// synced into the one above it, even if it was there: a process that was
// killed may have made it and not synced.
func (s *Store) mkdirs(name string) error {
	above := s.fs.PathDir(name)
	if above == name {
		return nil
	}
	if _, err := s.fs.Stat(above); errors.Is(err, fs.ErrNotExist) {
		if err := s.mkdirs(above); err != nil {
			return err
		}
	}
	if err := s.fs.MkdirAll(name, 0o700); err != nil {
		return err
	}
	return s.syncDir(above)
}

// findShards syncs the root and notes the shards that are in it now.
func (s *Store) findShards() error {
	names, err := s.fs.List(s.root)
	if err != nil {
		return err
	}
	if err := s.syncDir(s.root); err != nil {
		return err
	}
	for _, name := range names {
		s.shards[s.path(name)] = true
	}
	return nil
}

func (s *Store) path(elem ...string) string {
	return s.fs.PathJoin(append([]string{s.root}, elem...)...)
}

func (s *Store) file(id blob.ID) string {
	name := id.String()
	return s.path(name[len(name)-2:], name)
}

func (s *Store) syncDir(name string) error {
	d, err := s.fs.OpenDir(name)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", name, err)
	}
	return nil
}
