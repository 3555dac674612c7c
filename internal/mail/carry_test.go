package mail

import (
	"fmt"
	"strings"
	"testing"
)

// TestCarry: what goes to another account keeps its flags, keywords and date,
// shares its body, counts there, and meets its thread.
func TestCarry(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a, b := s.Account(alice), s.Account(bob)
	when := s.Now().AddDate(-1, 0, 0)
	deliver(t, s, letter("1", "", "tea"), Target{Account: bob})
	deliver(t, s, letter("2", "1", "Re: tea"), Target{Account: alice, Flags: Seen | Flagged, Keywords: []string{"late"}, Received: when})
	deliver(t, s, text("large", 10000), Target{Account: alice, Flags: Deleted})
	in, _ := listed(t, a, inbox)
	other, _ := listed(t, b, "Archive")
	c := must[Copied](t)(a.CopyTo(t.Context(), in.ID, []UID{1, 2, 9}, Destination{Account: bob, Mailbox: "Archive", Without: Deleted}))
	if fmt.Sprint(c.From, c.To) != "[1 2] [1 2]" || c.UIDValidity != other.UIDValidity {
		t.Errorf("copied %+v", c)
	}
	box, items := listed(t, b, "Archive")
	if len(items) != 2 || items[0].Flags != Seen|Flagged|1<<FirstKeyword || items[1].Flags != 0 || fmt.Sprint(box.Keywords) != "[late]" {
		t.Errorf("arrived %+v, keywords %v", items, box.Keywords)
	}
	if got := readAll(t, b, box.ID, 2); got != text("large", 10000) {
		t.Errorf("%d octets", len(got))
	}
	err := b.Fetch(t.Context(), box.ID, []UID{1}, func(m *Meta) error {
		if !m.Received.Equal(when) || m.Thread != 1 {
			t.Errorf("received %v, thread %d", m.Received, m.Thread)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept := fieldsIn(t, b, "Archive"); !strings.HasSuffix(kept[1], "Subject: Re: tea\r\n\r\n") || len(kept) != 2 {
		t.Errorf("header fields %q", kept[1])
	}
	if q := must[Quota](t)(b.Quota(t.Context())); q.Messages != 3 {
		t.Errorf("quota %+v", q)
	}
	sound(t, s)
	c = must[Copied](t)(a.MoveTo(t.Context(), in.ID, []UID{1}, Destination{Account: bob, Mailbox: inbox, Without: 1 << (FirstKeyword + 5)}))
	_, left := listed(t, a, inbox)
	_, items = listed(t, b, inbox)
	if len(c.To) != 1 || len(left) != 1 || len(items) != 2 || items[1].Flags != Seen|Flagged {
		t.Errorf("moved %+v, left %+v, there %+v", c, left, items)
	}
	sound(t, s)
}

// TestCarryAllOrNone: what does not fit leaves nothing, there or here.
func TestCarryAllOrNone(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	for range 3 {
		deliver(t, s, text("x", 10), Target{Account: alice})
	}
	if err := s.SetQuota(t.Context(), bob, 0, 2); err != nil {
		t.Fatal(err)
	}
	in, _ := listed(t, a, inbox)
	_, err := a.MoveTo(t.Context(), in.ID, []UID{1, 2, 3}, Destination{Account: bob, Mailbox: inbox})
	wantKind(t, err, OverQuota)
	_, err = a.MoveTo(t.Context(), in.ID, []UID{1}, Destination{Account: bob, Mailbox: "Nowhere"})
	wantKind(t, err, NotFound)
	_, mine := listed(t, a, inbox)
	box, theirs := listed(t, s.Account(bob), inbox)
	if len(mine) != 3 || len(theirs) != 0 || box.UIDNext != 1 {
		t.Errorf("%d here, %d there, %+v", len(mine), len(theirs), box)
	}
	_, err = a.CopyTo(t.Context(), in.ID, make([]UID, carryMost+1), Destination{Account: bob, Mailbox: inbox})
	wantKind(t, err, LimitReached)
	sound(t, s)
}

func TestCreateBelowInherits(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	grant(t, a, in.ID, "bob", "lrk")
	grant(t, a, in.ID, "bob", "-r")
	made := must[Mailbox](t)(a.CreateBelow(t.Context(), in.ID, "INBOX/x/y"))
	if got := must[[]Grant](t)(a.Grants(t.Context(), made.ID)); len(got) != 2 {
		t.Errorf("grants %+v", got)
	}
	if got := sharedWith(t, s, "bob"); got != "0 INBOX lk\n0 INBOX/x lk\n0 INBOX/x/y lk\n" {
		t.Errorf("shared:\n%s", got)
	}
	_, err := a.CreateBelow(t.Context(), in.ID, "INBOX/x")
	wantKind(t, err, Exists)
	_, err = a.CreateBelow(t.Context(), 99, "INBOX/z")
	wantKind(t, err, NotFound)
	sound(t, s)
}

func TestSetUse(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	made := must[Mailbox](t)(a.Create(t.Context(), "plans", `\important`))
	set := func(use string) error { _, err := a.SetUse(t.Context(), made.ID, use); return err }
	wantKind(t, set(`\Nonsense`), BadUse)
	for _, use := range []string{`\Important`, "", `\Archive`} {
		if err := set(use); err != nil {
			t.Fatal(err)
		}
		if m, _ := listed(t, a, "plans"); m.SpecialUse != use {
			t.Errorf("use %q, want %q", m.SpecialUse, use)
		}
	}
	if former := must[string](t)(a.SetUse(t.Context(), made.ID, `\Sent`)); former != "Sent" {
		t.Errorf("%q had it", former)
	}
	if sent, _ := listed(t, a, "Sent"); sent.SpecialUse != "" {
		t.Errorf("Sent is still %s", sent.SpecialUse)
	}
	sound(t, s)
}

// TestNormalNames: names are made in Normalization Form C and found in any.
func TestNormalNames(t *testing.T) {
	t.Parallel()
	a := testStore(t).Account(alice)
	const wide, narrow = "Tha\u0301ng", "Th\u00e1ng"
	if made := must[Mailbox](t)(a.Create(t.Context(), wide+"/1/", "")); made.Name != narrow+"/1" {
		t.Errorf("made %q", made.Name)
	}
	for _, name := range []string{wide, narrow} {
		if m := must[Mailbox](t)(a.Mailbox(t.Context(), name)); m.Name != narrow {
			t.Errorf("%q found %q", name, m.Name)
		}
	}
	_, err := a.Create(t.Context(), wide, "")
	wantKind(t, err, Exists)
}

// TestNamesThatMoved: who may use one mailbox does not reach another that has
// its name by now.
func TestNamesThatMoved(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a, b := s.Account(alice), s.Account(bob)
	deliver(t, s, text("x", 10), Target{Account: alice})
	in, _ := listed(t, a, inbox)
	old, _ := listed(t, b, "Archive")
	if err := b.Rename(t.Context(), "Archive", "Private"); err != nil {
		t.Fatal(err)
	}
	must[Mailbox](t)(b.Create(t.Context(), "Archive", ""))
	_, err := s.Deliver(t.Context(), body(t, s, text("y", 10)), []Target{{Account: bob, Mailbox: "Archive", ID: old.ID}}, nil)
	wantKind(t, err, NotFound)
	_, err = a.CopyTo(t.Context(), in.ID, []UID{1}, Destination{Account: bob, Mailbox: "Archive", ID: old.ID})
	wantKind(t, err, NotFound)
	for _, name := range []string{"Archive", "Private"} {
		if box, _ := listed(t, b, name); box.Messages != 0 {
			t.Errorf("%d messages in %s", box.Messages, name)
		}
	}
	deliver(t, s, text("z", 10), Target{Account: bob, Mailbox: "Private", ID: old.ID})
}
