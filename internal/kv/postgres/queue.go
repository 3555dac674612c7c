package postgres

import (
	"fmt"
	"slices"

	"tem/internal/kv"
)

// A group holds at most so many batches and, unless it is one, octets.
const (
	maxBatches = 128
	maxOctets  = 4 << 20
)

// pending is a batch in line.
type pending struct {
	kv.Decision
	batch *kv.Batch
	lanes []kv.Part
	size  int // octets
}

// Submit puts the batch in line.
func (e *Engine) Submit(b *kv.Batch) kv.Pending {
	p := &pending{Decision: kv.NewDecision(nil), batch: b, lanes: lanes(b)}
	var err error
	if p.size, err = measure(b); err != nil {
		p.Decide(err)
		return p
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closing {
		p.Decide(kv.ErrClosed)
		return p
	}
	e.queue = append(e.queue, p)
	e.changed.Signal()
	return p
}

// lanes are the partitions that order a batch: those it asserts in or, without
// conditions, those it writes in; sorted.
func lanes(b *kv.Batch) []kv.Part {
	list := make([]kv.Part, 0, 4)
	for i := range b.Conditions {
		list = append(list, b.Conditions[i].Part)
	}
	if len(b.Conditions) == 0 {
		for i := range b.Ops {
			list = append(list, b.Ops[i].Part)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// maxBatch is the largest batch in octets: a message of the protocol has less
// than 1 GiB.
const maxBatch = 512 << 20

// measure returns the size of a batch in octets, or why it can't be written.
func measure(b *kv.Batch) (n int, err error) {
	for i := range b.Conditions {
		if err := checkPart(b.Conditions[i].Part); err != nil {
			return 0, err
		}
	}
	for i := range b.Ops {
		if err := checkPart(b.Ops[i].Part); err != nil {
			return 0, err
		}
		n += len(b.Ops[i].Key) + len(b.Ops[i].Val) + 32
	}
	if n > maxBatch {
		return 0, fmt.Errorf("kv: a batch of %d octets is larger than PostgreSQL takes at once (%d)", n, maxBatch)
	}
	return n, nil
}

// take waits for batches that may run now and makes their lanes busy; an empty
// group is the end.
func (e *Engine) take() []*pending {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if group := e.pick(); len(group) > 0 {
			return group
		}
		if e.closing && len(e.queue) == 0 {
			return nil
		}
		e.changed.Wait()
	}
}

// pick walks the queue from its head and removes the next group: batches none of
// whose lanes is busy or is one of a batch that was passed over.
func (e *Engine) pick() (group []*pending) {
	var passed map[kv.Part]bool
	size, rest := 0, e.queue[:0]
	for i, p := range e.queue {
		if len(group) == maxBatches || len(group) > 0 && size+p.size > maxOctets {
			rest = append(rest, e.queue[i:]...)
			break
		}
		if e.blocked(p, passed) {
			if passed == nil {
				passed = make(map[kv.Part]bool)
			}
			mark(passed, p.lanes)
			rest = append(rest, p)
			continue
		}
		group, size = append(group, p), size+p.size
	}
	clear(e.queue[len(rest):])
	e.queue = rest
	for _, p := range group {
		mark(e.busy, p.lanes)
	}
	return group
}

func (e *Engine) blocked(p *pending, passed map[kv.Part]bool) bool {
	return slices.ContainsFunc(p.lanes, func(l kv.Part) bool { return e.busy[l] || passed[l] })
}

func mark(set map[kv.Part]bool, lanes []kv.Part) {
	for _, l := range lanes {
		set[l] = true
	}
}

// leave frees the lanes of a group that has been decided.
func (e *Engine) leave(group []*pending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range group {
		for _, l := range p.lanes {
			delete(e.busy, l)
		}
	}
	e.changed.Broadcast()
}
