package mail

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tem/internal/blob"
	"tem/internal/bus"
	"tem/internal/kv"
)

// Options are what a Store stands on.
type Options struct {
	KV        kv.Engine
	Blobs     blob.Store
	Bus       bus.Bus
	Log       *slog.Logger
	Now       func() time.Time // nil: time.Now
	InlineMax int64            // bodies up to this size lie in kv; 0: 256 KiB
	Shared    bool             // other processes use the same KV, so no cache answers a reader
	Keep      time.Duration    // how long the vault keeps what was removed; 0: not at all
	KeepLog   time.Duration    // how far back the change log reaches; 0: 30 days
}

const (
	inlineMax     = 256 << 10
	keepLog       = 30 * 24 * time.Hour
	formatVersion = 6
)

var formatKey = []byte("format")

// Store is the mail of all accounts. Its methods may be called concurrently.
type Store struct {
	Options
	mu       sync.Mutex
	accounts map[kv.Part]*account
	idle     *list.List // *account that nobody uses, the latest used first
	pools    pools
	ids      bodyIDs
	chunks   chunks
	old      atomic.Bool // the store is on its way from format 1: bodies may be where that had them
	indexer
	gatherer
	lists      listShelf
	orders     orderShelf
	orderWorth int // messages; fewer are sorted by their rows

	migrating sync.Mutex // held by migrate
}

// chunks is how many rows of a kind one commit takes at most: what it holds in
// memory and how long it keeps others waiting stay small however many there are.
type chunks struct {
	remove int // messages
	gather int // rows of flags; more than there are of one page
	bury   int // emails that leave the vault
	prune  int // rows of a change log
	move   int // rows of kv.OldBodies
	modern int // messages of format 1
}

// Open checks the format version (writing it into an empty store) and returns the store.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.InlineMax == 0 {
		o.InlineMax = inlineMax
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.KeepLog == 0 {
		o.KeepLog = keepLog
	}
	s := &Store{Options: o, accounts: make(map[kv.Part]*account), idle: list.New()}
	s.gatherer, s.lists, s.orders = newGatherer(), newShelf[mailboxAt, *keptList](maxListed), newShelf[orderAt, *order](maxOrdered)
	s.orderWorth = orderWorth
	s.chunks = chunks{remove: 10000, gather: 10000, bury: 1000, prune: 10000, move: 1000, modern: 200}
	s.pools = pools{s: s, m: make(map[string]*pool), flying: make(map[*edit]bool)}
	return s, s.checkFormat(ctx)
}

// checkFormat reads the format version, writes it into an empty store, and
// notes that a store of format 1 is to be migrated.
func (s *Store) checkFormat(ctx context.Context) error {
	version, migrating := 0, false
	err := s.KV.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.System, formatKey)
		if err != nil || !ok {
			return err
		}
		if version, err = strconv.Atoi(string(val)); err != nil {
			return err
		}
		_, migrating, err = r.Get(kv.System, migrationKey)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("read the store's format version: %w", err)
	case version > formatVersion:
		return fmt.Errorf("the store has format %d, this program knows up to %d: use a newer program", version, formatVersion)
	case version == formatVersion:
		s.old.Store(migrating)
		return nil
	}
	b := new(kv.Batch)
	s.setFormat(b, version, migrating)
	if err := kv.Commit(ctx, s.KV, b); errors.Is(err, kv.ErrConflict) {
		return s.checkFormat(ctx) // another process was faster
	} else if err != nil {
		return fmt.Errorf("write the store's format version: %w", err)
	}
	return nil
}

// setFormat makes a store of format 0 (empty) or of an older one one of today's;
// that of format 1 is marked as being on its way, that of a later one may be so
// already. What format 3 added is missing in older rows and read as not known, and
// to pages, which are new in format 4, rows of single messages are always an
// alternative, and bodies had no heads before format 5 and were in no volumes
// before format 6, so that nothing has to be written anew.
func (s *Store) setFormat(b *kv.Batch, version int, migrating bool) {
	var old []byte
	if version > 0 {
		old = strconv.AppendInt(nil, int64(version), 10)
	}
	if version == 1 {
		b.Set(kv.System, migrationKey, new(migration).row())
	}
	s.old.Store(version == 1 || migrating)
	b.Assert(kv.System, formatKey, old)
	b.Set(kv.System, formatKey, strconv.AppendInt(nil, formatVersion, 10))
}

// view is KV.View with an error for sessions.
func (s *Store) view(ctx context.Context, fn func(kv.Reader) error) error {
	return internal(s.KV.View(ctx, fn))
}

// internal wraps what is not yet an Error.
func internal(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Kind: Internal, Text: "the mail store failed", Err: err}
}

func fail(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}
