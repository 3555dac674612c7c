package mail

import (
	"fmt"
	"slices"
	"testing"

	"tem/internal/kv"
)

// labels is what Labels tells, in one line.
func labels(t testing.TB, a *Account, id MailboxID, uids ...UID) (list string) {
	t.Helper()
	err := a.Labels(t.Context(), id, uids, func(uid UID, in []MailboxID) error {
		list += fmt.Sprintf("%d%d ", uid, in)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestLabel: an email can be put into other mailboxes and taken out of them from
// where it is at hand, in as many commits as it takes.
func TestLabel(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	s.Keep, s.chunks.remove = month, 4
	a := s.Account(alice)
	for n := range 5 {
		deliver(t, s, text(fmt.Sprint(n), 10), Target{Account: alice, Flags: Flagged, Keywords: []string{"$Work"}})
	}
	id := func(name string) MailboxID { return must[Mailbox](t)(a.Mailbox(t.Context(), name)).ID }
	box, sent, archive := id(inbox), id("Sent"), id("Archive")
	all := []UID{1, 2, 3, 4, 5}
	label := func(want string, op FlagOp, uids []UID, in ...MailboxID) {
		t.Helper()
		if got := fmt.Sprint(must[[]UID](t)(a.Label(t.Context(), box, uids, op, in))); got != want {
			t.Errorf("changed %s, want %s", got, want)
		}
	}
	label("[2 3]", AddFlags, []UID{3, 2, 9}, sent)
	label("[1 2 3 4 5]", AddFlags, all, archive, sent, sent)
	label("[]", AddFlags, all, archive, box)
	if got, want := labels(t, a, box, 5, 1), fmt.Sprintf("1[%d %d] 5[%[1]d %d] ", sent, archive); got != want {
		t.Errorf("labels %s, want %s", got, want)
	}
	m, items := listed(t, a, "Archive")
	if m.Unseen != 5 || m.Keywords[0] != "$Work" || items[4].Flags != Flagged|1<<FirstKeyword {
		t.Errorf("%+v %+v", m, items)
	}
	label("[1 2]", SetFlags, []UID{1, 2}, sent)
	label("[3]", SetFlags, []UID{3})
	label("[4 5]", RemoveFlags, all, archive)
	if got, want := labels(t, a, box, all...), fmt.Sprintf("1[%d] 2[%[1]d] 3[] 4[%[1]d] 5[%[1]d] ", sent); got != want {
		t.Errorf("labels %s, want %s", got, want)
	}
	if q := must[Quota](t)(a.Quota(t.Context())); q.Messages != 5 {
		t.Errorf("%+v", q)
	}
	_, err := a.Label(t.Context(), box, all, AddFlags, []MailboxID{sent, 99})
	wantKind(t, err, NotFound)
	wantKind(t, a.Labels(t.Context(), 99, all, nil), NotFound)
	label("[3 5]", RemoveFlags, []UID{3, 5}, box, sent) // the last instance of both
	if kept := must[[]Buried](t)(a.Vault(t.Context())); len(kept) != 2 || kept[0].Mailbox != inbox {
		t.Errorf("the vault has %+v", kept)
	}
	sound(t, s)
}

// TestLabelSeveral: an email that is twice in a mailbox, and one that is in a
// mailbox which is being emptied.
func TestLabelSeveral(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	p := deliver(t, s, text("1", 10), Target{Account: alice}, Target{Account: alice}, Target{Account: alice, Mailbox: "Sent"},
		Target{Account: alice, Mailbox: "Sent"}, Target{Account: alice, Mailbox: "Junk"})
	box, sent, junk := p[0].Mailbox, p[2].Mailbox, p[4].Mailbox
	s = past(t, s, func(b *kv.Batch) { // as a crash amid its deletion leaves it
		b.Delete(alice, mailboxKey(junk))
		b.Set(alice, mailboxRow(keyDoomed, junk), (&Mailbox{Name: "Junk"}).append(nil))
	})
	a := s.Account(alice)
	if got, want := labels(t, a, box, 1, 2), fmt.Sprintf("1[%d] 2[%[1]d] ", sent); got != want {
		t.Errorf("labels %s, want %s", got, want)
	}
	if got := searched(t, a, box, InMailbox(junk)); got != "[]" {
		t.Errorf("in a mailbox that is being emptied: %s", got)
	}
	if changed := must[[]UID](t)(a.Label(t.Context(), box, []UID{1, 2}, SetFlags, nil)); !slices.Equal(changed, []UID{1, 2}) {
		t.Errorf("changed %v", changed)
	}
	if _, items := listed(t, a, "Sent"); len(items) != 0 {
		t.Errorf("left %+v", items)
	}
	if err := a.emptyDoomed(t.Context()); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
}

// TestLabelsBothWays: few messages are looked up, many are scanned for.
func TestLabelsBothWays(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for n := range 3 * labelsScan {
		deliver(t, s, text("1", 10), Target{Account: alice}, Target{Account: alice, Mailbox: []string{"Sent", "Junk"}[n%2]})
	}
	a := s.Account(alice)
	box, items := listed(t, a, inbox)
	all := ""
	for _, i := range items {
		all += labels(t, a, box.ID, i.UID)
	}
	if got := labels(t, a, box.ID, uidsOf(items)...); got != all || got == "" {
		t.Errorf("got %s, one by one %s", got, all)
	}
}

func BenchmarkLabels50k(b *testing.B) {
	a, id, uids := filled(b, 50000)
	for b.Loop() {
		n := 0
		if err := a.Labels(b.Context(), id, uids, func(UID, []MailboxID) error { n++; return nil }); err != nil || n != 50000 {
			b.Fatal(n, err)
		}
	}
}
