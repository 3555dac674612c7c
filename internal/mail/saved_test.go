package mail

import (
	"testing"
	"time"
	"unsafe"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// TestSaved: a message knows when it came into the mailbox that it is in, by
// whatever way, and keeps that as long as it is there (RFC 8514 §3).
func TestSaved(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(Item{}); n != 24 {
		t.Errorf("an Item has %d octets", n)
	}
	s, c := newStore(t, memory.New())
	s.Keep = month
	a := s.Account(alice)
	at := func() uint32 { return uint32(c.t.Unix()) }
	saved := func(name string, want ...uint32) {
		t.Helper()
		_, items := listed(t, a, name)
		for n, i := range items {
			if n >= len(want) || i.Saved != want[n] {
				t.Errorf("%s, uid %d: saved at %d, want %v", name, i.UID, i.Saved, want)
			}
		}
	}
	deliver(t, s, text("1", 10), Target{Account: alice, Received: time.Unix(1e9, 0)})
	came, box := at(), must[Mailbox](t)(a.Mailbox(t.Context(), inbox))
	c.t = c.t.Add(time.Hour)
	must[Copied](t)(a.Copy(t.Context(), box.ID, []UID{1}, "Archive"))
	if _, _, err := a.Store(t.Context(), box.ID, []UID{1}, AddFlags, Seen, []string{"k"}, 0); err != nil {
		t.Fatal(err)
	}
	saved(inbox, came)
	saved("Archive", at())
	c.t = c.t.Add(time.Hour)
	must[Copied](t)(a.Move(t.Context(), box.ID, []UID{1}, "Trash"))
	saved("Trash", at())
	trash, archive := must[Mailbox](t)(a.Mailbox(t.Context(), "Trash")), must[Mailbox](t)(a.Mailbox(t.Context(), "Archive"))
	must[[]UID](t)(a.Remove(t.Context(), archive.ID, []UID{1}))
	must[[]UID](t)(a.Remove(t.Context(), trash.ID, []UID{1}))
	c.t = c.t.Add(time.Hour)
	must[[]Placed](t)(a.Restore(t.Context(), []EmailID{1}))
	saved("Trash", at())
}

// TestFormat2 opens a store of format 2: its version is raised, and of what its
// rows say no save date is known.
func TestFormat2(t *testing.T) {
	t.Parallel()
	for _, migrating := range []bool{false, true} {
		s, _ := newStore(t, memory.New())
		deliver(t, s, text("1", 10), Target{Account: alice, Flags: Flagged})
		box, items := listed(t, s.Account(alice), inbox)
		s = past(t, s, func(b *kv.Batch) {
			b.Set(kv.System, formatKey, []byte("2"))
			b.Set(alice, messageKey(keyFlags, box.ID, 1), items[0].append(nil)[:oldItemSize])
			if migrating {
				b.Set(kv.System, migrationKey, (&migration{step: 1}).row())
			}
		})
		if i := must[Info](t)(s.Info(t.Context())); i.Format != formatVersion || i.Migrating != migrating || s.old.Load() != migrating {
			t.Errorf("%+v, to be migrated: %v; want %v", i, s.old.Load(), migrating)
		}
		a := s.Account(alice)
		if _, again := listed(t, a, inbox); again[0] != (Item{UID: 1, Flags: Flagged, ModSeq: items[0].ModSeq}) {
			t.Errorf("read as %+v", again)
		}
		if found, _ := checked(t, s, false); len(found) != 0 {
			t.Errorf("found %+v", found)
		}
		changed, _, err := a.Store(t.Context(), box.ID, []UID{1}, AddFlags, Seen, nil, 0)
		if err != nil || len(changed) != 1 || changed[0].Saved != 0 {
			t.Errorf("%+v, %v", changed, err)
		}
	}
}
