package mail

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"tem/internal/kv"
)

// maxTries bounds how often a commit is built anew after a conflict.
const maxTries = 20

// edit is one account's share of a commit under construction.
type edit struct {
	s       *Store
	a       *account
	b       *kv.Batch
	next    *cache
	modseq  ModSeq                 // of this commit
	first   EmailID                // the number of the first email that this commit makes, if it makes any
	dirty   bool                   // something changed
	removed bool                   // the account is gone
	reload  bool                   // rows were written past the cache
	boxes   map[MailboxID]*Mailbox // as they become; nil: deleted
	log     map[MailboxID]*logEntry
	flags   map[MailboxID]*flagRows
	flight  []inFlight
	learned []uint64 // hashes of Message-IDs that this commit writes
	pooled  pooled   // what this commit does to the account's pool
}

// update builds one commit over some accounts, submits it under their locks and
// waits for it without them. build may be called more than once. Whoever is to
// see what was submitted before but is not yet durable calls settle first.
func (s *Store) update(ctx context.Context, ids []kv.Part, build func(b *kv.Batch, edits []*edit) error) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	accts := make([]*account, len(ids))
	for i, id := range ids {
		accts[i] = s.acquire(id)
		defer s.release(accts[i])
	}
	for n := range maxTries {
		err := s.try(ctx, accts, build)
		if !errors.Is(err, kv.ErrConflict) {
			return internal(err)
		}
		if err := s.giveWay(ctx, n); err != nil {
			return internal(err)
		}
	}
	return fail(Busy, "the account is being changed too often")
}

// giveWay lets other processes have the account for a moment that grows with
// the number of tries: whoever tries at once again finds them there again.
func (s *Store) giveWay(ctx context.Context, tries int) error {
	if !s.Shared {
		return nil // a conflict within one process is over when it is seen
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(rand.N(time.Millisecond << min(tries, 6))):
		return nil
	}
}

func (s *Store) try(ctx context.Context, accts []*account, build func(b *kv.Batch, edits []*edit) error) error {
	b := new(kv.Batch)
	edits, pending, err := s.submit(ctx, b, accts, build)
	if err != nil || pending == nil {
		return err
	}
	// The outcome must be known: it takes no longer than the disk does.
	if err := pending.Wait(context.WithoutCancel(ctx)); err != nil {
		for _, e := range edits {
			e.drop()
		}
		s.pools.end(edits, false)
		return err
	}
	s.pools.end(edits, true)
	for _, e := range edits {
		e.announce()
	}
	return nil
}

// submit holds the locks of all accounts, in the order of their ids.
func (s *Store) submit(ctx context.Context, b *kv.Batch, accts []*account, build func(b *kv.Batch, edits []*edit) error) (edits []*edit, p kv.Pending, err error) {
	all := make([]*edit, len(accts))
	defer func() {
		if p == nil {
			s.pools.end(all, false)
		}
	}()
	for i, a := range accts {
		a.mu.Lock()
		defer a.mu.Unlock()
		if err := s.load(ctx, a); err != nil {
			return nil, nil, err
		}
		all[i] = s.edit(a, b)
	}
	if err := build(b, all); err != nil {
		return nil, nil, s.verdict(ctx, all, err)
	}
	for _, e := range all {
		if err := e.writeFlags(ctx); err != nil {
			return nil, nil, s.verdict(ctx, all, err)
		}
		e.seal()
	}
	if len(b.Ops) == 0 {
		return nil, nil, s.verdict(ctx, all, nil)
	}
	p = s.KV.Submit(b)
	for _, e := range all {
		e.install(p)
	}
	return all, p, nil
}

// verdict is err (nil: nothing is to be done), unless it was reached on a cache
// that another process has made stale: that is a conflict, as a commit would
// have found.
func (s *Store) verdict(ctx context.Context, edits []*edit, err error) error {
	if !s.Shared || ctx.Err() != nil {
		return err
	}
	for _, e := range edits {
		if e.a.cache == nil { // what it was built on has failed
			err = kv.ErrConflict
			continue
		}
		stale, failed := e.stale(ctx)
		if failed != nil {
			return failed
		}
		if stale {
			e.a.cache, err = nil, kv.ErrConflict
		}
	}
	return err
}

// stale compares the account's state row with the one that the cache holds.
func (e *edit) stale(ctx context.Context) (stale bool, err error) {
	if err := e.settle(ctx); err != nil {
		return false, err
	}
	err = e.s.view(ctx, func(r kv.Reader) error {
		row, ok, err := r.Get(e.a.id, stateKey)
		stale = ok != (e.a.cache.row != nil) || !bytes.Equal(row, e.a.cache.row)
		return err
	})
	return stale, err
}

func (s *Store) edit(a *account, b *kv.Batch) *edit {
	next := *a.cache
	e := &edit{s: s, a: a, b: b, next: &next, modseq: a.cache.state.modseq + 1, first: a.cache.state.nextEmail,
		boxes: make(map[MailboxID]*Mailbox), log: make(map[MailboxID]*logEntry), flags: make(map[MailboxID]*flagRows)}
	if a.cache.row == nil {
		e.writeAll()
	}
	if e.next.state.layout == layoutFirst {
		e.leaveFirstLayout()
	}
	return e
}

// writeAll writes the rows of a new account.
func (e *edit) writeAll() {
	e.register()
	for id := range e.next.boxes {
		e.box(id)
		e.entry(id).properties = true
	}
	for name := range e.next.subs {
		e.b.Set(e.a.id, subscribeKey(name), nil)
	}
}

// settle waits until everything submitted before is durable, so that rows read
// now are the newest. The caller holds the account's lock.
func (e *edit) settle(ctx context.Context) error {
	if e.a.last == nil {
		return nil
	}
	err := e.a.last.Wait(ctx)
	if err != nil && ctx.Err() == nil {
		e.a.cache, e.a.last, e.a.flight, e.a.ids = nil, nil, nil, nil
	}
	return err
}

// box returns a mailbox to be changed; nil if there is none.
func (e *edit) box(id MailboxID) *Mailbox {
	if m, ok := e.boxes[id]; ok {
		return m
	}
	old := e.next.boxes[id]
	if old == nil {
		return nil
	}
	m := *old
	e.boxes[id] = &m
	e.dirty = true
	return &m
}

func (e *edit) entry(id MailboxID) *logEntry {
	l := e.log[id]
	if l == nil {
		l = new(logEntry)
		e.log[id] = l
	}
	return l
}

// seal adds the account's own rows and the condition that nobody else changed them.
func (e *edit) seal() {
	if e.removed {
		e.b.Assert(e.a.id, stateKey, e.a.cache.row)
		return
	}
	if !e.dirty {
		return
	}
	for id, m := range e.boxes {
		l := e.entry(id)
		if m == nil {
			l.properties = true
			e.b.Delete(e.a.id, mailboxKey(id))
			continue
		}
		m.HighestModSeq = e.modseq
		e.b.Set(e.a.id, mailboxKey(id), m.append(make([]byte, 0, 64)))
	}
	head := logHead{e.s.Now().Unix(), e.first, e.a.cache.state.nextMailbox}
	if e.a.cache.row == nil {
		head.nextMailbox = 1
	}
	e.next.state.modseq, e.next.state.mark = e.modseq, rand.Uint64()
	e.next.row = e.next.state.append(make([]byte, 0, 48))
	e.b.Assert(e.a.id, stateKey, e.a.cache.row)
	e.b.Set(e.a.id, stateKey, e.next.row)
	e.b.Set(e.a.id, changeKey(e.modseq), appendLog(nil, head, e.log))
}

// install makes the account's cache what the submitted commit will have made it.
func (e *edit) install(p kv.Pending) {
	if e.removed {
		e.a.cache, e.a.last, e.a.ids = nil, p, nil
		return
	}
	if !e.dirty {
		return
	}
	for id, m := range e.boxes {
		if m == nil {
			delete(e.next.boxes, id)
		} else {
			e.next.boxes[id] = m
		}
	}
	e.a.cache, e.a.last = e.next, p
	if e.reload {
		e.a.cache = nil
	}
	e.a.flight = append(e.a.flight, e.flight...)
	e.a.learnIDs(e.learned)
}

// drop forgets the cache after a commit that failed, unless it was dropped and
// loaded again meanwhile.
func (e *edit) drop() {
	e.a.mu.Lock()
	defer e.a.mu.Unlock()
	if e.a.cache != nil && e.a.cache.state.modseq >= e.modseq || e.removed {
		e.a.cache, e.a.last, e.a.flight, e.a.ids = nil, nil, nil, nil
	}
}

// announce tells everybody of a durable commit.
func (e *edit) announce() {
	if !e.dirty && !e.removed {
		return
	}
	e.a.exists.Store(!e.removed)
	if e.removed || e.reload {
		e.s.forget(e.a.id)
	}
	e.a.landed(e.modseq)
	if e.removed {
		e.a.forgetDurable()
	} else {
		e.a.noteDurable(e.modseq, e.boxes)
	}
	if e.s.Bus != nil {
		e.s.Bus.Publish(e.a.id)
	}
	if e.next.state.nextEmail != e.first {
		e.s.noteTail(e.a.id)
	}
}

func (a *account) forgetDurable() {
	a.seenMu.Lock()
	defer a.seenMu.Unlock()
	clear(a.durable)
	clear(a.at)
}
