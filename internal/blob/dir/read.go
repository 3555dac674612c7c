package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/blob"
)

// Open gives a body's bytes.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	f, err := s.fs.Open(s.file(id))
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
	return &reader{f, id, info.Size()}, nil
}

type reader struct {
	file vfs.File
	id   blob.ID
	size int64
}

func (r *reader) Size() int64  { return r.size }
func (r *reader) Close() error { return r.file.Close() }

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.file.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read body %s: %w", r.id, err)
	}
	return n, err
}

// List walks the shards. Files that are not bodies are left alone.
func (s *Store) List(ctx context.Context, fn func(blob.Info) error) error {
	names, err := s.fs.List(s.root)
	if err != nil {
		return fmt.Errorf("list bodies: %w", err)
	}
	for _, name := range names {
		info, err := s.fs.Stat(s.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a stranger's
		}
		if err != nil {
			return fmt.Errorf("list bodies: %w", err)
		}
		if !info.IsDir() || name == temp {
			continue
		}
		if err := s.listShard(ctx, name, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) listShard(ctx context.Context, shard string, fn func(blob.Info) error) error {
	names, err := s.fs.List(s.path(shard))
	if err != nil {
		return fmt.Errorf("list bodies: %w", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := blob.ParseID(name)
		if err != nil || s.file(id) != s.path(shard, name) {
			continue // a stranger
		}
		info, err := s.fs.Stat(s.file(id))
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
