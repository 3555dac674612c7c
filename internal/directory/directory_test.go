package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

var epoch = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// open returns the directory of an engine, and its clock.
func open(t testing.TB, e kv.Engine) (*Directory, *clock) {
	t.Helper()
	c := &clock{now: epoch}
	d, err := Open(t.Context(), Options{KV: e, Now: c.Now, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	d.cost = argonCost{memory: 64, time: 1, threads: 1}
	return d, c
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func engine(t testing.TB) kv.Engine {
	t.Helper()
	e := memory.New()
	t.Cleanup(func() { e.Close() })
	return e
}

func mailbox(t testing.TB, s string) address.Address {
	t.Helper()
	if domain, ok := strings.CutPrefix(s, "@"); ok {
		return address.Address{Domain: domain}
	}
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mailboxes(t testing.TB, s string) (out []address.Address) {
	t.Helper()
	for _, f := range strings.Fields(s) {
		out = append(out, mailbox(t, f))
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addPeople gives each address an account without the cost of a password.
func addPeople(t testing.TB, d *Directory, addresses string) []Account {
	t.Helper()
	var people []NewAccount
	for _, a := range mailboxes(t, addresses) {
		people = append(people, NewAccount{Address: a})
	}
	var added []Account
	must(t, d.change(t.Context(), func(x *index, b *kv.Batch) (err error) {
		added, err = x.addAccounts(b, people, make([]credentialValue, len(people)), Account{Created: d.now()})
		return err
	}))
	return added
}

// hanoi is a directory with a domain and three people, linh, minh and an.
func hanoi(t testing.TB) *Directory {
	t.Helper()
	d, _ := open(t, engine(t))
	must(t, d.AddDomain(t.Context(), "hanoi.example"))
	addPeople(t, d, "linh@hanoi.example minh@hanoi.example an@hanoi.example")
	return d
}

func TestDomains(t *testing.T) {
	t.Parallel()
	d, _ := open(t, engine(t))
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "Saigon.example"))
	must(t, d.AddDomain(ctx, "hanoi.example"))
	if err := d.AddDomain(ctx, "saigon.EXAMPLE"); !errors.Is(err, ErrExists) {
		t.Errorf("the same domain again: %v", err)
	}
	if err := d.AddDomain(ctx, "not a domain"); !errors.Is(err, ErrInvalid) {
		t.Errorf("no domain: %v", err)
	}
	names, err := d.Domains(ctx)
	if want := []string{"hanoi.example", "saigon.example"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("domains %q, %v; want %q", names, err, want)
	}
	for domain, want := range map[string]bool{
		"hanoi.example": true, "HANOI.example": true, "hue.example": false, "": false, "a b": false,
	} {
		if got, err := d.IsLocal(ctx, domain); got != want || err != nil {
			t.Errorf("IsLocal(%q) = %v, %v", domain, got, err)
		}
	}
	addPeople(t, d, "linh@hanoi.example")
	if err := d.RemoveDomain(ctx, "hanoi.example"); !errors.Is(err, ErrInvalid) {
		t.Errorf("remove a domain with people: %v", err)
	}
	must(t, d.RemoveDomain(ctx, "saigon.example"))
	if err := d.RemoveDomain(ctx, "saigon.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("remove it again: %v", err)
	}
	must(t, d.AddDomain(ctx, "hue.example"))
	must(t, d.AddList(ctx, List{Address: mailbox(t, "a@hue.example"), Members: mailboxes(t, "b@c.example")}))
	if err := d.RemoveDomain(ctx, "hue.example"); !errors.Is(err, ErrInvalid) {
		t.Errorf("remove a domain with an alias: %v", err)
	}
}

func TestAccountsSurviveAndIDsAreNotReused(t *testing.T) {
	t.Parallel()
	e := engine(t)
	d, _ := open(t, e)
	ctx := t.Context()
	must(t, d.AddDomain(ctx, "hanoi.example"))
	linh := mailbox(t, "Linh@hanoi.example")
	first, err := d.AddAccount(ctx, linh, "Nguyễn Thùy Linh", "mật khẩu của Linh", 2<<30)
	must(t, err)
	want := Account{ID: kv.FirstAccount, Address: linh, Name: "Nguyễn Thùy Linh", Quota: 2 << 30, Created: epoch, secretSince: 2}
	if first != want {
		t.Errorf("added %+v, want %+v", first, want)
	}
	again, _ := open(t, e)
	got, err := again.Account(ctx, mailbox(t, "linh@HANOI.example"))
	if err != nil || got != want {
		t.Errorf("after a restart %+v, %v; want %+v", got, err, want)
	}
	if _, err := again.RemoveAccount(ctx, linh, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Account(ctx, linh); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed account: %v", err)
	}
	third, _ := open(t, e)
	if a := addPeople(t, third, "linh@hanoi.example")[0]; a.ID != kv.FirstAccount+1 {
		t.Errorf("the id %d after one was removed, want %d", a.ID, kv.FirstAccount+1)
	}
}

func TestAddAccountRefuses(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	must(t, d.AddList(t.Context(), List{Address: mailbox(t, "info@hanoi.example"), Members: mailboxes(t, "linh@hanoi.example")}))
	const secret = "s3cret-and-long"
	for _, c := range []struct {
		address, name, password string
		quota                   int64
		want                    error
	}{
		{"LINH@hanoi.example", "", secret, 0, ErrExists},
		{"info@hanoi.example", "", secret, 0, ErrExists},
		{"linh@hue.example", "", secret, 0, ErrNotFound},
		{"@hanoi.example", "", secret, 0, ErrInvalid},
		{"x@hanoi.example", "", "", 0, ErrInvalid},
		{"x@hanoi.example", "", secret + "\x00", 0, ErrInvalid},
		{"x@hanoi.example", "", strings.Repeat(secret, 100), 0, ErrInvalid},
		{"x@hanoi.example", "", secret + "🔥", 0, ErrInvalid},
		{"x@hanoi.example", "a\nb", secret, 0, ErrInvalid},
		{"x@hanoi.example", "a\xffb", secret, 0, ErrInvalid},
		{"x@hanoi.example", strings.Repeat("a", 300), secret, 0, ErrInvalid},
		{"x@hanoi.example", "", secret, -1, ErrInvalid},
	} {
		_, err := d.AddAccount(t.Context(), mailbox(t, c.address), c.name, c.password, c.quota)
		if !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error %q has the password", err)
		}
	}
}

func TestAddAccountsAllOrNone(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	people := []NewAccount{
		{Address: mailbox(t, "a@hanoi.example"), Password: "first-of-all"},
		{Address: mailbox(t, "A@hanoi.example"), Password: "the-same-again"},
	}
	if _, err := d.AddAccounts(t.Context(), people, nil); !errors.Is(err, ErrExists) {
		t.Errorf("twice the same: %v", err)
	}
	people[1].Address = mailbox(t, "b@hanoi.example")
	var told []int
	added, err := d.AddAccounts(t.Context(), people, func(done int) { told = append(told, done) })
	if err != nil || len(added) != 2 || added[1].ID != added[0].ID+1 {
		t.Errorf("added %+v, %v", added, err)
	}
	if !slices.Equal(told, []int{1, 2}) {
		t.Errorf("progress %v", told)
	}
	all, err := d.Accounts(t.Context())
	if err != nil || len(all) != 5 || all[0].Address.Local != "a" {
		t.Errorf("accounts %v, %v", all, err)
	}
}

// Rows from before there were settings of POP3, and administrators, are read as
// those of everything and nobody.
func TestOldAccountRows(t *testing.T) {
	t.Parallel()
	old := `{"id":65536,"address":["linh","hanoi.example"],"created":"2026-11-23T00:00:00Z"}`
	acc, err := decodeAccount([]byte(old))
	must(t, err)
	if acc.POP != (POP{}) || string(encodeAccount(acc)) != old {
		t.Errorf("an old row is %+v, written %s", acc, encodeAccount(acc))
	}
	acc.POP = POP{POPNew, 7, POPArchive}
	if again, err := decodeAccount(encodeAccount(acc)); err != nil || again.POP != acc.POP {
		t.Errorf("read back %+v %v", again.POP, err)
	}
	acc.Admin = true
	if again, err := decodeAccount(encodeAccount(acc)); err != nil || again != acc {
		t.Errorf("read back %+v %v", again, err)
	}
	for _, p := range []POP{{Access: "some"}, {After: "keep"}} {
		if err := checkPOP(acc.Address, p); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestSetAccount(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	ctx := t.Context()
	acc, err := d.Account(ctx, mailbox(t, "minh@hanoi.example"))
	must(t, err)
	want := acc
	want.Name, want.Quota, want.Disabled, want.Admin = "Minh", 500<<20, true, true
	acc = want
	acc.ID = 1 // ignored
	must(t, d.SetAccount(ctx, acc))
	if got, err := d.Account(ctx, acc.Address); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if err := d.SetAccount(ctx, Account{Address: mailbox(t, "who@hanoi.example")}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// Two directories on one engine stand for two nodes of a cluster.
func TestNodesSeeEachOthersChanges(t *testing.T) {
	t.Parallel()
	e := engine(t)
	one, _ := open(t, e)
	two, _ := open(t, e)
	ctx := t.Context()
	must(t, one.AddDomain(ctx, "hanoi.example"))
	addPeople(t, two, "linh@hanoi.example")
	if r, err := one.Resolve(ctx, mailbox(t, "linh@hanoi.example")); err != nil || len(r.Accounts) != 1 {
		t.Errorf("resolved %+v, %v", r, err)
	}
	if err := two.RemoveDomain(ctx, "hanoi.example"); !errors.Is(err, ErrInvalid) {
		t.Errorf("remove a domain in use: %v", err)
	}
}

func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	e := engine(t)
	nodes := make([]*Directory, 3)
	for i := range nodes {
		nodes[i], _ = open(t, e)
	}
	must(t, nodes[0].AddDomain(t.Context(), "hanoi.example"))
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() { addPeople(t, nodes[i%3], fmt.Sprintf("p%d@hanoi.example", i)) })
	}
	all.Wait()
	ids := map[kv.Part]bool{}
	for _, d := range nodes {
		accounts, err := d.Accounts(t.Context())
		must(t, err)
		if len(accounts) != 30 {
			t.Errorf("%d accounts, want 30", len(accounts))
		}
		for _, a := range accounts {
			ids[a.ID] = true
		}
	}
	if len(ids) != 30 {
		t.Errorf("%d different ids, want 30", len(ids))
	}
}

// interrupted is an engine on which something happens just before each of the
// first few commits.
type interrupted struct {
	kv.Engine
	before []func()
}

func (i *interrupted) Submit(b *kv.Batch) kv.Pending {
	if len(i.before) > 0 {
		do := i.before[0]
		i.before = i.before[1:]
		do()
	}
	return i.Engine.Submit(b)
}

func TestChangeStartsAnewWhenAnotherNodeWasFaster(t *testing.T) {
	t.Parallel()
	e := engine(t)
	other, _ := open(t, e)
	must(t, other.AddDomain(t.Context(), "hanoi.example"))
	i := &interrupted{Engine: e}
	d, _ := open(t, i)
	i.before = []func(){
		func() { addPeople(t, other, "linh@hanoi.example") },
		func() { addPeople(t, other, "minh@hanoi.example") },
	}
	if a := addPeople(t, d, "an@hanoi.example")[0]; a.ID != kv.FirstAccount+2 {
		t.Errorf("id %d, want %d", a.ID, kv.FirstAccount+2)
	}
	i.before = []func(){func() { addPeople(t, other, "lan@hanoi.example") }}
	_, err := d.AddAccount(t.Context(), mailbox(t, "lan@hanoi.example"), "", "another Lan", 0)
	if !errors.Is(err, ErrExists) {
		t.Errorf("an account that another node added meanwhile: %v", err)
	}
	for range maxTries {
		i.before = append(i.before, func() { must(t, other.SetAccount(t.Context(), Account{Address: mailbox(t, "lan@hanoi.example")})) })
	}
	if err := d.AddDomain(t.Context(), "hue.example"); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("a change that never was first: %v", err)
	}
}

func TestEngineErrorsAreTemporary(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	d.kv.Close()
	if _, err := d.IsLocal(context.Background(), "hanoi.example"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("IsLocal on a closed store: %v", err)
	}
	if _, err := d.VerifyPassword(context.Background(), "linh@hanoi.example", "x"); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("VerifyPassword on a closed store: %v", err)
	}
}
