package directory

import (
	"errors"
	"strings"
	"testing"
)

func groupsOf(t testing.TB, d *Directory, a string) string {
	t.Helper()
	groups, err := d.GroupsOf(t.Context(), mailbox(t, a))
	must(t, err)
	var names []string
	for _, g := range groups {
		names = append(names, g.String())
	}
	return strings.Join(names, " ")
}

func TestGroupsOf(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, _ := open(t, e)
	must(t, d.AddDomain(t.Context(), "hanoi.example"))
	addPeople(t, d, "linh@hanoi.example an@hanoi.example")
	add := func(name, members string, group bool) {
		must(t, d.AddList(t.Context(), List{Address: mailbox(t, name), Members: mailboxes(t, members), Group: group}))
	}
	add("team@hanoi.example", "LINH@hanoi.example", true)
	add("all@hanoi.example", "team@hanoi.example boss@hanoi.example loop@hanoi.example", true)
	add("loop@hanoi.example", "all@hanoi.example", true)
	add("boss@hanoi.example", "an@hanoi.example", false)
	add("tagged@hanoi.example", "an+tag@hanoi.example", true)
	add("@hanoi.example", "an@hanoi.example", false)
	add("strangers@hanoi.example", "nobody@hanoi.example", true)
	other, _ := open(t, e) // has read it all at once
	for _, d := range []*Directory{d, other} {
		for who, want := range map[string]string{
			"linh@hanoi.example": "all@hanoi.example loop@hanoi.example team@hanoi.example",
			"an@hanoi.example":   "all@hanoi.example loop@hanoi.example",
			"x@hanoi.example":    "",
		} {
			if got := groupsOf(t, d, who); got != want {
				t.Errorf("%s is in %q, want %q", who, got, want)
			}
		}
	}
	must(t, d.SetMembers(t.Context(), mailbox(t, "team@hanoi.example"), mailboxes(t, "an@hanoi.example")))
	must(t, d.RemoveList(t.Context(), mailbox(t, "loop@hanoi.example")))
	if l, a := groupsOf(t, other, "linh@hanoi.example"), groupsOf(t, other, "an@hanoi.example"); l != "" || a != "all@hanoi.example team@hanoi.example" {
		t.Errorf("after changes: linh in %q, an in %q", l, a)
	}
}

func TestAccountByIDAndGroup(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	acc, err := d.Account(t.Context(), mailbox(t, "linh@hanoi.example"))
	must(t, err)
	must(t, d.AddList(t.Context(), List{Address: mailbox(t, "boss@hanoi.example"), Members: mailboxes(t, "linh@hanoi.example")}))
	must(t, d.AddList(t.Context(), List{Address: mailbox(t, "team@hanoi.example"), Group: true}))
	if got, err := d.AccountByID(t.Context(), acc.ID); err != nil || got != acc {
		t.Errorf("%+v, %v", got, err)
	}
	if g, err := d.Group(t.Context(), mailbox(t, "Team@hanoi.example")); err != nil || !g.Group {
		t.Errorf("%+v, %v", g, err)
	}
	for _, name := range []string{"boss@hanoi.example", "linh@hanoi.example", "x@hanoi.example"} {
		if _, err := d.Group(t.Context(), mailbox(t, name)); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = d.RemoveAccount(t.Context(), acc.Address, nil)
	must(t, err)
	if _, err := d.AccountByID(t.Context(), acc.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after removal: %v", err)
	}
}
