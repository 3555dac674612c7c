// Package memory is a blob store for tests and for stores that need not
// outlive the process. It has no goroutines.
package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"tem/internal/blob"
)

// Store is a blob.Store in memory. Its methods may be called concurrently.
type Store struct {
	mu     sync.Mutex
	bodies map[blob.ID]body
}

type body struct {
	data    []byte
	written time.Time
}

// New returns an empty store.
func New() *Store { return &Store{bodies: make(map[blob.ID]body)} }

// Create starts a body.
func (s *Store) Create(ctx context.Context, id blob.ID) (blob.Writer, error) {
	return &writer{store: s, id: id}, nil
}

type writer struct {
	bytes.Buffer
	store *Store
	id    blob.ID
}

func (w *writer) Close() error {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	w.store.bodies[w.id] = body{w.Bytes(), time.Now()}
	return nil
}

func (w *writer) Abort() {}

// Open gives a body's bytes.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.bodies[id]
	if !ok {
		return nil, blob.ErrNotFound
	}
	return reader{bytes.NewReader(b.data)}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Delete removes bodies.
func (s *Store) Delete(ctx context.Context, ids ...blob.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.bodies, id)
	}
	return nil
}

// List calls fn for each body there is at the moment of the call.
func (s *Store) List(ctx context.Context, fn func(blob.Info) error) error {
	for _, info := range s.infos() {
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) infos() []blob.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]blob.Info, 0, len(s.bodies))
	for id, b := range s.bodies {
		list = append(list, blob.Info{ID: id, Size: int64(len(b.data)), Written: b.written})
	}
	return list
}
