// Package dir keeps bodies as files: DIR/NN/ID, where NN are the last two
// letters of the id (random, so that the directories fill evenly), and bodies
// being written as DIR/tmp/ID.
//
// Invariant: a file outside of tmp is complete and synced. A crash leaves files
// in tmp only, which Open removes. It has no goroutines.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tem/internal/blob"
)

const temp = "tmp"

// Store is a blob.Store in a directory that belongs to it alone. Its methods
// may be called concurrently.
type Store struct{ root string }

// Open makes the directory where needed and sweeps what a crash left.
func Open(root string) (*Store, error) {
	s := &Store{root}
	if err := os.RemoveAll(s.path(temp)); err != nil {
		return nil, fmt.Errorf("sweep unfinished bodies: %w", err)
	}
	if err := os.MkdirAll(s.path(temp), 0o700); err != nil {
		return nil, fmt.Errorf("open the body directory: %w", err)
	}
	if err := syncDir(root); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}

func (s *Store) file(id blob.ID) string {
	name := id.String()
	return s.path(name[len(name)-2:], name)
}

// Create starts a body in tmp.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Writer, error) {
	f, err := os.OpenFile(s.path(temp, id.String()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create body %s: %w", id, err)
	}
	return &writer{f, s, id}, nil
}

type writer struct {
	*os.File
	store *Store
	id    blob.ID
}

// Close syncs the file, moves it to its place and syncs the directory.
func (w *writer) Close() error {
	err := w.File.Sync()
	err = errors.Join(err, w.File.Close())
	if err == nil {
		err = w.store.place(w.Name(), w.store.file(w.id))
	}
	if err != nil {
		os.Remove(w.Name())
		return fmt.Errorf("write body %s: %w", w.id, err)
	}
	return nil
}

// place moves a file into a shard, durably. A shard made now is itself synced
// into the root.
func (s *Store) place(from, to string) error {
	shard := filepath.Dir(to)
	switch err := os.Mkdir(shard, 0o700); {
	case err == nil:
		if err := syncDir(s.root); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(shard)
}

// Abort removes the unfinished file.
func (w *writer) Abort() {
	w.File.Close()
	os.Remove(w.Name())
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", name, err)
	}
	return nil
}

// Open gives a body's bytes.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	f, err := os.Open(s.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open body %s: %w", id, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open body %s: %w", id, err)
	}
	return &reader{f, info.Size()}, nil
}

type reader struct {
	*os.File
	size int64
}

func (r *reader) Size() int64 { return r.size }

// Delete removes bodies. It does not sync: a body that comes back after a
// crash is an orphan, and the sweeper lists those.
func (s *Store) Delete(ctx context.Context, ids ...blob.ID) error {
	var errs []error
	for _, id := range ids {
		if err := os.Remove(s.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("delete body %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// List walks the shards. Files that are not bodies are left alone.
func (s *Store) List(ctx context.Context, fn func(blob.Info) error) error {
	shards, err := os.ReadDir(s.root)
	if err != nil {
		return fmt.Errorf("list bodies: %w", err)
	}
	for _, shard := range shards {
		if !shard.IsDir() || shard.Name() == temp {
			continue
		}
		if err := s.listShard(ctx, shard.Name(), fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) listShard(ctx context.Context, shard string, fn func(blob.Info) error) error {
	files, err := os.ReadDir(s.path(shard))
	if err != nil {
		return fmt.Errorf("list bodies: %w", err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := blob.ParseID(f.Name())
		if err != nil {
			continue
		}
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return fmt.Errorf("list bodies: %w", err)
		}
		if err := fn(blob.Info{ID: id, Size: info.Size(), Written: info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}
