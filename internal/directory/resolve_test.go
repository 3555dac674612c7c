package directory

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tem/internal/address"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "saigon.example"))
	must(t, d.AddDomain(ctx, "catch.example"))
	must(t, d.AddDomain(ctx, "empty.example"))
	addPeople(t, d, "lan@saigon.example vy@saigon.example linh+exact@hanoi.example")
	for _, l := range []struct {
		address, members string
		group            bool
	}{
		{"info@hanoi.example", "linh@hanoi.example", false},
		{"away@hanoi.example", "me@remote.example", false},
		{"stu.all@hanoi.example", "linh@hanoi.example minh@hanoi.example LINH@hanoi.example me@remote.example away@hanoi.example", true},
		{"nobody@hanoi.example", "", true},
		{"gone@hanoi.example", "left@hanoi.example", true},
		{"some@hanoi.example", "left@hanoi.example an@hanoi.example", true},
		{"loop1@hanoi.example", "loop2@hanoi.example an@hanoi.example", true},
		{"loop2@hanoi.example", "loop1@hanoi.example minh@hanoi.example", true},
		{"self@hanoi.example", "self@hanoi.example", false},
		{"@catch.example", "lan@saigon.example", false},
		{"tagged@hanoi.example", "linh+list@hanoi.example", false},
	} {
		must(t, d.AddList(ctx, List{Address: mailbox(t, l.address), Members: mailboxes(t, l.members), Group: l.group}))
	}
	for _, c := range []struct{ address, want string }{
		{"linh@hanoi.example", "local linh"},
		{"LINH@hanoi.example", "local linh"},
		{"linh+shop@hanoi.example", "local linh"},
		{"linh+exact@hanoi.example", "local linh+exact"},
		{"info+x@hanoi.example", "local linh"},
		{"tagged@hanoi.example", "local linh"},
		{"info@hanoi.example", "local linh"},
		{"away@hanoi.example", "local me@remote.example"},
		{"stu.all@hanoi.example", "local linh minh me@remote.example"},
		{"loop1@hanoi.example", "local minh an"},
		{"some@hanoi.example", "local an"},
		{"who@hanoi.example", "local not found"},
		{"+@hanoi.example", "local not found"},
		{"nobody@hanoi.example", "local not found"},
		{"gone@hanoi.example", "local not found"},
		{"self@hanoi.example", "local not found"},
		{"who@catch.example", "local lan"},
		{"postmaster@catch.example", "local lan"},
		{"Postmaster@hanoi.example", "local linh"},
		{"postmaster@saigon.example", "local lan"},
		{"postmaster@empty.example", "local not found"},
		{"who@remote.example", "who@remote.example"},
	} {
		r, err := d.Resolve(ctx, mailbox(t, c.address))
		if got := resolvedText(r, err); got != c.want {
			t.Errorf("%s is %q, want %q", c.address, got, c.want)
		}
	}
}

// TestResolveTags: the tag of the address that leads to an account, for those who want it.
func TestResolveTags(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	ctx := t.Context()
	addPeople(t, d, "linh+exact@hanoi.example")
	for _, name := range []string{"linh", "linh+exact"} {
		_, err := d.SetSettings(ctx, mailbox(t, name+"@hanoi.example"), func(s *Settings) error { s.Filed = true; return nil })
		must(t, err)
	}
	must(t, d.AddList(ctx, List{Address: mailbox(t, "info@hanoi.example"), Members: mailboxes(t, "linh+info@hanoi.example minh+info@hanoi.example"), Group: true}))
	for address, want := range map[string]string{
		"linh+a+b@hanoi.example": "a+b", "linh@hanoi.example": "", "linh+@hanoi.example": "", "minh+a@hanoi.example": "",
		"linh+exact@hanoi.example": "", "info@hanoi.example": "info", "info+x@hanoi.example": "info",
	} {
		r, err := d.Resolve(ctx, mailbox(t, address))
		if got := r.Tags[r.Accounts[0].ID]; err != nil || got != want || want == "" && r.Tags != nil {
			t.Errorf("%s: the tag is %q of %v, %v; want %q", address, got, r.Tags, err, want)
		}
	}
}

func resolvedText(r Resolved, err error) string {
	var words []string
	if r.Local {
		words = append(words, "local")
	}
	for _, a := range r.Accounts {
		words = append(words, a.Address.Local)
	}
	for _, a := range r.Remote {
		words = append(words, a.String())
	}
	if errors.Is(err, ErrNotFound) {
		words = append(words, "not found")
	} else if err != nil {
		words = append(words, err.Error())
	}
	return strings.Join(words, " ")
}

func TestPostmasterFollowsTheFirstAccount(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	for _, want := range []string{"linh", "minh", "an"} {
		r, err := d.Resolve(t.Context(), mailbox(t, "postmaster@hanoi.example"))
		if got := resolvedText(r, err); got != "local "+want {
			t.Fatalf("postmaster is %q, want %q", got, want)
		}
		r.Accounts[0].Name = "The First"
		must(t, d.SetAccount(t.Context(), r.Accounts[0]))
		r, err = d.Resolve(t.Context(), mailbox(t, "postmaster@hanoi.example"))
		if err != nil || r.Accounts[0].Name != "The First" {
			t.Errorf("after a change the postmaster is %+v, %v", r, err)
		}
		_, err = d.RemoveAccount(t.Context(), r.Accounts[0].Address, nil)
		must(t, err)
	}
	if _, err := d.Resolve(t.Context(), mailbox(t, "postmaster@hanoi.example")); !errors.Is(err, ErrNotFound) {
		t.Errorf("postmaster of nobody: %v", err)
	}
}

func TestResolveIsBounded(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	ctx := t.Context()
	group := func(name string, members []address.Address) {
		must(t, d.AddList(ctx, List{Address: mailbox(t, name), Members: members, Group: true}))
	}
	for i := range maxDepth + 1 {
		group(fmt.Sprintf("deep%d@hanoi.example", i), mailboxes(t, fmt.Sprintf("deep%d@hanoi.example", i+1)))
	}
	if _, err := d.Resolve(ctx, mailbox(t, "deep0@hanoi.example")); !errors.Is(err, ErrInvalid) {
		t.Errorf("too deep: %v", err)
	}
	many := make([]address.Address, maxResults)
	for i := range many {
		many[i] = address.Address{Local: fmt.Sprintf("u%d", i), Domain: "remote.example"}
	}
	group("many@hanoi.example", many)
	if r, err := d.Resolve(ctx, mailbox(t, "many@hanoi.example")); err != nil || len(r.Remote) != maxResults {
		t.Errorf("%d results, %v; want %d", len(r.Remote), err, maxResults)
	}
	group("more@hanoi.example", mailboxes(t, "many@hanoi.example an@hanoi.example"))
	if _, err := d.Resolve(ctx, mailbox(t, "more@hanoi.example")); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
	over := append(many, mailbox(t, "an@hanoi.example"))
	if err := d.SetMembers(ctx, mailbox(t, "many@hanoi.example"), over); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many members: %v", err)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, _ := open(t, e)
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "hanoi.example"))
	addPeople(t, d, "linh@hanoi.example")
	info := mailbox(t, "info@hanoi.example")
	for _, c := range []struct {
		list List
		want error
	}{
		{List{Address: info}, ErrInvalid},
		{List{Address: info, Members: []address.Address{{}}}, ErrInvalid},
		{List{Address: info, Members: []address.Address{{Domain: "hanoi.example"}}}, ErrInvalid},
		{List{Address: mailbox(t, "linh@hanoi.example"), Group: true}, ErrExists},
		{List{Address: mailbox(t, "a@hue.example"), Group: true}, ErrNotFound},
		{List{Address: info, Members: mailboxes(t, "linh@hanoi.example x@y.example linh@hanoi.example")}, nil},
		{List{Address: info, Group: true}, ErrExists},
		{List{Address: mailbox(t, "@hanoi.example"), Members: mailboxes(t, "linh@hanoi.example")}, nil},
	} {
		if err := d.AddList(ctx, c.list); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.list, err)
		}
	}
	again, _ := open(t, e)
	lists, err := again.Lists(ctx)
	must(t, err)
	want := []List{
		{Address: mailbox(t, "@hanoi.example"), Members: mailboxes(t, "linh@hanoi.example")},
		{Address: info, Members: mailboxes(t, "linh@hanoi.example x@y.example")},
	}
	if !reflect.DeepEqual(lists, want) {
		t.Errorf("lists %v, want %v", lists, want)
	}
	must(t, again.SetMembers(ctx, info, mailboxes(t, "z@y.example")))
	if r, err := d.Resolve(ctx, info); resolvedText(r, err) != "local z@y.example" {
		t.Errorf("after SetMembers %+v, %v", r, err)
	}
	if err := d.SetMembers(ctx, info, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("an alias for nobody: %v", err)
	}
	if err := d.SetMembers(ctx, mailbox(t, "no@hanoi.example"), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("members of nothing: %v", err)
	}
	must(t, d.RemoveList(ctx, info))
	if err := d.RemoveList(ctx, info); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func BenchmarkResolve(b *testing.B) {
	d := hanoi(b)
	a := mailbox(b, "minh@hanoi.example")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Resolve(b.Context(), a); err != nil {
			b.Fatal(err)
		}
	}
}
