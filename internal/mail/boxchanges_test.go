package mail

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tem/internal/kv/memory"
)

// compareBoxes checks what BoxChanges answers against AllChanges and the mailboxes themselves.
func (f *follower) compareBoxes(t *rapid.T, since ModSeq, all *AccountChanges) {
	got, err := f.a.BoxChanges(f.ctx, since)
	f.ok(t, err)
	now := map[MailboxID]Mailbox{}
	for _, m := range f.boxes(t) {
		now[m.ID] = m
	}
	var ids []MailboxID
	for _, c := range got.Changed {
		ids = append(ids, c.Mailbox.ID)
		if fmt.Sprint(c.Mailbox) != fmt.Sprint(now[c.Mailbox.ID]) {
			t.Fatalf("since %d: %+v, but it is %+v", since, c.Mailbox, now[c.Mailbox.ID])
		}
		f.compareBox(t, since, &c, all)
	}
	if since == 0 || all == nil {
		if !got.All || len(got.Changed) != len(now) {
			t.Fatalf("since %d: %+v", since, got)
		}
		return
	}
	want := slices.Sorted(slices.Values(slices.Concat(all.Mailboxes.Created, all.Mailboxes.Updated)))
	if got.All || got.ModSeq != all.ModSeq || !slices.Equal(ids, want) {
		t.Fatalf("since %d: %+v, want %v", since, got, want)
	}
	for _, id := range all.Mailboxes.Destroyed {
		if !slices.Contains(got.Gone, id) {
			t.Fatalf("since %d: %d is missing in %v", since, id, got.Gone)
		}
	}
}

func (f *follower) compareBox(t *rapid.T, since ModSeq, c *BoxChange, all *AccountChanges) {
	_, items, err := f.a.List(f.ctx, c.Mailbox.ID)
	f.ok(t, err)
	i := slices.IndexFunc(items, func(i Item) bool { return i.ModSeq > since })
	if i >= 0 && (c.First == 0 || c.First > items[i].UID) {
		t.Fatalf("since %d: first %d, but %+v changed", since, c.First, items[i])
	}
	if all != nil && since > 0 && c.Properties == slices.Contains(all.Counts, c.Mailbox.ID) {
		t.Fatalf("since %d: properties %v of %d, in %+v", since, c.Properties, c.Mailbox.ID, all)
	}
}

// TestAllMetadata: one's own private annotations and the shared ones, of the account and of each mailbox.
func TestAllMetadata(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, memory.New())
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	for id, list := range map[MailboxID][]Entry{
		0:     {{Name: "/shared/b", Value: []byte("1")}, {Name: "/private/a", User: alice, Value: []byte("2")}},
		in.ID: {{Name: "/private/a", User: bob, Value: []byte("3")}, {Name: "/shared/a", Value: []byte("4")}},
	} {
		if err := a.SetMetadata(t.Context(), id, list); err != nil {
			t.Fatal(err)
		}
	}
	all := must[map[MailboxID][]Entry](t)(a.AllMetadata(t.Context(), alice))
	want := map[MailboxID][]Entry{0: {{"/shared/b", 0, []byte("1")}, {"/private/a", alice, []byte("2")}}, in.ID: {{"/shared/a", 0, []byte("4")}}}
	if fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", all, want)
	}
}
