package mail

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// TestConcurrent changes two accounts from many sides; in the end the totals
// must agree with the messages.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	e := newPebble(t, vfs.NewMem())
	defer e.Close()
	s, _ := newStore(t, e)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	const rounds = 30
	var wg sync.WaitGroup
	each := func(fn func() error) {
		wg.Go(func() {
			for range rounds {
				if err := fn(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, to := range [][]Target{{{Account: alice}, {Account: bob}}, {{Account: bob}, {Account: alice}}, {{Account: alice}}} {
		each(func() error {
			_, err := s.Deliver(t.Context(), body(t, s, text("c", 20)), to, nil)
			return err
		})
	}
	all := make([]UID, 3*rounds)
	for i := range all {
		all[i] = UID(i + 1)
	}
	each(func() error {
		_, _, err := a.Store(t.Context(), in.ID, all, AddFlags, Seen, nil, 0)
		return err
	})
	each(func() error { _, err := a.Remove(t.Context(), in.ID, all[:10]); return err })
	each(func() error { _, err := a.Move(t.Context(), in.ID, all[10:20], "Trash"); return err })
	wg.Wait()
	checkTotals(t, a, 3*rounds)
	checkTotals(t, s.Account(bob), 2*rounds)
}

func checkTotals(t *testing.T, a *Account, delivered UID) {
	t.Helper()
	m, items := listed(t, a, inbox)
	unseen := uint32(0)
	for _, i := range items {
		if i.Flags&Seen == 0 {
			unseen++
		}
	}
	if m.UIDNext != delivered+1 || int(m.Messages) != len(items) || m.Unseen != unseen {
		t.Errorf("%+v with %d messages, %d unseen", m, len(items), unseen)
	}
}

// TestFailedCommit: what failed is not remembered.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	e := &refusing{Engine: s.KV}
	s.KV = e
	deliver(t, s, text("1", 1), Target{Account: alice})
	e.on.Store(true)
	_, err := s.Deliver(t.Context(), body(t, s, text("2", 1)), []Target{{Account: alice}}, nil)
	wantKind(t, err, Internal)
	if !errors.Is(err, errRefused) {
		t.Errorf("the cause is lost: %v", err)
	}
	e.on.Store(false)
	if p := deliver(t, s, text("3", 1), Target{Account: alice}); p[0].UID != 2 {
		t.Errorf("uid %d after a failed delivery, want 2", p[0].UID)
	}
	if m, items := listed(t, s.Account(alice), inbox); m.Messages != 2 || len(items) != 2 {
		t.Errorf("%+v %+v", m, items)
	}
}

// TestSettleAfterConflict: who waits for a commit that fails because another
// process was faster tries again, and so does whoever comes later.
func TestSettleAfterConflict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &holding{Engine: memory.New()}
		s, _ := newStore(t, e)
		other, _ := newStore(t, e.Engine)
		s.Shared, other.Shared = true, true
		a := s.Account(alice)
		deliver(t, s, text("1", 1), Target{Account: alice})
		e.hold()
		var wg sync.WaitGroup
		for _, f := range []Flags{Seen, Flagged} {
			wg.Go(func() {
				if _, _, err := a.Store(t.Context(), 1, []UID{1}, AddFlags, f, nil, 0); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait() // the first is held, the second waits for the first
		}
		deliver(t, other, text("2", 1), Target{Account: alice})
		e.release()
		wg.Wait()
		must[Mailbox](t)(a.Create(t.Context(), "x", ""))
		if m, items := listed(t, a, inbox); len(items) != 2 || items[0].Flags != Seen|Flagged || m.Messages != 2 {
			t.Errorf("%+v %+v", m, items)
		}
		sound(t, s)
	})
}

// TestTwins: two processes make a commit each that leaves an account with the
// same figures. One of them fails, and so must what was built upon it.
func TestTwins(t *testing.T) {
	t.Parallel()
	e := &holding{Engine: memory.New()}
	s, _ := newStore(t, e)
	other, _ := newStore(t, e.Engine)
	s.Shared, other.Shared = true, true
	for range 2 {
		deliver(t, s, text("1", 1), Target{Account: alice})
	}
	flag := func(s *Store, uid UID, f Flags) {
		if _, _, err := s.Account(alice).Store(t.Context(), 1, []UID{uid}, AddFlags, f, nil, 0); err != nil {
			t.Error(err)
		}
	}
	e.hold()
	var wg sync.WaitGroup
	wg.Go(func() { flag(s, 1, Seen) })
	e.await(1)
	wg.Go(func() { deliver(t, s, text("2", 1), Target{Account: alice}) })
	e.await(2)
	flag(other, 2, Deleted)
	e.release()
	wg.Wait()
	if m, items := listed(t, s.Account(alice), inbox); len(items) != 3 || items[0].Flags != Seen || items[1].Flags != Deleted || m.Unseen != 2 {
		t.Errorf("%+v %+v", m, items)
	}
	sound(t, s)
}

// TestTwoProcesses changes one account by two stores at once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	e := newPebble(t, vfs.NewMem())
	defer e.Close()
	one, _ := newStore(t, e)
	two, _ := newStore(t, e)
	const rounds = 20
	var wg sync.WaitGroup
	for _, s := range []*Store{one, two} {
		s.Shared, s.Keep = true, month
		a := s.Account(alice)
		each := func(fn func(n int) error) {
			wg.Go(func() {
				for n := range rounds {
					if err := retried(func() error { return fn(n) }); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		each(func(int) error {
			_, err := s.Deliver(t.Context(), body(t, s, text("1", 1)), []Target{{Account: alice}, {Account: bob}}, nil)
			return err
		})
		each(func(n int) error {
			_, _, err := a.Store(t.Context(), 1, []UID{UID(n), UID(n + 1)}, AddFlags, Deleted, []string{fmt.Sprint("k", n)}, 0)
			return err
		})
		each(func(n int) error { _, err := a.Expunge(t.Context(), 1, []UID{UID(n / 2)}); return err })
		each(func(n int) error { _, err := a.Move(t.Context(), 1, []UID{UID(n + rounds)}, "Trash"); return err })
	}
	wg.Wait()
	m, items := listed(t, one.Account(alice), inbox)
	trash, moved := listed(t, two.Account(alice), "Trash")
	if kept := vaultOf(t, two.Account(alice)); len(items)+len(moved)+len(kept) != 2*rounds || m.UIDNext != 2*rounds+1 {
		t.Errorf("%d messages, %d moved, %d in the vault, UIDNEXT %d and %d", len(items), len(moved), len(kept), m.UIDNext, trash.UIDNext)
	}
	sound(t, one)
}

// retried does again what was refused because too many were at it.
func retried(fn func() error) error {
	for {
		err := fn()
		if e := new(Error); !errors.As(err, &e) || e.Kind != Busy {
			return err
		}
	}
}

// TestIdleAccounts: no more accounts stay in memory than are allowed, and those
// that went come back.
func TestIdleAccounts(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for i := range kv.Part(maxIdle + 10) {
		s.release(s.acquire(alice + i))
	}
	held := s.acquire(alice)
	if len(s.accounts) != maxIdle+1 || s.idle.Len() != maxIdle {
		t.Errorf("%d accounts, %d idle", len(s.accounts), s.idle.Len())
	}
	if s.acquire(alice) != held {
		t.Error("an account in use exists twice")
	}
}
