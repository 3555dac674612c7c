package mail

import (
	"errors"
	"slices"
	"testing"
	"time"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// reopened is another store on the same engines, as after a crash.
func reopened(t testing.TB, s *Store, e *stopping) *Store {
	t.Helper()
	o := s.Options
	o.KV = e.Engine
	again, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	again.chunks = s.chunks
	return again
}

// stoppingStore is a store that keeps what was removed, works in small chunks,
// and stops for good when e has no commits left.
func stoppingStore(t testing.TB) (*Store, *stopping, *clock) {
	t.Helper()
	e := &stopping{Engine: memory.New()}
	e.left.Store(1 << 30)
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, err := Open(t.Context(), Options{KV: e, Blobs: blobmemory.New(), Now: c.now, InlineMax: 4096, Keep: month})
	if err != nil {
		t.Fatal(err)
	}
	s.chunks = chunks{remove: 3, bury: 3, prune: 3, move: 3, modern: 3}
	return s, e, c
}

// afterEach runs do with an engine that stops after 0, 1, 2, … commits, on a
// store that prepare has filled, until it does without a stop; check sees the
// store that was opened afterwards.
func afterEach(t *testing.T, prepare func(*Store), do func(*Store) error, check func(*testing.T, *Store, *clock)) {
	for n := int64(0); ; n++ {
		s, e, c := stoppingStore(t)
		prepare(s)
		e.left.Store(n)
		err := do(s)
		if err != nil && !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
		check(t, reopened(t, s, e), c)
		if t.Failed() {
			t.Fatalf("stopped after %d commits", n)
		}
		if err == nil {
			if n < 4 {
				t.Errorf("it took %d commits: too few to see anything", n)
			}
			return
		}
	}
}

// TestDeleteInterrupted: a mailbox is gone with the first commit of its
// deletion, and housekeeping finishes what a crash interrupted.
func TestDeleteInterrupted(t *testing.T) {
	t.Parallel()
	var old Mailbox
	prepare := func(s *Store) {
		a := s.Account(alice)
		old = must[Mailbox](t)(a.Create(t.Context(), "huge", ""))
		grant(t, a, old.ID, "bob", "lr")
		for n := range 8 {
			deliver(t, s, text("1", 1000*n), Target{Account: alice, Mailbox: "huge"})
		}
		deliver(t, s, text("two", 1), Target{Account: alice, Mailbox: "huge"}, Target{Account: alice, Mailbox: "Sent"})
	}
	do := func(s *Store) error { return s.Account(alice).Delete(t.Context(), "huge") }
	afterEach(t, prepare, do, func(t *testing.T, s *Store, c *clock) {
		sound(t, s)
		a := s.Account(alice)
		if _, err := a.Mailbox(t.Context(), "huge"); err == nil {
			return // not even begun
		}
		if err := s.keepHouse(t.Context()); err != nil {
			t.Fatal(err)
		}
		sound(t, s)
		err := s.view(t.Context(), func(r kv.Reader) error {
			return r.Scan(alice, []byte{keyDoomed}, []byte{keyDoomed + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
				t.Errorf("still to be emptied: %x", key)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		kept := vaultOf(t, a)
		if len(kept) != 8 || slices.ContainsFunc(kept, func(b Buried) bool { return b.Mailbox != "huge" }) {
			t.Errorf("in the vault: %d", len(kept))
		}
		if q := must[Quota](t)(a.Quota(t.Context())); q.Messages != 1 {
			t.Errorf("quota %+v", q)
		}
		if _, err := a.Restore(t.Context(), idsOf(kept)); err != nil {
			t.Error(err)
		}
		again := must[Mailbox](t)(a.Create(t.Context(), "huge", ""))
		if again.ID <= old.ID || again.UIDValidity <= old.UIDValidity || len(sharedWith(t, s, "bob")) > 0 {
			t.Errorf("made again: %+v, was %+v", again, old)
		}
		sound(t, s)
	})
}

// TestExpungeInterrupted: each message is either there or gone whole.
func TestExpungeInterrupted(t *testing.T) {
	t.Parallel()
	prepare := func(s *Store) {
		for range 11 {
			deliver(t, s, text("1", 1), Target{Account: alice, Flags: Deleted})
		}
		deliver(t, s, text("2", 1), Target{Account: alice})
	}
	do := func(s *Store) error {
		m, _ := listed(t, s.Account(alice), inbox)
		gone, err := s.Account(alice).Expunge(t.Context(), m.ID, nil)
		if err == nil && len(gone) != 11 {
			t.Errorf("expunged %v", gone)
		}
		return err
	}
	afterEach(t, prepare, do, func(t *testing.T, s *Store, _ *clock) {
		a := s.Account(alice)
		_, items := listed(t, a, inbox)
		if len(items)+len(vaultOf(t, a)) != 12 {
			t.Errorf("%d messages, %d in the vault", len(items), len(vaultOf(t, a)))
		}
		sound(t, s)
	})
}

// TestRemoveNothing: no uids are not all of them.
func TestRemoveNothing(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	p := deliver(t, s, text("1", 1), Target{Account: alice, Flags: Deleted})[0]
	a := s.Account(alice)
	for _, uids := range [][]UID{nil, {}, {7}} {
		if gone := must[[]UID](t)(a.Remove(t.Context(), p.Mailbox, uids)); len(gone) != 0 {
			t.Errorf("removed %v of %v", gone, uids)
		}
	}
	if gone := must[[]UID](t)(a.Expunge(t.Context(), p.Mailbox, []UID{})); len(gone) != 0 {
		t.Errorf("expunged %v", gone)
	}
	_, err := a.Remove(t.Context(), 99, []UID{1})
	wantKind(t, err, NotFound)
}
