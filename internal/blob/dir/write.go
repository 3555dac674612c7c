package dir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/blob"
)

// Create starts a body in tmp.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Writer, error) {
	name := s.path(temp, id.String())
	f, err := s.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create body %s: %w", id, err)
	}
	return &writer{store: s, id: id, name: name, file: f}, nil
}

type writer struct {
	store *Store
	id    blob.ID
	name  string // in tmp
	file  vfs.File
	err   error // of the first write that failed
}

func (w *writer) Write(p []byte) (int, error) {
	if _, ok := w.store.fs.(disk); !ok {
		p = slices.Clone(p) // a vfs.File may change what it is given
	}
	n, err := w.file.Write(p)
	if err != nil {
		err = fmt.Errorf("write body %s: %w", w.id, err)
		w.err = err
	}
	return n, err
}

// Close syncs the file, moves it to its place and syncs the directory. After
// an error there is no such body.
func (w *writer) Close() error {
	if w.err != nil {
		w.Abort()
		return w.err
	}
	err := w.file.Sync()
	err = errors.Join(err, w.file.Close())
	if err != nil {
		w.store.fs.Remove(w.name)
	} else {
		err = w.store.place(w.name, w.store.file(w.id))
	}
	if err != nil {
		return fmt.Errorf("write body %s: %w", w.id, err)
	}
	return nil
}

// Abort removes the unfinished file.
func (w *writer) Abort() {
	w.file.Close()
	w.store.fs.Remove(w.name)
}

// place moves a synced file into a shard, durably, or removes it. The file
// can be opened a moment before that is durable, but nobody has been told of it.
func (s *Store) place(from, to string) error {
	shard := s.fs.PathDir(to)
	err := s.makeShard(shard)
	if err == nil {
		err = s.fs.Rename(from, to)
	}
	if err != nil {
		s.fs.Remove(from)
		return err
	}
	if err := s.syncDir(shard); err != nil {
		return errors.Join(err, s.remove(to))
	}
	return nil
}

// makeShard returns when the shard is synced into the root, whoever made it.
func (s *Store) makeShard(shard string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shards[shard] {
		return nil
	}
	err := s.fs.MkdirAll(shard, 0o700)
	if err == nil {
		err = s.syncDir(s.root)
	}
	if err != nil {
		// A second sync after a failed one proves nothing: the next writer
		// shall make the directory again.
		s.fs.Remove(shard)
		return err
	}
	s.shards[shard] = true
	return nil
}

func (s *Store) remove(name string) error {
	if err := s.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Delete removes bodies. It does not sync: a body that comes back after a
// crash is an orphan, and the sweeper lists those.
func (s *Store) Delete(ctx context.Context, ids ...blob.ID) error {
	var errs []error
	for _, id := range ids {
		if err := s.remove(s.file(id)); err != nil {
			errs = append(errs, fmt.Errorf("delete body %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}
