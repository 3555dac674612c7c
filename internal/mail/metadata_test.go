package mail

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// annotations is what Metadata tells, in one line.
func annotations(t testing.TB, a *Account, id MailboxID, user AccountID, depth Depth, names ...string) (list string) {
	t.Helper()
	for _, n := range must[[]Entry](t)(a.Metadata(t.Context(), id, user, names, depth)) {
		list += fmt.Sprintf("%s=%s ", n.Name, n.Value)
	}
	return list
}

func annotate(t testing.TB, a *Account, id MailboxID, entries ...Entry) {
	t.Helper()
	if err := a.SetMetadata(t.Context(), id, entries); err != nil {
		t.Fatal(err)
	}
}

// TestMetadata: annotations are found by name and below one, by whoever they are
// for, follow their mailbox and go with it (RFC 5464).
func TestMetadata(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	box := must[Mailbox](t)(a.Create(t.Context(), "x", ""))
	annotate(t, a, box.ID, Entry{"/shared/Comment", 0, []byte("ours")}, Entry{"/private/comment", alice, []byte("mine")},
		Entry{"/private/comment", bob, []byte("bob's")}, Entry{"/shared/vendor/a/b", 0, []byte{}}, Entry{"/shared/vendor/a", 0, []byte("1")},
		Entry{"/shared/vendor/a", 0, []byte("2")}, Entry{"/shared/vendor/ab", 0, []byte("3")})
	annotate(t, a, 0, Entry{"/shared/admin", 0, []byte("mailto:x")})
	for _, tt := range []struct {
		user  AccountID
		depth Depth
		names string
		want  string
	}{
		{alice, Exact, "/shared/comment /private/comment", "/private/comment=mine /shared/comment=ours "},
		{bob, Exact, "/PRIVATE/COMMENT", "/private/comment=bob's "},
		{alice, Exact, "/shared/vendor", ""},
		{alice, Children, "/shared/vendor", "/shared/vendor/a=2 /shared/vendor/ab=3 "},
		{alice, Tree, "/shared/vendor", "/shared/vendor/a=2 /shared/vendor/a/b= /shared/vendor/ab=3 "},
		{alice, Tree, "/shared/vendor/a /shared/vendor", "/shared/vendor/a=2 /shared/vendor/a/b= /shared/vendor/ab=3 "},
		{alice, Children, "/shared", "/shared/comment=ours "},
		{carol, Tree, "/private /shared/vendor/a", "/shared/vendor/a=2 /shared/vendor/a/b= "},
	} {
		if got := annotations(t, a, box.ID, tt.user, tt.depth, strings.Fields(tt.names)...); got != tt.want {
			t.Errorf("%d asks for %s to depth %d: %s, want %s", tt.user, tt.names, tt.depth, got, tt.want)
		}
	}
	if got := annotations(t, a, 0, alice, Tree, "/shared"); got != "/shared/admin=mailto:x " {
		t.Errorf("the account's: %s", got)
	}
	if err := a.Rename(t.Context(), "x", "y"); err != nil {
		t.Fatal(err)
	}
	if got := annotations(t, a, box.ID, alice, Exact, "/private/comment"); got != "/private/comment=mine " {
		t.Errorf("after a rename: %s", got)
	}
	annotate(t, a, box.ID, Entry{"/private/comment", alice, nil}, Entry{"/private/other", alice, nil})
	if got := annotations(t, a, box.ID, alice, Tree, "/private"); got != "" {
		t.Errorf("taken away: %s", got)
	}
	if err := a.Delete(t.Context(), "y"); err != nil {
		t.Fatal(err)
	}
	_, err := a.Metadata(t.Context(), box.ID, alice, []string{"/shared"}, Tree)
	wantKind(t, err, NotFound)
	sound(t, s)
	for _, row := range allRows(t, s) {
		if row.p == alice && row.key[0] == keyEntry && mailboxOf(row.key) != 0 {
			t.Errorf("left: %q", row.key)
		}
	}
}

const carol = bob + 1

// TestMetadataRefused: what can't be an annotation, or is one too many, changes nothing.
func TestMetadataRefused(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	good := Entry{"/shared/a", 0, []byte("x")}
	long := "/shared/" + strings.Repeat("x", MaxEntryName)
	for _, bad := range []Entry{
		{"", 0, nil}, {"shared/a", 0, nil}, {"/shared", 0, nil}, {"/shared/", 0, nil}, {"/shared//a", 0, nil}, {"/shared/a*", 0, nil}, {"/shared/%", 0, nil},
		{"/shared/\x19", 0, nil}, {"/shared/é", 0, nil}, {"/other/a", 0, nil}, {"/sharedx/a", 0, nil}, {long, 0, nil},
		{"/private/a", 0, nil}, {"/shared/a", alice, nil}, {"/private", alice, nil},
	} {
		wantKind(t, a.SetMetadata(t.Context(), 1, []Entry{good, bad}), Invalid)
	}
	wantKind(t, a.SetMetadata(t.Context(), 99, []Entry{good}), NotFound)
	wantKind(t, a.SetMetadata(t.Context(), 1, []Entry{good, {"/shared/b", 0, make([]byte, MaxEntryValue+1)}}), LimitReached)
	for _, name := range []string{"/private", "shared", "/shared/"} {
		_, err := a.Metadata(t.Context(), 1, 0, []string{name}, Tree)
		wantKind(t, err, Invalid)
	}
	large := make([]Entry, 5)
	for n := range large {
		large[n] = Entry{fmt.Sprint("/shared/", n), 0, make([]byte, MaxEntryValue-200)}
	}
	wantKind(t, a.SetMetadata(t.Context(), 1, large), LimitReached)
	many := make([]Entry, MaxEntries)
	for n := range many {
		many[n] = Entry{fmt.Sprint("/shared/", n), 0, []byte{}}
	}
	wantKind(t, a.SetMetadata(t.Context(), 1, append(many, good)), LimitReached)
	if got := annotations(t, a, 1, alice, Tree, "/shared"); got != "" {
		t.Errorf("what was refused is there: %s", got)
	}
	annotate(t, a, 1, many...)
	wantKind(t, a.SetMetadata(t.Context(), 1, []Entry{good}), LimitReached)
	annotate(t, a, 1, good, Entry{"/shared/1", 0, nil}) // one goes, one comes
	annotate(t, a, 1, Entry{"/private/a", alice, []byte("of another kind")})
	filled := 0
	for n := MailboxID(2); n < 100; n++ {
		must[Mailbox](t)(a.Create(t.Context(), fmt.Sprint("box", n), ""))
		if err := a.SetMetadata(t.Context(), n, large[:3]); err != nil {
			wantKind(t, err, LimitReached)
			break
		}
		filled++
	}
	if filled < 30 || filled > maxAnnotation/(3*(MaxEntryValue-200)) {
		t.Errorf("%d mailboxes were filled", filled)
	}
}

// TestMetadataTold: the change log tells of annotations, if they did change.
func TestMetadataTold(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	first, _ := listed(t, a, inbox)
	annotate(t, a, first.ID, Entry{"/shared/a", 0, []byte("x")})
	c := must[AccountChanges](t)(a.AllChanges(t.Context(), first.HighestModSeq))
	if !slices.Equal(c.Mailboxes.Updated, []MailboxID{first.ID}) || len(c.Counts) != 0 || c.Metadata {
		t.Errorf("%+v", c)
	}
	d := must[Delta](t)(a.Changes(t.Context(), first.ID, first.HighestModSeq))
	if d.Mailbox.HighestModSeq != c.ModSeq || len(d.Changed) != 0 {
		t.Errorf("%+v", d)
	}
	annotate(t, a, 0, Entry{"/shared/a", 0, []byte("x")})
	again := must[AccountChanges](t)(a.AllChanges(t.Context(), c.ModSeq))
	if m := again.Mailboxes; !again.Metadata || len(m.Created)+len(m.Updated)+len(m.Destroyed) != 0 {
		t.Errorf("%+v", again)
	}
	annotate(t, a, 0, Entry{"/shared/a", 0, []byte("x")}, Entry{"/shared/b", 0, nil})
	if c := must[AccountChanges](t)(a.AllChanges(t.Context(), again.ModSeq)); c.ModSeq != again.ModSeq {
		t.Errorf("nothing changed, and the account is at %d after %d", c.ModSeq, again.ModSeq)
	}
}

// FuzzEntry: what a name is made into stays what it is, and comes out of its key.
func FuzzEntry(f *testing.F) {
	f.Add("/shared/Comment", []byte("n\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00/shared/comment"))
	f.Add("/private/vendor/x y", []byte("n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00/private/a/b"))
	f.Fuzz(func(t *testing.T, name string, key []byte) {
		if once, err := entryName(name); err == nil {
			if twice, err := entryName(once); err != nil || twice != once {
				t.Errorf("%q became %q and then %q, %v", name, once, twice, err)
			}
		}
		if id, n, err := entryOf(key); err == nil && key[0] == keyEntry && string(entryKey(id, n.User, n.Name)) != string(key) {
			t.Errorf("%q became %q", key, entryKey(id, n.User, n.Name))
		}
	})
}
