package mail

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

const month = 30 * 24 * time.Hour

// vaultStore is a store that keeps what was removed for a month.
func vaultStore(t testing.TB) (*Store, *clock) {
	t.Helper()
	s, c := newStore(t, memory.New())
	s.Keep = month
	return s, c
}

// sound checks the whole store; nothing in it may contradict anything else.
func sound(t testing.TB, s *Store) {
	t.Helper()
	_, err := s.Check(t.Context(), CheckOptions{Problem: func(p Problem) { t.Errorf("account %d: %s", p.Account, p.Text) }})
	if err != nil {
		t.Fatal(err)
	}
}

func vaultOf(t testing.TB, a *Account) []Buried {
	t.Helper()
	return must[[]Buried](t)(a.Vault(t.Context()))
}

// idsOf are the emails in the vault.
func idsOf(buried []Buried) (ids []EmailID) {
	for _, b := range buried {
		ids = append(ids, b.Email)
	}
	return ids
}

// TestBury: an email goes into the vault when it leaves its last mailbox, and
// not before, in whichever way.
func TestBury(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	archive, _ := listed(t, a, "Archive")
	deliver(t, s, text("two", 1), Target{Account: alice}, Target{Account: alice, Mailbox: "Archive"})
	deliver(t, s, text("twice", 1), Target{Account: alice}, Target{Account: alice})
	if n := vaultOf(t, a); len(n) != 0 {
		t.Fatalf("after deliveries: %+v", n)
	}
	must[[]UID](t)(a.Remove(t.Context(), in.ID, []UID{1, 2}))
	if n := vaultOf(t, a); len(n) != 0 {
		t.Errorf("removed from one place of two: %+v", n)
	}
	must[Copied](t)(a.Move(t.Context(), archive.ID, []UID{1}, "Trash"))
	if n := vaultOf(t, a); len(n) != 0 {
		t.Errorf("moved: %+v", n)
	}
	trash, _ := listed(t, a, "Trash")
	a.Store(t.Context(), trash.ID, []UID{1}, AddFlags, Deleted|Seen, []string{"work"}, 0)
	must[[]UID](t)(a.Expunge(t.Context(), trash.ID, nil))
	must[[]UID](t)(a.Remove(t.Context(), in.ID, []UID{3}))
	kept := vaultOf(t, a)
	if len(kept) != 2 || kept[0].Mailbox != "Trash" || kept[1].Mailbox != inbox {
		t.Fatalf("removed from everywhere: %+v", kept)
	}
	if b := kept[0]; b.Flags != Deleted|Seen || !slices.Equal(b.Keywords, []string{"work"}) || !b.Removed.Equal(s.Now()) || b.Meta.UID != 1 {
		t.Errorf("kept %+v", b)
	}
	if q := must[Quota](t)(a.Quota(t.Context())); q != (Quota{}) {
		t.Errorf("the vault counts against the quota: %+v", q)
	}
	sound(t, s)
}

// TestBuryBoth: an email that is in a mailbox twice and leaves it at once is
// kept once.
func TestBuryBoth(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	p := deliver(t, s, text("twice", 1), Target{Account: alice}, Target{Account: alice})
	must[[]UID](t)(a.Remove(t.Context(), p[0].Mailbox, []UID{1, 2}))
	if kept := vaultOf(t, a); len(kept) != 1 || kept[0].Email != p[0].EmailID {
		t.Errorf("%+v", kept)
	}
	sound(t, s)
}

func TestRestore(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	must[Mailbox](t)(a.Create(t.Context(), "box", ""))
	p := deliver(t, s, text("1", 9000), Target{Account: alice, Mailbox: "box", Flags: Flagged | Deleted, Keywords: []string{"x", "work"}})[0]
	must[[]UID](t)(a.Expunge(t.Context(), p.Mailbox, nil))
	if err := s.SetQuota(t.Context(), alice, 1000, 0); err != nil {
		t.Fatal(err)
	}
	back, err := a.Restore(t.Context(), []EmailID{p.EmailID})
	wantKind(t, err, OverQuota)
	if len(back) != 0 || len(vaultOf(t, a)) != 1 {
		t.Fatalf("refused, and brought back %+v", back)
	}
	s.SetQuota(t.Context(), alice, 0, 0)
	back = must[[]Placed](t)(a.Restore(t.Context(), []EmailID{p.EmailID, 77}))
	if len(back) != 1 || back[0].Mailbox != p.Mailbox || back[0].UID != 2 || back[0].EmailID <= p.EmailID {
		t.Fatalf("brought back %+v, was %+v", back, p)
	}
	m, items := listed(t, a, "box")
	if len(items) != 1 || items[0].Flags != Flagged|1<<FirstKeyword|2<<FirstKeyword || readAll(t, a, m.ID, 2) != text("1", 9000) {
		t.Errorf("%+v %+v", m, items)
	}
	if q := must[Quota](t)(a.Quota(t.Context())); q.Messages != 1 || q.Bytes != int64(len(text("1", 9000))) {
		t.Errorf("quota %+v", q)
	}
	if again := must[[]Placed](t)(a.Restore(t.Context(), []EmailID{p.EmailID})); len(again) != 0 || len(vaultOf(t, a)) != 0 {
		t.Errorf("brought back twice: %+v", again)
	}
	sound(t, s)
}

// TestRestoreOfDeletedMailbox: what a deleted mailbox held is kept under its
// name and comes back into INBOX, with its keywords.
func TestRestoreOfDeletedMailbox(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	must[Mailbox](t)(a.Create(t.Context(), "a/b", ""))
	deliver(t, s, text("1", 1), Target{Account: alice, Mailbox: "a/b", Keywords: []string{"k", "l"}})
	deliver(t, s, text("2", 1), Target{Account: alice, Mailbox: "a/b"}, Target{Account: alice, Mailbox: "Sent"})
	deliver(t, s, text("3", 1), Target{Account: alice, Keywords: []string{"l"}})
	if err := a.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	kept := vaultOf(t, a)
	if len(kept) != 1 || kept[0].Mailbox != "a/b" || kept[0].Email != 1 {
		t.Fatalf("kept %+v", kept)
	}
	must[[]Placed](t)(a.Restore(t.Context(), idsOf(kept)))
	m, items := listed(t, a, inbox)
	if len(items) != 2 || !slices.Equal(m.keywordsOf(items[1].Flags), []string{"l", "k"}) || readAll(t, a, m.ID, 2) != text("1", 1) {
		t.Errorf("INBOX %+v %+v", m, items)
	}
	sound(t, s)
}

// bodyRows counts what is left in the partitions of bodies.
func bodyRows(t testing.TB, s *Store) (n int) {
	t.Helper()
	err := s.view(t.Context(), func(r kv.Reader) error {
		for p := range kv.Part(kv.BodyParts) {
			if err := r.Scan(kv.FirstBodies+p, nil, nil, kv.ScanOptions{}, func(_, _ []byte) error { n++; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPurgeVault(t *testing.T) {
	t.Parallel()
	s, c := vaultStore(t)
	s.chunks.bury = 2
	a := s.Account(alice)
	for range 5 {
		p := deliver(t, s, text("old", 9000), Target{Account: alice})[0]
		must[[]UID](t)(a.Remove(t.Context(), p.Mailbox, []UID{p.UID}))
	}
	c.t = c.t.Add(month / 2)
	p := deliver(t, s, text("new", 1), Target{Account: alice})[0]
	must[[]UID](t)(a.Remove(t.Context(), p.Mailbox, []UID{p.UID}))
	for _, step := range []struct {
		later time.Duration
		want  int
	}{{0, 6}, {month / 2, 6}, {time.Second, 1}, {month / 2, 0}} {
		c.t = c.t.Add(step.later)
		if err := s.keepHouse(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept := vaultOf(t, a); len(kept) != step.want || step.want > 0 && kept[step.want-1].Email != p.EmailID {
			t.Errorf("%v: %d emails in the vault, want %d", c.t, len(kept), step.want)
		}
		sound(t, s)
	}
	c.t = c.t.Add(3 * 24 * time.Hour)
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := bodyRows(t, s); n != 0 {
		t.Errorf("%d rows of bodies are left", n)
	}
}

// TestNoVault: without Keep what is removed is let go of at once, and so is
// what an earlier setting has kept.
func TestNoVault(t *testing.T) {
	t.Parallel()
	s, c := vaultStore(t)
	a := s.Account(alice)
	for _, keep := range []time.Duration{month, 0} {
		s.Keep = keep
		p := deliver(t, s, text("1", 1), Target{Account: alice})[0]
		must[[]UID](t)(a.Remove(t.Context(), p.Mailbox, []UID{p.UID}))
		if n := len(vaultOf(t, a)); n != 1 || s.VaultKeeps() != (keep > 0) {
			t.Errorf("keep %v: %d in the vault", keep, n)
		}
	}
	c.t = c.t.Add(time.Hour)
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := vaultOf(t, a); len(n) != 0 {
		t.Errorf("still in the vault: %+v", n)
	}
	sound(t, s)
}

// TestVaultIsBounded: who has a quota can't fill the disk by removing.
func TestVaultIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	size := int64(len(text("1", 1000)))
	if err := s.SetQuota(t.Context(), alice, 3*size, 0); err != nil {
		t.Fatal(err)
	}
	for n := range 9 {
		p := deliver(t, s, text(fmt.Sprint(n), 1000), Target{Account: alice})
		must[[]UID](t)(a.Remove(t.Context(), p[0].Mailbox, []UID{p[0].UID}))
	}
	var left []EmailID
	for _, b := range vaultOf(t, a) {
		left = append(left, b.Email)
	}
	if !slices.Equal(left, []EmailID{7, 8, 9}) {
		t.Errorf("in the vault: %v, want the last three", left)
	}
	sound(t, s)
}
