package mail

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"tem/internal/kv"
)

// Engines that do something amiss around another one.

// refusing is an engine whose commits fail while it is told so.
type refusing struct {
	kv.Engine
	on atomic.Bool
}

var errRefused = errors.New("refused")

type refused struct{}

func (refused) Wait(context.Context) error { return errRefused }

func (r *refusing) Submit(b *kv.Batch) kv.Pending {
	if r.on.Load() {
		return refused{}
	}
	return r.Engine.Submit(b)
}

// stopping is an engine that takes so many commits more and then none.
type stopping struct {
	kv.Engine
	left atomic.Int64
}

func (s *stopping) Submit(b *kv.Batch) kv.Pending {
	if s.left.Add(-1) < 0 {
		return refused{}
	}
	return s.Engine.Submit(b)
}

// meddling is an engine that lets somebody else in before one of its commits.
type meddling struct {
	kv.Engine
	left   int // commits before that
	meddle func()
}

// before has fn run when n commits more were made and another comes.
func (m *meddling) before(n int, fn func()) { m.left, m.meddle = n, fn }

func (m *meddling) Submit(b *kv.Batch) kv.Pending {
	if fn := m.meddle; fn != nil {
		if m.left--; m.left < 0 {
			m.meddle = nil
			fn()
		}
	}
	return m.Engine.Submit(b)
}

// holding is an engine that can keep commits back for a while, or the news of
// them.
type holding struct {
	kv.Engine
	news  bool // only the news
	mu    sync.Mutex
	on    bool
	queue []*held
	more  chan struct{} // closed when there is more in the queue
}

// held is a commit that is kept back.
type held struct {
	b    *kv.Batch
	p    kv.Pending
	done chan struct{}
}

func (h *held) Wait(ctx context.Context) error {
	select {
	case <-h.done:
		return h.p.Wait(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *holding) Submit(b *kv.Batch) kv.Pending {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.on {
		return h.Engine.Submit(b)
	}
	p := &held{b: b, done: make(chan struct{})}
	if h.news {
		p.p = h.Engine.Submit(b)
	}
	h.queue = append(h.queue, p)
	close(h.more)
	h.more = make(chan struct{})
	return p
}

func (h *holding) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.on, h.more = true, make(chan struct{})
}

// await returns when n commits are kept back.
func (h *holding) await(n int) {
	for {
		h.mu.Lock()
		have, more := len(h.queue), h.more
		h.mu.Unlock()
		if have >= n {
			return
		}
		<-more
	}
}

// release lets go of what was kept back, in order.
func (h *holding) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.queue {
		if p.p == nil {
			p.p = h.Engine.Submit(p.b)
		}
		close(p.done)
	}
	h.on, h.queue = false, nil
}
