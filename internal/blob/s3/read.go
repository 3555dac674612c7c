package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"tem/internal/blob"
)

const (
	// windowSize is how much is fetched at once, so that a body which is read
	// from the beginning in small pieces takes few requests.
	windowSize = 1 << 20
	// maxWindows is how many of them a reader keeps.
	maxWindows = 4
)

// Open gives a body's bytes. The context must last until Close; when it ends,
// so do the reads.
func (s *Store) Open(ctx context.Context, id blob.ID) (blob.Reader, error) {
	info, err := s.api.StatObject(ctx, s.options.Bucket, s.key(id), minio.StatObjectOptions{})
	if err != nil {
		return nil, s.openError(ctx, id, s.explain(err))
	}
	r := &reader{store: s, id: id, size: info.Size}
	r.ctx, r.cancel = context.WithCancel(ctx)
	return r, nil
}

// openError tells a missing body from a missing bucket, which the answer to a
// HEAD request does not.
func (s *Store) openError(ctx context.Context, id blob.ID, err error) error {
	if err == blob.ErrNotFound {
		if err = s.checkBucket(ctx); err == nil {
			return blob.ErrNotFound
		}
	}
	return fmt.Errorf("open body %s: %w", id, err)
}

type reader struct {
	store  *Store
	ctx    context.Context
	cancel func()
	id     blob.ID
	size   int64

	mu      sync.Mutex
	windows []*window // the last used first
}

// window is a piece of a body; whoever needs it first fetches it.
type window struct {
	at  int64
	get func() ([]byte, error)
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) Close() error {
	r.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.windows = nil
	return nil
}

func (r *reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read body %s: the offset %d is before its beginning", r.id, off)
	}
	for n < len(p) {
		if off >= r.size {
			return n, io.EOF
		}
		w := r.window(off - off%windowSize)
		data, err := w.get()
		if err != nil {
			r.forget(w)
			return n, fmt.Errorf("read body %s: %w", r.id, err)
		}
		k := copy(p[n:], data[off-w.at:])
		n, off = n+k, off+int64(k)
	}
	return n, nil
}

// window finds the window that begins at an offset, or makes it in place of
// the one that was not used longest.
func (r *reader) window(at int64) *window {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found *window
	kept := make([]*window, 1, maxWindows)
	for _, w := range r.windows {
		switch {
		case w.at == at:
			found = w
		case len(kept) < maxWindows:
			kept = append(kept, w)
		}
	}
	if found == nil {
		found = &window{at, sync.OnceValues(func() ([]byte, error) {
			return r.store.fetch(r.ctx, r.id, at, min(windowSize, r.size-at))
		})}
	}
	kept[0] = found
	r.windows = kept
	return found
}

// forget lets the next reader try again.
func (r *reader) forget(failed *window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range r.windows {
		if w == failed {
			r.windows = append(r.windows[:i:i], r.windows[i+1:]...)
			return
		}
	}
}

// errCut says that an answer began well and did not end so.
var errCut = errors.New("the answer was cut off")

// fetch reads n octets. The client below has its own attempts up to the
// beginning of the answer; this one tries again when the rest does not come.
func (s *Store) fetch(ctx context.Context, id blob.ID, at, n int64) (data []byte, err error) {
	for i := range s.options.Attempts {
		if i > 0 && !pause(ctx, i) {
			break
		}
		data, err = s.fetchOnce(ctx, id, at, n)
		if !errors.Is(err, errCut) {
			return data, err
		}
	}
	return nil, err
}

func (s *Store) fetchOnce(ctx context.Context, id blob.ID, at, n int64) ([]byte, error) {
	var o minio.GetObjectOptions
	if err := o.SetRange(at, at+n-1); err != nil {
		return nil, err
	}
	body, info, _, err := s.api.GetObject(ctx, s.options.Bucket, s.key(id), o)
	if err != nil {
		return nil, s.explain(err)
	}
	defer body.Close()
	if info.Size != n {
		return nil, fmt.Errorf("the object service at %s gave %d octets when asked for %d", s.options.service(), info.Size, n)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, fmt.Errorf("%w: %w", errCut, s.explain(err))
	}
	return data, nil
}

// pause waits before the next attempt: 100, 200, 400 ms and so on up to 1 s.
func pause(ctx context.Context, attempt int) bool {
	select {
	case <-time.After(min(50*time.Millisecond<<attempt, time.Second)):
		return true
	case <-ctx.Done():
		return false
	}
}
