package mail

import (
	"bytes"
	"context"
	"errors"

	"tem/internal/kv"
)

// Annotations of the server that everybody reads, /shared/… (RFC 5464 §3.2.1.1), lie
// in kv.Accounts with the keys that an account's own have in its partition. Whoever
// sets them sees to it that only administrators do. A row of state counts the
// changes, so that they form one line and are noticed.

// ServerMetadata returns the shared annotations of the server that have one of
// these names, or are below one, in the order of names.
func (s *Store) ServerMetadata(ctx context.Context, names []string, depth Depth) (list []Entry, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		list, err = readNamed(r, kv.Accounts, 0, 0, names, depth)
		return err
	})
	return list, err
}

// SetServerMetadata sets shared annotations of the server and takes those away
// that have no value, all of them or none. Of several for one name the last counts.
func (s *Store) SetServerMetadata(ctx context.Context, entries []Entry) error {
	for _, n := range entries {
		if n.User != 0 {
			return fail(Invalid, "the annotation %s is private, and not set together with those for everybody", n.Name)
		}
	}
	wanted, err := wantedRows(0, entries)
	if err != nil {
		return err
	}
	for {
		err := s.trySetServer(ctx, wanted)
		if !errors.Is(err, kv.ErrConflict) { // else another was faster, and has made progress
			return internal(err)
		}
	}
}

func (s *Store) trySetServer(ctx context.Context, wanted map[string][]byte) error {
	before, row, err := s.serverState(ctx)
	if err != nil {
		return err
	}
	changed, err := s.entriesToSet(ctx, kv.Accounts, wanted)
	if err != nil || len(changed) == 0 {
		return err
	}
	b := new(kv.Batch)
	b.Assert(kv.Accounts, stateKey, row)
	b.Set(kv.Accounts, stateKey, appendUints(nil, before+1))
	writeEntries(b, kv.Accounts, wanted, changed)
	if err := kv.Commit(ctx, s.KV, b); err != nil {
		return err
	}
	if s.Bus != nil {
		s.Bus.Publish(kv.Accounts)
	}
	return nil
}

// ServerChanges is how often annotations of the server were set so far.
func (s *Store) ServerChanges(ctx context.Context) (uint64, error) {
	n, _, err := s.serverState(ctx)
	return n, internal(err)
}

func (s *Store) serverState(ctx context.Context) (changes uint64, row []byte, err error) {
	err = s.view(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.Accounts, stateKey)
		if err != nil || !ok {
			return err
		}
		row = bytes.Clone(val)
		d := &decoder{b: row}
		changes = d.uint()
		return d.err
	})
	return changes, row, err
}

// NotifyServer has fn called whenever annotations of the server have been set,
// as Account.Notify does for an account.
func (s *Store) NotifyServer(fn func()) (stop func()) { return s.Bus.Notify(kv.Accounts, fn) }
