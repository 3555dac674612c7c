package mail

import (
	"errors"
	"testing"
	"time"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// nothingLeft finds rows of an account, wherever they are, and of any body.
func nothingLeft(t testing.TB, s *Store, id kv.Part) {
	t.Helper()
	parts := []kv.Part{kv.Queue, kv.OldBodies, kv.Accounts, id}
	for p := range kv.Part(kv.BodyParts) {
		parts = append(parts, kv.FirstBodies+p)
	}
	err := s.view(t.Context(), func(r kv.Reader) (err error) {
		for _, p := range parts {
			err = errors.Join(err, r.Scan(p, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
				t.Errorf("partition %d still has %q", p, key)
				return nil
			}))
		}
		return errors.Join(err, s.Blobs.List(t.Context(), func(i blob.Info) error {
			t.Errorf("body %s is left", i.ID)
			return nil
		}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fillAccount gives an account something of everything.
func fillAccount(t testing.TB, s *Store) {
	a := s.Account(alice)
	must[Mailbox](t)(a.Create(t.Context(), "x/y", ""))
	for n := range 7 {
		to := Target{Account: alice, Mailbox: []string{"x", "x/y", inbox}[n%3], Flags: Seen}
		deliver(t, s, letter("1", "", "tea")+text("1", 1500*n), to, Target{Account: alice, Mailbox: "Sent"})
	}
	must[[]UID](t)(a.Remove(t.Context(), 1, []UID{1, 2, 3}))
	sent, _ := listed(t, a, "Sent")
	must[[]UID](t)(a.Remove(t.Context(), sent.ID, []UID{1, 2, 3, 4, 5}))
	grant(t, a, 1, "bob", "lr")
	grant(t, a, sent.ID, "bob", "-w")
	a.Subscribe(t.Context(), "elsewhere", true)
	for _, id := range []MailboxID{0, sent.ID} {
		if err := a.SetMetadata(t.Context(), id, []Entry{{"/private/comment", alice, []byte("mine")}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Join(t.Context(), alice, "pool"); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
}

// TestDeleteAccountInterrupted: an account whose deletion has begun goes to the
// last row, whenever it was interrupted.
func TestDeleteAccountInterrupted(t *testing.T) {
	t.Parallel()
	prepare := func(s *Store) { fillAccount(t, s) }
	do := func(s *Store) error { return s.DeleteAccount(t.Context(), alice) }
	begun := 0
	afterEach(t, prepare, do, func(t *testing.T, s *Store, c *clock) {
		list := must[[]Registered](t)(s.Registered(t.Context()))
		if len(list) == 1 && !list[0].Doomed {
			sound(t, s)
			return
		}
		begun++
		for range 2 {
			if err := s.keepHouse(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.t = c.t.Add(3 * 24 * time.Hour)
		}
		nothingLeft(t, s, alice)
	})
	if begun < 6 {
		t.Errorf("interrupted %d times", begun)
	}
}

// TestDeleteAccountTwice: it is no error to delete what is not there, and
// leaves nothing.
func TestDeleteAccountTwice(t *testing.T) {
	t.Parallel()
	s, c := vaultStore(t)
	fillAccount(t, s)
	for range 2 {
		if err := s.DeleteAccount(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
	}
	c.t = c.t.Add(3 * 24 * time.Hour)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, alice)
}

// TestUIDsAfterDeletion: an account made again repeats no UIDVALIDITY, so that
// none of its messages is taken for an old one.
func TestUIDsAfterDeletion(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	used := make(map[uint32]bool)
	for range 3 {
		for _, m := range must[[]Mailbox](t)(s.Account(alice).Mailboxes(t.Context())) {
			if used[m.UIDValidity] {
				t.Errorf("%s has UIDVALIDITY %d, used before", m.Name, m.UIDValidity)
			}
			used[m.UIDValidity] = true
		}
		c.t = c.t.Add(time.Minute)
		if err := s.DeleteAccount(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLateDelivery: a message that comes while the account is being deleted
// goes with it, and its body too.
func TestLateDelivery(t *testing.T) {
	t.Parallel()
	for n := range 5 {
		e := &meddling{Engine: memory.New()}
		s, c := newStore(t, e)
		s.Keep, s.chunks.remove = month, 3
		fillAccount(t, s)
		other, _ := newStore(t, e.Engine)
		other.Blobs = s.Blobs
		e.before(n, func() { deliver(t, other, text("late", 9000), Target{Account: alice}) })
		if err := s.DeleteAccount(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if n == 0 && e.meddle != nil {
			t.Error("there was nothing to come too late for")
		}
		c.t = c.t.Add(3 * 24 * time.Hour)
		if err := s.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, s, alice)
	}
}

// TestHouseIsNotMade: housekeeping does not make an account that is deleted
// while it goes round.
func TestHouseIsNotMade(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	fillAccount(t, s)
	a := s.Account(alice)
	if err := s.DeleteAccount(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{a.pruneLog(t.Context(), s.Now()), a.purgeVault(t.Context(), s.Now()), a.empty(t.Context(), &Mailbox{ID: 1})} {
		if !errors.Is(err, errGone) {
			t.Errorf("got %v", err)
		}
	}
	if list := must[[]Registered](t)(s.Registered(t.Context())); len(list) != 0 {
		t.Errorf("there is %+v", list)
	}
}
