package mail

import (
	"context"

	"tem/internal/kv"
)

// Annotations of the server that everybody reads, /shared/… (RFC 5464 §3.2.1.1), lie
// in kv.Accounts with the keys that an account's own have in its partition. Whoever
// sets them sees to it that only administrators do.

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
// that have no value, all of them or none. Of several for one name the last
// counts, as of two calls at the same time; these may together go beyond the
// limits by what one of them sets.
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
	changed, err := s.entriesToSet(ctx, kv.Accounts, wanted)
	if err != nil || len(changed) == 0 {
		return err
	}
	b := new(kv.Batch)
	writeEntries(b, kv.Accounts, wanted, changed)
	return internal(kv.Commit(ctx, s.KV, b))
}
