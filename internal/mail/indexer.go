package mail

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"tem/internal/fulltext"
	"tem/internal/kv"
)

// The text index of an account is brought up to date when so much is not in it
// and no more is coming; a search reads what is not. While mail pours in,
// receiving it is more urgent, and what is indexed at once costs less.
const (
	indexEmails = 256
	indexBytes  = 2 << 20
	// But it does not wait for the end of the mail once this many times as much is not indexed, or
	indexMuch = 16
	// so long after there was enough.
	indexPatience = 30 * time.Second
)

// indexPause is how long the indexer rests between two rounds.
const indexPause = time.Second

// indexer keeps the text indexes of all accounts up to date, in the background:
// it holds no lock that a delivery needs. It is part of the Store.
type indexer struct {
	made    sync.Once
	text    *fulltext.Index
	members memberCache
	log     *slog.Logger
	batch   int // emails that are indexed together, and worth it

	queueMu sync.Mutex
	due     map[kv.Part]task
	wake    chan struct{} // one token: due is not empty
	tails   map[kv.Part]tail
}

// task is what is to be done for an account.
type task struct {
	rebuild bool
	fresh   bool      // mail has come since the last round
	since   time.Time // when there was enough to index, if that was put off
}

// textIndex is the store's indexer, made at first use.
func (s *Store) textIndex() *indexer {
	ix := &s.indexer
	ix.made.Do(func() {
		ix.text, ix.log, ix.batch, ix.wake = fulltext.New(s.KV), s.Log, indexEmails, make(chan struct{}, 1)
		ix.due, ix.tails = make(map[kv.Part]task), make(map[kv.Part]tail)
	})
	return ix
}

// noteTail says that mail has come to an account. It does not wait.
func (s *Store) noteTail(account kv.Part) { s.textIndex().enqueue(account, task{fresh: true}) }

// note says that an account may have messages to index.
func (ix *indexer) note(account kv.Part) { ix.enqueue(account, task{}) }

// reportDamage has an index made again.
func (ix *indexer) reportDamage(account kv.Part, err error) {
	ix.log.Warn("the text index can't be used and will be made again", "account", account, "err", err)
	ix.enqueue(account, task{rebuild: true})
}

func (ix *indexer) enqueue(account kv.Part, t task) {
	ix.queueMu.Lock()
	before := ix.due[account]
	t.rebuild, t.fresh = t.rebuild || before.rebuild, t.fresh || before.fresh
	if t.since.IsZero() {
		t.since = before.since
	}
	ix.due[account] = t
	ix.queueMu.Unlock()
	select {
	case ix.wake <- struct{}{}:
	default:
	}
}

// take waits until there is something to do and returns all of it; ok is false when ctx has ended.
func (ix *indexer) take(ctx context.Context) (due map[kv.Part]task, ok bool) {
	select {
	case <-ctx.Done():
		return nil, false
	case <-ix.wake:
	}
	ix.queueMu.Lock()
	defer ix.queueMu.Unlock()
	due, ix.due = ix.due, make(map[kv.Part]task)
	return due, true
}

// runIndexer indexes what is noted until ctx ends. It looks at an account no
// more often than once in indexPause, however much is delivered.
func (s *Store) runIndexer(ctx context.Context) {
	ix := s.textIndex()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		due, ok := ix.take(ctx)
		if !ok {
			return
		}
		b := fulltext.NewBuilder()
		for account, t := range due {
			s.runTask(ctx, account, t, b)
		}
		pause.Reset(indexPause)
	}
}

// runTask does what is to be done for an account; b is only memory.
func (s *Store) runTask(ctx context.Context, account kv.Part, t task, b *fulltext.Builder) {
	ix := s.textIndex()
	err := s.indexAccount(ctx, account, t, b)
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, kv.ErrConflict): // another node was faster
		ix.note(account)
	case fulltext.IsDamaged(err) && !t.rebuild:
		ix.reportDamage(account, err)
	default:
		ix.log.Warn("indexing failed and will be tried again after the next delivery", "account", account, "err", err)
	}
}

func (s *Store) indexAccount(ctx context.Context, account kv.Part, t task, b *fulltext.Builder) error {
	if t.rebuild {
		return s.RebuildIndex(ctx, account)
	}
	switch amount, err := s.unindexed(ctx, account); {
	case err != nil || amount == little:
		return err
	case amount == enough && t.fresh && (t.since.IsZero() || time.Since(t.since) < indexPatience):
		s.textIndex().putOff(account, t)
		return nil
	}
	return s.updateIndex(ctx, account, b)
}

// putOff leaves an account to a later round.
func (ix *indexer) putOff(account kv.Part, t task) {
	if t.since.IsZero() {
		t.since = time.Now()
	}
	ix.enqueue(account, task{since: t.since})
}

// updateIndex indexes all that is not; b is only memory.
func (s *Store) updateIndex(ctx context.Context, account kv.Part, b *fulltext.Builder) error {
	for {
		more, err := s.indexBatch(ctx, account, b)
		if err != nil {
			return err
		}
		if err := s.mergeIndex(ctx, account); err != nil {
			return err
		}
		if !more {
			return nil
		}
		runtime.Gosched() // nobody waits for this
	}
}

// RebuildIndex makes an account's text index anew.
func (s *Store) RebuildIndex(ctx context.Context, account kv.Part) error {
	if err := s.DropIndex(ctx, account); err != nil {
		return err
	}
	return internal(s.updateIndex(ctx, account, fulltext.NewBuilder()))
}

// DropIndex removes an account's text index. Searches read the messages until
// there is a new one.
func (s *Store) DropIndex(ctx context.Context, account kv.Part) error {
	return internal(s.textIndex().text.Drop(ctx, account))
}

// mergeIndex merges segments until there are few.
func (s *Store) mergeIndex(ctx context.Context, account kv.Part) error {
	for {
		var st *fulltext.State
		err := s.KV.View(ctx, func(r kv.Reader) (err error) {
			st, err = fulltext.Load(r, account)
			return err
		})
		if err != nil {
			return err
		}
		alive := func(lo, hi uint32) (fulltext.Docs, error) { return s.emailsOf(ctx, account, lo, hi) }
		if merged, err := s.textIndex().text.Merge(ctx, account, st, alive); err != nil || !merged {
			return err
		}
	}
}

// emailsOf are the emails lo <= e < hi that are in any mailbox.
func (s *Store) emailsOf(ctx context.Context, account kv.Part, lo, hi uint32) (fulltext.Docs, error) {
	set := fulltext.NewDocs(hi)
	err := s.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(account, emailPrefix(EmailID(lo)), emailPrefix(EmailID(hi)), kv.ScanOptions{}, func(key, _ []byte) error {
			email, _, _ := instanceOf(key)
			set.Add(uint32(email))
			return nil
		})
	})
	return set, err
}
