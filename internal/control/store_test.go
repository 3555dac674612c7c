package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/line/linetest"
	"tem/internal/mail"
	"tem/internal/queue"
)

// nowhere is for verbs that nobody watches.
func nowhere() watcher { return Call{}.watcher() }

// people adds a domain and accounts a0, a1, … of it; the first is kv.FirstAccount.
func people(t *testing.T, s *Service, n int) {
	t.Helper()
	if err := s.Directory.AddDomain(t.Context(), "hue.example"); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		add(t, s, fmt.Sprintf("a%d@hue.example", i))
	}
}

func add(t *testing.T, s *Service, address string) {
	t.Helper()
	if _, err := s.AddAccount(t.Context(), AccountAdd{Address: address, Password: secret}); err != nil {
		t.Fatal(err)
	}
}

// letter puts one into a mailbox of account number i.
func letter(t *testing.T, s *Service, i int, mailbox, text string) error {
	t.Helper()
	sp := s.Mail.NewSpool(t.Context())
	sp.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	body, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Mail.Deliver(t.Context(), body, []mail.Target{{Account: kv.FirstAccount + kv.Part(i), Mailbox: mailbox}}, nil)
	return err
}

const hello = "From: =?utf-8?q?H=C6=B0=C6=A1ng?= <huong@crepes.fr>\nSubject: \"xin chào\"\n\nhello\n"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantKind asks for an error of a kind, as it travels.
func wantKind(t *testing.T, what string, err error, want Kind) {
	t.Helper()
	if err == nil || asError(err).Kind != want {
		t.Errorf("%s: %v, want one of kind %q", what, err, want)
	}
}

func TestDomainQuota(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 2)
	must(t, s.Directory.AddDomain(t.Context(), "hanoi.example"))
	add(t, s, "other@hanoi.example")
	var last [2]int
	w := nowhere()
	w.progress = func(done, total int) { last = [2]int{done, total} }
	limit, messages := int64(1000), int64(3)
	got, err := s.SetDomain(t.Context(), DomainSet{Name: "HUE.example", Bytes: &limit, Messages: &messages}, w)
	if err != nil || got != (DomainQuota{Domain: "hue.example", BytesLimit: 1000, MessagesLimit: 3}) || last != [2]int{3, 3} {
		t.Errorf("%+v, %v, progress %v", got, err, last)
	}
	add(t, s, "late@hue.example") // account 3
	if _, err := s.Import(t.Context(), AccountImport{[]byte("later@hue.example," + secret + "\n")}, nowhere()); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 3, 4, 2} {
		must(t, letter(t, s, i, "", "Subject: x\n\nx\n"))
	}
	var full *mail.Error
	if err := letter(t, s, 1, "", "Subject: x\n\nx\n"); !errors.As(err, &full) || full.Kind != mail.OverQuota {
		t.Errorf("the fourth letter of the domain: %v", err)
	}
	must(t, letter(t, s, 2, "", "Subject: x\n\nanother domain\n"))
	want := Domains{[]string{"hanoi.example", "hue.example"}, []DomainQuota{{"hue.example", 51, 1000, 3, 3}}}
	if list, err := s.ListDomains(t.Context(), Nothing{}); err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("%+v, %v", list, err)
	}
	none := int64(0)
	if _, err := s.SetDomain(t.Context(), DomainSet{Name: "hue.example", Bytes: &none, Messages: &none}, w); err != nil {
		t.Fatal(err)
	}
	must(t, letter(t, s, 1, "", "Subject: x\n\nx\n"))
	list, err := s.Mail.Registered(t.Context())
	must(t, err)
	if i := slices.IndexFunc(list, func(g mail.Registered) bool { return g.Pool != "" }); i >= 0 {
		t.Errorf("%+v still shares a quota", list[i])
	}
	negative := int64(-1)
	_, err = s.SetDomain(t.Context(), DomainSet{Name: "hue.example", Bytes: &negative}, w)
	wantKind(t, "a negative quota", err, Invalid)
	_, err = s.SetDomain(t.Context(), DomainSet{Name: "saigon.example"}, w)
	wantKind(t, "another's domain", err, NotFound)
}

// A domain that was given up and comes back has no quota.
func TestRemovedDomainHasNoQuota(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 0)
	limit := int64(1000)
	if _, err := s.SetDomain(t.Context(), DomainSet{Name: "hue.example", Bytes: &limit}, nowhere()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemoveDomain(t.Context(), Domain{"hue.example"}); err != nil {
		t.Fatal(err)
	}
	if limits, err := s.Mail.PoolLimits(t.Context()); err != nil || len(limits) != 0 {
		t.Errorf("%+v, %v", limits, err)
	}
}

// removeAll empties a mailbox of account 0.
func removeAll(t *testing.T, s *Service, mailbox string) {
	t.Helper()
	a := s.Mail.Account(kv.FirstAccount)
	box, err := a.Mailbox(t.Context(), mailbox)
	must(t, err)
	_, items, err := a.List(t.Context(), box.ID)
	must(t, err)
	var uids []mail.UID
	for _, i := range items {
		uids = append(uids, i.UID)
	}
	_, err = a.Remove(t.Context(), box.ID, uids)
	must(t, err)
}

func TestDeletedAndRestored(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 1)
	now := time.Now().Truncate(time.Second)
	for _, box := range []string{"INBOX", "Sent", "Archive"} {
		must(t, letter(t, s, 0, box, hello))
		s.Mail.Now = func() time.Time { return now }
		removeAll(t, s, box)
		now = now.Add(time.Hour)
	}
	address := "a0@hue.example"
	list, err := s.ListDeleted(t.Context(), Address{address})
	if err != nil || len(list.Messages) != 3 || !list.Kept {
		t.Fatalf("%+v, %v", list, err)
	}
	first := list.Messages[0]
	if first.Mailbox != "INBOX" || first.From != "Hương <huong@crepes.fr>" || first.Subject != `"xin chào"` || first.Size != 84 {
		t.Errorf("%+v", first)
	}
	for _, r := range []Restore{{}, {All: true, IDs: []uint64{1}}, {All: true, Since: now}} {
		r.Address = address
		_, err := s.Restore(t.Context(), r, nowhere())
		wantKind(t, fmt.Sprintf("%+v", r), err, Invalid)
	}
	_, err = s.Restore(t.Context(), Restore{Address: address, IDs: []uint64{first.ID, 99}}, nowhere())
	wantKind(t, "an id that is not there", err, NotFound)

	for _, c := range []struct {
		r    Restore
		want []RestoredMessage
	}{
		{Restore{IDs: []uint64{first.ID}}, []RestoredMessage{{"INBOX", 2}}},
		{Restore{Since: list.Messages[2].Removed}, []RestoredMessage{{"Archive", 2}}},
		{Restore{All: true}, []RestoredMessage{{"Sent", 2}}},
		{Restore{All: true}, []RestoredMessage{}},
	} {
		c.r.Address = address
		if got, err := s.Restore(t.Context(), c.r, nowhere()); err != nil || !reflect.DeepEqual(got.Messages, c.want) {
			t.Errorf("%+v: %+v, %v; want %+v", c.r, got, err, c.want)
		}
	}
}

func TestRestoreIntoAFullMailbox(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 1)
	must(t, letter(t, s, 0, "", hello))
	removeAll(t, s, "INBOX")
	must(t, s.Mail.SetQuota(t.Context(), kv.FirstAccount, 10, 0))
	_, err := s.Restore(t.Context(), Restore{Address: "a0@hue.example", All: true}, nowhere())
	if err == nil || !strings.Contains(err.Error(), "raise the quota") {
		t.Errorf("%v", err)
	}
}

// A removed account leaves nothing: no mail, no grants of it or to it.
func TestRemoveAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 2)
	for i := range 2 {
		must(t, letter(t, s, i, "", hello))
	}
	group := List{Address: "all@hue.example", Group: true}
	if _, err := s.AddList(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	a0 := s.Mail.Account(kv.FirstAccount)
	for _, to := range []mail.Grantee{mail.AccountGrantee(kv.FirstAccount + 1), mail.GroupGrantee("all@hue.example"), mail.Anyone} {
		must(t, a0.SetGrant(t.Context(), 1, mail.Grant{To: to, Rights: mail.RightRead}))
	}
	if _, err := s.RemoveAccount(t.Context(), Address{"a1@hue.example"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemoveList(t.Context(), ListRemove{group.Address, true}); err != nil {
		t.Fatal(err)
	}
	grants, err := a0.Grants(t.Context(), 1)
	if err != nil || len(grants) != 1 || grants[0].To != mail.Anyone {
		t.Errorf("grants that are left: %+v, %v", grants, err)
	}
	err = s.Mail.KV.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.FirstAccount+1, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
			t.Errorf("row %q is left", key)
			return nil
		})
	})
	must(t, err)
	if list, err := s.Mail.Registered(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("accounts that are left: %+v, %v", list, err)
	}
}

// dying is an engine that takes only so many more batches.
type dying struct {
	kv.Engine
	left atomic.Int64
}

func (d *dying) Submit(b *kv.Batch) kv.Pending {
	if d.left.Add(-1) < 0 {
		return dead{}
	}
	return d.Engine.Submit(b)
}

type dead struct{}

func (dead) Wait(context.Context) error { return errors.New("the process was killed") }

// An account is removed and its mail doomed in one commit, so that the
// housekeeping knows after a crash what is left to do.
func TestRemoveAccountIsOneCommit(t *testing.T) {
	t.Parallel()
	e := &dying{Engine: memory.New()}
	e.left.Store(1000)
	s := serviceOn(t, e)
	people(t, s, 1)
	must(t, letter(t, s, 0, "", hello))
	e.left.Store(1)
	_, err := s.RemoveAccount(t.Context(), Address{"a0@hue.example"})
	if err == nil || !strings.Contains(err.Error(), "the server will go on with it") {
		t.Errorf("it is told %v", err)
	}
	all, err := s.Directory.Accounts(t.Context())
	if err != nil || len(all) != 0 {
		t.Errorf("accounts: %+v, %v", all, err)
	}
	list, err := s.Mail.Registered(t.Context())
	if err != nil || len(list) != 1 || !list[0].Doomed {
		t.Errorf("mail: %+v, %v", list, err)
	}
}

func mustAddress(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	must(t, err)
	return a
}

// check runs store.check through a socket and returns what it told.
func check(t *testing.T, s *Service, r StoreCheck) (sum StoreChecked, found []Problem, err error) {
	t.Helper()
	dir := t.TempDir()
	serve(t, s, dir)
	err = Do(t.Context(), dir, neverOpen, Call{Verb: "store.check", Request: r, Response: &sum, Found: func(line json.RawMessage) {
		var p Problem
		must(t, json.Unmarshal(line, &p))
		found = append(found, p)
	}})
	return sum, found, err
}

func TestCheckStore(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 3)
	for i := range 3 {
		must(t, letter(t, s, i, "", hello))
	}
	sum, found, err := check(t, s, StoreCheck{})
	if err != nil || sum != (StoreChecked{Accounts: 3, Messages: 3, Bodies: 3}) || found != nil {
		t.Fatalf("a store that is whole: %+v, %+v, %v", sum, found, err)
	}
	// a1 loses its totals, a2 its place in the directory, the queue a body.
	b := new(kv.Batch)
	s.Queue.Add(b, &queue.Job{ID: "01JDCAQ5N9T3V8ZK2M7R4W6XYB-0", Domain: "crepes.fr", Recipients: []queue.Recipient{{Address: "x@crepes.fr"}}, Expires: time.Now().Add(time.Hour)})
	b.Delete(kv.FirstAccount+1, []byte("f\x00\x00\x00\x01\x00\x00\x00\x01"))
	must(t, kv.Commit(t.Context(), s.Mail.KV, b))
	_, err = s.Directory.RemoveAccount(t.Context(), mustAddress(t, "a2@hue.example"), nil)
	must(t, err)

	sum, found, err = check(t, s, StoreCheck{Quick: true})
	must(t, err)
	for _, want := range []string{
		"account 65538: there is mail of an account that is not in the directory",
		": queue entry 01JDCAQ5N9T3V8ZK2M7R4W6XYB-0 for crepes.fr: its message",
		"a1@hue.example: mailbox 1, uid 1: its flags are missing",
	} {
		if !slices.ContainsFunc(found, func(p Problem) bool { return strings.HasPrefix(p.Account+": "+p.Text, want) }) {
			t.Errorf("no %q in %+v", want, found)
		}
	}
	if sum.Problems != int64(len(found)) || sum.Lost != 1 || sum.Repaired != 0 || sum.Bodies != 0 {
		t.Errorf("%+v", sum)
	}
	sum, found, err = check(t, s, StoreCheck{Account: "a0@hue.example"})
	if err != nil || found != nil || sum.Messages != 1 {
		t.Errorf("a0 alone: %+v, %+v, %v", sum, found, err)
	}
	_, _, err = check(t, s, StoreCheck{Account: "a9@hue.example"})
	wantKind(t, "an account that is not there", err, NotFound)
	if sum, _, err = check(t, s, StoreCheck{Repair: true}); err != nil || sum.Repaired == 0 {
		t.Errorf("repair: %+v, %v", sum, err)
	}
	if _, found, err = check(t, s, StoreCheck{}); err != nil || len(found) != 2 {
		t.Errorf("after the repair: %+v, %v", found, err)
	}
}

// A check ends when whoever asked for it goes away.
func TestCheckIsStopped(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 1)
	must(t, letter(t, s, 0, "", hello))
	ctx, cancel := context.WithCancel(t.Context())
	w := nowhere()
	w.progress = func(int, int) { cancel() }
	_, err := s.CheckStore(ctx, StoreCheck{}, w)
	wantKind(t, "a check that is stopped", err, Stopped)
}

// A check that was stopped goes on where it was, whatever was checked meanwhile.
func TestCheckIsResumed(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 3)
	for i := range 3 {
		must(t, letter(t, s, i, "", hello))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := nowhere()
	w.progress = func(done, _ int) {
		if done == 2 {
			cancel()
		}
	}
	_, err := s.CheckStore(ctx, StoreCheck{}, w)
	wantKind(t, "a check that is stopped", err, Stopped)
	if sum, err := s.CheckStore(t.Context(), StoreCheck{Account: "a0@hue.example"}, nowhere()); err != nil || sum.Messages != 1 {
		t.Errorf("one account: %+v, %v", sum, err)
	}
	for _, want := range []int64{2, 3} { // the account it was stopped in and the next; then from the beginning
		if sum, err := s.CheckStore(t.Context(), StoreCheck{Resume: true}, nowhere()); err != nil || sum.Messages != want {
			t.Errorf("%+v, %v; want %d messages", sum, err, want)
		}
	}
}

// What is asked through the socket ends when the caller goes away, and is no
// error of the server's.
func TestACallEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	s := service(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s.Reload = func(ctx context.Context) error {
		cancel() // the caller's
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	dir := t.TempDir()
	t.Run("call", func(t *testing.T) {
		var log *linetest.Log
		t.Cleanup(func() { // after the server has ended
			if strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("the log calls it an error: %s", log)
			}
		})
		log = serve(t, s, dir)
		if err := Do(ctx, dir, neverOpen, Call{Verb: "reload", Request: Nothing{}}); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller is told %v", err)
		}
		<-ended
	})
}

func TestStoreInfo(t *testing.T) {
	t.Parallel()
	s := service(t)
	people(t, s, 2)
	for i := range 2 {
		must(t, letter(t, s, i, "", hello))
	}
	removeAll(t, s, "INBOX")
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "x"), make([]byte, 77), 0o600))
	s.Places = Places{Rows: "there", Bodies: dir, BodiesDir: dir}
	got, err := s.StoreInfo(t.Context(), Nothing{})
	want := StoreInfo{Rows: "there", Bodies: dir, Format: 6, Accounts: 2, Messages: 1, Bytes: 84, DeletedMessages: 1, DeletedBytes: 84, BodiesSize: 77}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSenderAndSubject(t *testing.T) {
	t.Parallel()
	for envelope, want := range map[string][2]string{
		`(NIL "a \"b\" \\c" (("N" NIL "l" "d")("M" NIL "m" "d")) NIL)`:        {"N <l@d>", `a "b" \c`},
		`("d" NIL ((NIL NIL "l" "d")))`:                                       {"l@d", ""},
		`(NIL "s" ((NIL NIL "group" NIL)(NIL NIL "l" "d")(NIL NIL NIL NIL)))`: {"l@d", "s"},
		`(NIL "s" NIL)`: {"", "s"},
		`(NIL "s" ("`:   {"", ""},
		`((((((((`:      {"", ""},
		``:              {"", ""},
	} {
		if from, subject := senderAndSubject([]byte(envelope)); from != want[0] || subject != want[1] {
			t.Errorf("%s: %q, %q; want %q", envelope, from, subject, want)
		}
	}
}

func FuzzSenderAndSubject(f *testing.F) {
	f.Add([]byte(`(NIL "a \"b\" \\c" (("N" NIL "l" "d")("M" NIL "m" "d")) NIL)`))
	f.Add([]byte(`("`))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		before := string(envelope)
		senderAndSubject(envelope)
		if string(envelope) != before {
			t.Error("the envelope was changed")
		}
	})
}
