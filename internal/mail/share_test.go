package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// grant gives rights, by letters, to a mailbox of an account.
func grant(t testing.TB, a *Account, id MailboxID, to Grantee, letters string) {
	t.Helper()
	g := Grant{To: to, Rights: must[Rights](t)(ParseRights(strings.TrimPrefix(letters, "-"))), Negative: strings.HasPrefix(letters, "-")}
	if err := a.SetGrant(t.Context(), id, g); err != nil {
		t.Fatal(err)
	}
}

func sharedWith(t testing.TB, s *Store, who ...Grantee) string {
	t.Helper()
	var b strings.Builder
	for _, m := range must[[]SharedMailbox](t)(s.SharedWith(t.Context(), who...)) {
		fmt.Fprintf(&b, "%d %s %s\n", m.Account-alice, m.Mailbox.Name, m.Rights)
	}
	return b.String()
}

func TestRights(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	grant(t, a, in.ID, "bob", "lrs")
	grant(t, a, in.ID, "team", "lrwite")
	grant(t, a, in.ID, "bob", "-e")
	grant(t, a, in.ID, "anyone", "p")
	for _, c := range []struct {
		who  []Grantee
		want string
	}{
		{[]Grantee{"bob"}, "lrs"}, {[]Grantee{"bob", "team"}, "lrswit"}, {[]Grantee{"team"}, "lrwite"},
		{[]Grantee{"anyone", "bob", "team"}, "lrswipt"}, {[]Grantee{"carol"}, ""}, {nil, ""},
	} {
		if r := must[Rights](t)(a.Rights(t.Context(), in.ID, c.who...)); r.String() != c.want {
			t.Errorf("%v: %q, want %q", c.who, r, c.want)
		}
	}
	grant(t, a, in.ID, "bob", "-")
	if list := must[[]Grant](t)(a.Grants(t.Context(), in.ID)); len(list) != 3 {
		t.Errorf("after a negative one was taken: %+v", list)
	}
	_, err := a.Grants(t.Context(), 99)
	wantKind(t, err, NotFound)
	sound(t, s)
}

func TestSharedWith(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for _, id := range []kv.Part{bob, alice} {
		a := s.Account(id)
		must[Mailbox](t)(a.Create(t.Context(), "plans", ""))
		for _, name := range []string{"plans", inbox} {
			m, _ := listed(t, a, name)
			grant(t, a, m.ID, "carol", "lr")
			grant(t, a, m.ID, "team", "i")
		}
	}
	m, _ := listed(t, s.Account(bob), inbox)
	grant(t, s.Account(bob), m.ID, "carol", "-lri") // nothing is left of what she has there
	if got := sharedWith(t, s, "team", "carol"); got != "0 INBOX lri\n0 plans lri\n1 plans lri\n" {
		t.Errorf("shared with carol of the team:\n%s", got)
	}
	if got := sharedWith(t, s, "car", "carol\x00"); got != "" {
		t.Errorf("shared with others:\n%s", got)
	}
	if err := s.Account(alice).Delete(t.Context(), "plans"); err != nil {
		t.Fatal(err)
	}
	must[Mailbox](t)(s.Account(alice).Create(t.Context(), "plans", ""))
	if got := sharedWith(t, s, "team"); got != "0 INBOX i\n1 INBOX i\n1 plans i\n" {
		t.Errorf("after one was deleted:\n%s", got)
	}
	if err := s.Forget(t.Context(), "team"); err != nil {
		t.Fatal(err)
	}
	if got := sharedWith(t, s, "team", "carol"); got != "0 INBOX lr\n1 plans lr\n" {
		t.Errorf("after the team was forgotten:\n%s", got)
	}
	if err := s.DeleteAccount(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if got := sharedWith(t, s, "team", "carol"); got != "1 plans lr\n" {
		t.Errorf("after the account was deleted:\n%s", got)
	}
	sound(t, s)
}

func TestGrantLimits(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	for _, g := range []Grant{{Rights: 1}, {To: "a\x00b", Rights: 1}, {To: Grantee(strings.Repeat("x", 256)), Rights: 1}, {To: "x", Rights: AllRights + 1}} {
		wantKind(t, a.SetGrant(t.Context(), 1, g), Invalid)
	}
	wantKind(t, a.SetGrant(t.Context(), 99, Grant{To: "x", Rights: 1}), NotFound)
	for i := range maxGrants {
		grant(t, a, 1, Grantee(fmt.Sprint("n", i)), "lr")
	}
	wantKind(t, a.SetGrant(t.Context(), 1, Grant{To: "one more", Rights: RightRead}), LimitReached)
	grant(t, a, 1, "n0", "l") // who is there already can get others
	grant(t, a, 1, "n1", "")
	grant(t, a, 1, "one more", "l")
	if n := len(must[[]Grant](t)(a.Grants(t.Context(), 1))); n != maxGrants {
		t.Errorf("%d entries", n)
	}
}

// TestGrantTells: whoever follows the account learns of a grant.
func TestGrantTells(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	grant(t, a, in.ID, "bob", "l")
	c := must[AccountChanges](t)(a.AllChanges(t.Context(), in.HighestModSeq))
	if !slices.Equal(c.Mailboxes.Updated, []MailboxID{in.ID}) || len(c.Counts) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestParseRights(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Rights(rapid.Uint16Range(0, uint16(AllRights)).Draw(t, "rights"))
		if got, err := ParseRights(r.String()); err != nil || got != r {
			t.Fatalf("%q is read as %q, %v", r, got, err)
		}
	})
	for in, want := range map[string]string{"": "", "cd": "kxte", "aal": "la", "lrswipkxtea": "lrswipkxtea"} {
		if got, err := ParseRights(in); err != nil || got.String() != want {
			t.Errorf("%q is read as %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"L", "l r", "z", "é"} {
		_, err := ParseRights(in)
		wantKind(t, err, Invalid)
	}
}

func FuzzParseRights(f *testing.F) {
	f.Add("lrswipkxtea")
	f.Add("cd0")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := ParseRights(in)
		if again, _ := ParseRights(r.String()); err == nil && again != r {
			t.Errorf("%q is %q and then %q", in, r, again)
		}
	})
}

// TestForgetOfMany: an account that goes takes its grants along however it is named.
func TestForgetOfMany(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t, memory.New())
	for id := range kv.Part(20) {
		grant(t, s.Account(alice+id), 1+MailboxID(id%6), "bob", "lrs")
	}
	if err := s.Forget(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if got := sharedWith(t, s, "bob"); got != "" {
		t.Errorf("still shared:\n%s", got)
	}
	sound(t, s)
}

func TestChangeGrant(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	for _, c := range []struct {
		op   FlagOp
		r    Rights
		want string
	}{
		{AddFlags, RightRead, "r"}, {AddFlags, RightLookup | RightRead, "lr"}, {RemoveFlags, RightRead | RightWrite, "l"},
		{SetFlags, RightExpunge, "e"}, {RemoveFlags, RightExpunge, ""},
	} {
		if err := a.ChangeGrant(t.Context(), in.ID, c.op, Grant{To: "bob", Rights: c.r}); err != nil {
			t.Fatal(err)
		}
		if got := must[Rights](t)(a.Rights(t.Context(), in.ID, "bob")); got.String() != c.want {
			t.Errorf("op %d with %s: %s, want %s", c.op, c.r, got, c.want)
		}
	}
	if got := sharedWith(t, s, "bob"); got != "" {
		t.Errorf("shared: %s", got)
	}
	sound(t, s)
}

// TestChangeKeeps: what may not be changed stays, whatever is asked for.
func TestChangeKeeps(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	deliver(t, s, text("x", 10), Target{Account: alice, Flags: Seen | Flagged, Keywords: []string{"a"}})
	in, _ := listed(t, a, inbox)
	keep := ^(Seen | Deleted)
	for _, c := range []struct {
		change FlagChange
		want   Flags
	}{
		{FlagChange{Op: SetFlags, System: Deleted | Draft, Keep: keep}, Deleted | Flagged | 1<<FirstKeyword},
		{FlagChange{Op: AddFlags, System: Seen | Answered, Keep: keep}, Seen | Deleted | Flagged | 1<<FirstKeyword},
		{FlagChange{Op: RemoveFlags, System: Seen | Flagged, Keywords: []string{"a"}, Keep: keep}, Deleted | Flagged | 1<<FirstKeyword},
	} {
		if _, _, err := a.Change(t.Context(), in.ID, []UID{1}, c.change); err != nil {
			t.Fatal(err)
		}
		if _, items := listed(t, a, inbox); items[0].Flags != c.want {
			t.Errorf("%+v: %b, want %b", c.change, items[0].Flags, c.want)
		}
	}
	sound(t, s)
}
