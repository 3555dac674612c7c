package mail

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
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
