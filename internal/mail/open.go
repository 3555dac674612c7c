package mail

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
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
}

const (
	inlineMax     = 256 << 10
	formatVersion = 1
)

var formatKey = []byte("format")

// Store is the mail of all accounts. Its methods may be called concurrently.
type Store struct {
	Options
	mu       sync.Mutex
	accounts map[kv.Part]*account
	idle     *list.List // *account that nobody uses, the latest used first
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
	if err := checkFormat(ctx, o.KV); err != nil {
		return nil, err
	}
	return &Store{Options: o, accounts: make(map[kv.Part]*account), idle: list.New()}, nil
}

func checkFormat(ctx context.Context, e kv.Engine) error {
	version := 0
	err := e.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.System, formatKey)
		if err != nil || !ok {
			return err
		}
		version, err = strconv.Atoi(string(val))
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("read the store's format version: %w", err)
	case version > formatVersion:
		return fmt.Errorf("the store has format %d, this program knows up to %d: use a newer program", version, formatVersion)
	case version == formatVersion:
		return nil
	}
	b := new(kv.Batch)
	b.Assert(kv.System, formatKey, nil)
	b.Set(kv.System, formatKey, strconv.AppendInt(nil, formatVersion, 10))
	if err := kv.Commit(ctx, e, b); err != nil && !errors.Is(err, kv.ErrConflict) {
		return fmt.Errorf("write the store's format version: %w", err)
	}
	return nil
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
