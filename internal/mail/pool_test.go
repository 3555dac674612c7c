package mail

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

const domain = "example.org"

// putInPool puts accounts into a pool with room for some messages.
func putInPool(t testing.TB, s *Store, messages int64, ids ...kv.Part) {
	t.Helper()
	if err := s.SetPool(t.Context(), domain, 0, messages); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if err := s.Join(t.Context(), id, domain); err != nil {
			t.Fatal(err)
		}
	}
}

// wantRoom checks a pool's figures and that exactly so many messages more fit in.
func wantRoom(t testing.TB, s *Store, id kv.Part, used, room int64) {
	t.Helper()
	if q := must[Quota](t)(s.Pool(t.Context(), domain)); q.Messages != used {
		t.Errorf("the pool uses %d messages, want %d", q.Messages, used)
	}
	for n := range room + 1 {
		_, err := s.Deliver(t.Context(), body(t, s, text("room", 1)), []Target{{Account: id}}, nil)
		if n == room {
			wantKind(t, err, OverQuota)
		} else if err != nil {
			t.Fatalf("message %d of %d that fit: %v", n+1, room, err)
		}
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	deliver(t, s, text("before", 1), Target{Account: bob})
	putInPool(t, s, 6, alice, bob)
	p := deliver(t, s, text("both", 1), Target{Account: alice}, Target{Account: bob}, Target{Account: bob, Mailbox: "Sent"})
	_, err := s.Deliver(t.Context(), body(t, s, text("nowhere", 1)), []Target{{Account: alice}, {Account: bob, Mailbox: "none"}}, nil)
	wantKind(t, err, NotFound)
	wantRoom(t, s, alice, 3, 3)
	a := s.Account(alice)
	must[[]UID](t)(a.Remove(t.Context(), p[0].Mailbox, []UID{2, 3}))
	wantRoom(t, s, bob, 4, 2)
	if err := s.SetPool(t.Context(), domain, 1, 0); err != nil {
		t.Fatal(err)
	}
	_, err = s.Deliver(t.Context(), body(t, s, text("octets", 1)), []Target{{Account: bob}}, nil)
	wantKind(t, err, OverQuota)
	sound(t, s)
}

// TestPoolMembers: who leaves takes along what it uses, and so does who is deleted.
func TestPoolMembers(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	const carol = bob + 1
	putInPool(t, s, 6, alice, bob, carol)
	for _, id := range []kv.Part{alice, bob, bob, carol, carol, carol} {
		deliver(t, s, text("1", 1), Target{Account: id})
	}
	wantRoom(t, s, alice, 6, 0)
	if err := s.Join(t.Context(), bob, ""); err != nil {
		t.Fatal(err)
	}
	deliver(t, s, text("alone", 1), Target{Account: bob})
	wantRoom(t, s, alice, 4, 2)
	if err := s.DeleteAccount(t.Context(), carol); err != nil {
		t.Fatal(err)
	}
	wantRoom(t, s, alice, 3, 3)
	if err := s.Join(t.Context(), bob, domain); err != nil {
		t.Fatal(err)
	}
	wantRoom(t, s, bob, 9, 0)
	list := must[[]Registered](t)(s.Registered(t.Context()))
	if len(list) != 2 || list[0] != (Registered{ID: alice, Pool: domain}) || list[1].Pool != domain {
		t.Errorf("registered %+v", list)
	}
	wantKind(t, s.SetPool(t.Context(), "", 1, 1), Invalid)
	wantKind(t, s.SetPool(t.Context(), domain, -1, 1), Invalid)
}

// TestPoolFailures: deliveries that came to nothing take nothing.
func TestPoolFailures(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	e := &refusing{Engine: s.KV}
	s.KV = e
	putInPool(t, s, 2, alice, bob)
	deliver(t, s, text("1", 1), Target{Account: alice})
	for _, refuse := range []bool{true, true, false, false} {
		e.on.Store(refuse)
		to := []Target{{Account: alice}}
		if !refuse {
			to = append(to, Target{Account: bob, Mailbox: "none"})
		}
		if _, err := s.Deliver(t.Context(), body(t, s, text("2", 1)), to, nil); err == nil {
			t.Fatal("a delivery that should fail did not")
		}
	}
	e.on.Store(true) // what is not freed after all is not room
	in, _ := listed(t, s.Account(alice), inbox)
	if _, err := s.Account(alice).Remove(t.Context(), in.ID, []UID{1}); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	e.on.Store(false)
	wantRoom(t, s, bob, 1, 1)
}

// TestPoolConcurrently: however many deliver at once, into whichever accounts,
// as many come in as there is room for.
func TestPoolConcurrently(t *testing.T) {
	t.Parallel()
	e := newPebble(t, vfs.NewMem())
	defer e.Close()
	s, _ := newStore(t, e)
	const limit = 40
	ids := []kv.Part{alice, bob, bob + 1, bob + 2}
	putInPool(t, s, limit, ids...)
	var in atomic.Int64
	var wg sync.WaitGroup
	for _, id := range ids {
		for range 2 {
			wg.Go(func() {
				for range limit / 4 {
					_, err := s.Deliver(t.Context(), body(t, s, text("1", 1)), []Target{{Account: id}, {Account: ids[0]}}, nil)
					switch e := new(Error); {
					case err == nil && id == ids[0]:
						in.Add(1)
					case err == nil:
						in.Add(2)
					case !errors.As(err, &e) || e.Kind != OverQuota:
						t.Error(err)
					}
					s.pools.forget() // read again in the midst of it
				}
			})
		}
	}
	wg.Wait()
	q := must[Quota](t)(s.Pool(t.Context(), domain))
	if q.Messages != in.Load() || q.Messages > limit || q.Messages < limit-1 {
		t.Errorf("%d came in, the pool uses %d of %d", in.Load(), q.Messages, limit)
	}
	if n := len(s.pools.flying); n != 0 {
		t.Errorf("%d are said to be in flight", n)
	}
	sound(t, s)
}

// TestPoolInFlight: what is on its way to the disk counts when the pool is read
// again meanwhile, once.
func TestPoolInFlight(t *testing.T) {
	t.Parallel()
	e := &holding{Engine: memory.New()}
	s, c := newStore(t, e)
	s.Shared = true // or else a pool is read once
	putInPool(t, s, 3, alice, bob)
	deliver(t, s, text("1", 1), Target{Account: alice})
	e.hold()
	landed := make(chan error)
	go func() {
		_, err := s.Deliver(t.Context(), body(t, s, text("2", 1)), []Target{{Account: alice}}, nil)
		landed <- err
	}()
	e.await(1)
	for range 2 {
		c.t = c.t.Add(2 * poolAge)
		_, err := s.Deliver(t.Context(), body(t, s, text("3", 1)), []Target{{Account: bob}, {Account: bob + 1, Mailbox: "none"}}, nil)
		wantKind(t, err, NotFound)
		s.pools.mu.Lock()
		if q := s.pools.current(domain).quota; q.Messages != 2 {
			t.Errorf("with one in flight %d count, want 2", q.Messages)
		}
		s.pools.mu.Unlock()
	}
	e.release()
	if err := <-landed; err != nil {
		t.Fatal(err)
	}
	wantRoom(t, s, bob, 2, 1)
}

// TestPoolSeenEarly: what is durable already, though nobody has been told, is
// not counted once more when the pool is read again.
func TestPoolSeenEarly(t *testing.T) {
	t.Parallel()
	e := &holding{Engine: memory.New(), news: true}
	s, c := newStore(t, e)
	s.Shared = true // or else a pool is read once
	putInPool(t, s, 9, alice, bob)
	deliver(t, s, text("1", 1), Target{Account: alice})
	counts := func(want int64) {
		t.Helper()
		s.pools.mu.Lock()
		defer s.pools.mu.Unlock()
		if q := s.pools.current(domain).quota; q.Messages != want {
			t.Errorf("%d count, want %d", q.Messages, want)
		}
	}
	for _, step := range []struct {
		do   func() error
		then int64
	}{
		{func() error {
			_, err := s.Deliver(t.Context(), body(t, s, text("2", 1)), []Target{{Account: alice}}, nil)
			return err
		}, 2},
		{func() error { _, err := s.Account(alice).Remove(t.Context(), 1, []UID{1}); return err }, 1},
	} {
		e.hold()
		done := make(chan error)
		go func() { done <- step.do() }()
		e.await(1)
		c.t = c.t.Add(2 * poolAge)
		counts(step.then)
		e.release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		counts(step.then)
	}
}

// TestPoolOfOthers: what another process lets in is known a minute later.
func TestPoolOfOthers(t *testing.T) {
	t.Parallel()
	e := memory.New()
	one, c := newStore(t, e)
	two, _ := newStore(t, e)
	one.Shared, two.Shared, two.Now = true, true, c.now
	putInPool(t, one, 3, alice, bob)
	deliver(t, one, text("1", 1), Target{Account: alice}) // both have read the pool now
	deliver(t, two, text("2", 1), Target{Account: bob})
	deliver(t, one, text("3", 1), Target{Account: alice})
	c.t = c.t.Add(poolAge - time.Second)
	deliver(t, one, text("not known yet", 1), Target{Account: alice})
	must[[]UID](t)(one.Account(alice).Remove(t.Context(), 1, []UID{1}))
	c.t = c.t.Add(time.Second)
	wantRoom(t, one, alice, 3, 0)
	wantRoom(t, two, bob, 3, 0)
}
