package mail

import (
	"fmt"
	"testing"
)

// TestDeliverAll: several letters are one commit, in which one can answer the
// other; if one can't be stored none is.
func TestDeliverAll(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	letters := func(mailbox string) []Letter {
		return []Letter{
			{body(t, s, letter("1", "", "tea")), []Target{{Account: alice}, {Account: bob}}},
			{body(t, s, letter("2", "1", "Re: tea")), []Target{{Account: alice, Mailbox: "Archive"}, {Account: alice, Flags: Seen}}},
			{body(t, s, text("large", 10000)), []Target{{Account: alice, Mailbox: mailbox}}},
		}
	}
	a := s.Account(alice)
	_, err := s.DeliverAll(t.Context(), letters("Nowhere"), nil)
	wantKind(t, err, NotFound)
	if err := s.SetQuota(t.Context(), alice, 0, 2); err != nil {
		t.Fatal(err)
	}
	_, err = s.DeliverAll(t.Context(), letters("Sent"), nil)
	wantKind(t, err, OverQuota)
	if box, items := listed(t, a, inbox); box.Messages != 0 || len(items) != 0 || box.UIDNext != 1 {
		t.Errorf("what was refused left %+v %+v", box, items)
	}
	if err := s.SetQuota(t.Context(), alice, 0, 3); err != nil {
		t.Fatal(err)
	}
	placed := must[[][]Placed](t)(s.DeliverAll(t.Context(), letters("Sent"), nil))
	if got := fmt.Sprint(len(placed), len(placed[0]), len(placed[1]), placed[1][1].UID, placed[2][0].EmailID); got != "3 2 2 2 3" {
		t.Errorf("placed %+v", placed)
	}
	if m := must[[]EmailID](t)(a.Thread(t.Context(), 1)); fmt.Sprint(m) != "[1 2]" {
		t.Errorf("the thread has %v", m)
	}
	_, items := listed(t, a, inbox)
	if items[0].ModSeq != items[1].ModSeq {
		t.Errorf("not one commit: %+v", items)
	}
	sound(t, s)
}

// TestTooManyLetters: what one commit holds has bounds.
func TestTooManyLetters(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	one := Letter{body(t, s, text("1", 10)), []Target{{Account: alice}}}
	many := make([]Letter, MaxLetters+1)
	for n := range many {
		many[n] = one
	}
	_, err := s.DeliverAll(t.Context(), many, nil)
	wantKind(t, err, LimitReached)
	must[[][]Placed](t)(s.DeliverAll(t.Context(), many[1:], nil))
	s.InlineMax = MaxLetterBytes
	large := Letter{body(t, s, text("1", MaxLetterBytes/2)), one.To}
	_, err = s.DeliverAll(t.Context(), []Letter{large, large, large}, nil)
	wantKind(t, err, LimitReached)
}

// TestReplace: the new message is there and the old one is not, in one commit,
// and the quota, the pool's too, sees the net use (RFC 8508 §3.4).
func TestReplace(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	s.Keep = month
	a := s.Account(alice)
	size := int64(len(text("draft 1", 1000)))
	if err := s.SetPool(t.Context(), "pool", size+10, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Join(t.Context(), alice, "pool"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetQuota(t.Context(), alice, size+10, 1); err != nil {
		t.Fatal(err)
	}
	old := deliver(t, s, text("draft 1", 1000), Target{Account: alice, Mailbox: "Drafts"})[0]
	before, _ := listed(t, a, "Drafts")
	with := func(n int, mailbox string) Letter {
		return Letter{body(t, s, text("draft 2", n)), []Target{{Account: alice, Mailbox: mailbox, Flags: Draft}}}
	}
	_, err := a.Replace(t.Context(), old.Mailbox, 7, with(1000, "Drafts"))
	wantKind(t, err, NotFound)
	_, err = a.Replace(t.Context(), old.Mailbox, old.UID, with(1000, "Nowhere"))
	wantKind(t, err, NotFound)
	_, err = a.Replace(t.Context(), old.Mailbox, old.UID, with(2000, "Drafts"))
	wantKind(t, err, OverQuota)
	_, err = a.Replace(t.Context(), old.Mailbox, old.UID, Letter{Body: with(1, "").Body})
	wantKind(t, err, Invalid)
	if box, items := listed(t, a, "Drafts"); box.HighestModSeq != before.HighestModSeq || len(items) != 1 {
		t.Errorf("what was refused changed %+v %+v", box, items)
	}
	at := must[Placed](t)(a.Replace(t.Context(), old.Mailbox, old.UID, with(1000, "Drafts")))
	d := must[Delta](t)(a.Changes(t.Context(), old.Mailbox, before.HighestModSeq))
	if at.UID != 2 || len(d.Changed) != 1 || d.Changed[0].UID != 2 || fmt.Sprint(d.Gone) != "[{1 1}]" || d.Mailbox.HighestModSeq != before.HighestModSeq+1 {
		t.Errorf("at %+v: %+v", at, d)
	}
	must[Placed](t)(a.Replace(t.Context(), old.Mailbox, 2, with(1000, inbox)))
	if kept := must[[]Buried](t)(a.Vault(t.Context())); len(kept) != 1 || kept[0].Email != 2 || kept[0].Mailbox != "Drafts" { // it has room for one
		t.Errorf("the vault has %+v", kept)
	}
	if q := must[Quota](t)(s.Pool(t.Context(), "pool")); q.Messages != 1 || q.Bytes != size {
		t.Errorf("the pool says %+v", q)
	}
	sound(t, s)
}
