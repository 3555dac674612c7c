package mail

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/kv/pebble"
)

const alice, bob = kv.FirstAccount, kv.FirstAccount + 1

// clock is a time that only the test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newPebble(t tb, fs vfs.FS) kv.Engine {
	t.Helper()
	e, err := pebble.Open(pebble.Options{
		Dir: "db", FS: fs, CacheSize: 4 << 20, MemTable: 4 << 20,
		Apart: pebble.Apart{From: 300, Alone: true, Volume: 64 << 10}, // where a server has the larger bodies
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newStore(t testing.TB, e kv.Engine) (*Store, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, err := Open(t.Context(), Options{KV: e, Blobs: blobmemory.New(), Bus: local.New(), Now: c.now, InlineMax: 4096})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func testStore(t testing.TB) *Store {
	s, _ := newStore(t, memory.New())
	return s
}

// text is a message with a subject and a body of about n octets.
func text(subject string, n int) string {
	return "From: a@example.org\r\nSubject: " + subject + "\r\nDate: Sun, 01 Mar 2026 10:00:00 +0000\r\n\r\n" +
		strings.Repeat("word \r\n", n/7) + "\r\n"
}

func body(t testing.TB, s *Store, msg string) *Body {
	t.Helper()
	sp := s.NewSpool(t.Context())
	if _, err := io.WriteString(sp, msg); err != nil {
		t.Fatal(err)
	}
	b, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func deliver(t testing.TB, s *Store, msg string, to ...Target) []Placed {
	t.Helper()
	p, err := s.Deliver(t.Context(), body(t, s, msg), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantKind(t testing.TB, err error, k Kind) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != k {
		t.Errorf("got error %v, want kind %d", err, k)
	}
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func listed(t testing.TB, a *Account, name string) (Mailbox, []Item) {
	t.Helper()
	m := must[Mailbox](t)(a.Mailbox(t.Context(), name))
	m, items, err := a.List(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	return m, items
}

func readAll(t testing.TB, a *Account, id MailboxID, uid UID) string {
	t.Helper()
	var got []byte
	err := a.Fetch(t.Context(), id, []UID{uid}, func(m *Meta) error {
		r, err := a.OpenMessage(t.Context(), m)
		if err != nil {
			return err
		}
		defer r.Close()
		got, err = io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	for _, n := range []int{10, 100000} { // inline and blob
		msg := text(fmt.Sprint("n", n), n)
		placed := deliver(t, s, msg,
			Target{Account: bob, Mailbox: ""}, Target{Account: alice, Mailbox: "Archive", Flags: Seen | Flagged, Keywords: []string{"$Work"}})
		if placed[0].Account != bob || placed[1].Account != alice {
			t.Fatalf("placed %+v", placed)
		}
		for _, p := range placed {
			if got := readAll(t, s.Account(p.Account), p.Mailbox, p.UID); got != msg {
				t.Errorf("read back %d octets, want %d", len(got), len(msg))
			}
		}
	}
	m, items := listed(t, s.Account(alice), "Archive")
	if m.Messages != 2 || m.Unseen != 0 || len(items) != 2 || m.UIDNext != 3 || len(m.Keywords) != 1 {
		t.Errorf("mailbox %+v, items %+v", m, items)
	}
	if items[0].Flags != Seen|Flagged|1<<FirstKeyword || items[1].ModSeq != m.HighestModSeq || items[0].ModSeq >= items[1].ModSeq {
		t.Errorf("items %+v", items)
	}
	_, err := s.Deliver(t.Context(), body(t, s, text("x", 1)), []Target{{Account: bob}, {Account: alice, Mailbox: "Nowhere"}}, nil)
	wantKind(t, err, NotFound)
	if m, _ := listed(t, s.Account(bob), "inbox"); m.Messages != 2 {
		t.Errorf("a refused delivery left %d messages, want 2", m.Messages)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	if err := s.SetQuota(t.Context(), alice, 0, 2); err != nil {
		t.Fatal(err)
	}
	p := deliver(t, s, text("1", 10), Target{Account: alice}, Target{Account: alice, Mailbox: "Archive"})
	if p[0].EmailID != p[1].EmailID {
		t.Errorf("one delivery made two emails: %+v", p)
	}
	deliver(t, s, text("1", 10), Target{Account: alice, Mailbox: "Sent"})
	_, err := s.Deliver(t.Context(), body(t, s, text("2", 10)), []Target{{Account: bob}, {Account: alice}}, nil)
	wantKind(t, err, OverQuota)
	if e := new(Error); !errors.As(err, &e) || e.Account != alice {
		t.Errorf("the error names account %v", e)
	}
	a := s.Account(alice)
	must[Copied](t)(a.Copy(t.Context(), p[0].Mailbox, []UID{1}, "Trash")) // it is one email all the same
	must[Copied](t)(a.Move(t.Context(), p[0].Mailbox, []UID{1}, "Trash"))
	sent, _ := listed(t, a, "Sent")
	must[[]UID](t)(a.Remove(t.Context(), sent.ID, []UID{1}))
	q := must[Quota](t)(a.Quota(t.Context()))
	if q.Messages != 1 || q.MessagesLimit != 2 || q.Bytes != int64(len(text("1", 10))) {
		t.Errorf("quota %+v", q)
	}
	deliver(t, s, text("3", 10), Target{Account: alice})
}

func TestThreads(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	head := func(id, refs, subject string) string {
		return "Message-ID: <" + id + ">\r\nReferences: " + refs + "\r\n" + text(subject, 1)
	}
	var threads []ThreadID
	for _, msg := range []string{
		head("1@x", "", "tea"),
		head("2@x", "<1@x>", "Re: tea"),
		head("3@x", "<1@x>", "coffee"),
		head("4@x", "<0@x>", "lost parent"),
		head("5@x", "<0@x>", "Re: lost parent"),
	} {
		p := deliver(t, s, msg, Target{Account: alice})[0]
		s.Account(alice).Fetch(t.Context(), p.Mailbox, []UID{p.UID}, func(m *Meta) error {
			threads = append(threads, m.Thread)
			return nil
		})
	}
	if threads[0] != threads[1] || threads[2] == threads[0] || threads[3] != threads[4] || threads[3] == threads[0] {
		t.Errorf("threads %v", threads)
	}
}

func TestChangesAndWatch(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	m, _ := listed(t, a, "INBOX")
	notice, end := a.Watch()
	defer end()
	deliver(t, s, text("1", 1), Target{Account: alice}, Target{Account: alice}, Target{Account: alice, Mailbox: "Sent"})
	<-notice
	d := must[Delta](t)(a.Changes(t.Context(), m.ID, m.HighestModSeq))
	if len(d.Changed) != 2 || d.Changed[1].UID != 2 || len(d.Gone) != 0 || d.Mailbox.Messages != 2 {
		t.Fatalf("after a delivery: %+v", d)
	}
	since := d.Mailbox.HighestModSeq
	if d := must[Delta](t)(a.Changes(t.Context(), m.ID, since)); len(d.Changed)+len(d.Gone) != 0 || d.Mailbox.HighestModSeq != since {
		t.Errorf("nothing happened, got %+v", d)
	}
	a.Store(t.Context(), m.ID, []UID{1}, AddFlags, Deleted, nil, 0)
	a.Store(t.Context(), m.ID, []UID{2}, AddFlags, Seen, nil, 0)
	must[[]UID](t)(a.Expunge(t.Context(), m.ID, nil))
	d = must[Delta](t)(a.Changes(t.Context(), m.ID, since))
	if len(d.Changed) != 1 || d.Changed[0].Flags != Seen || len(d.Gone) != 1 || d.Gone[0] != (UIDRange{1, 1}) {
		t.Errorf("after flags and expunge: %+v", d)
	}
	sent := must[Mailbox](t)(a.Mailbox(t.Context(), "Sent"))
	if err := a.Delete(t.Context(), "Sent"); err != nil {
		t.Fatal(err)
	}
	if d := must[Delta](t)(a.Changes(t.Context(), sent.ID, sent.HighestModSeq)); !d.Deleted {
		t.Errorf("of a deleted mailbox: %+v", d)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	for range 3 {
		deliver(t, s, text("1", 1), Target{Account: alice})
	}
	m, items := listed(t, a, "INBOX")
	changed, modified, err := a.Store(t.Context(), m.ID, []UID{1, 2, 3, 9}, AddFlags, Seen, []string{"Work"}, items[1].ModSeq)
	if err != nil || len(changed) != 2 || len(modified) != 1 || modified[0] != 3 {
		t.Fatalf("changed %v, modified %v, %v", changed, modified, err)
	}
	if changed, _, _ := a.Store(t.Context(), m.ID, []UID{1}, AddFlags, Seen, []string{"work"}, 0); len(changed) != 0 {
		t.Errorf("the same flags again changed %v", changed)
	}
	a.Store(t.Context(), m.ID, []UID{1}, SetFlags, Deleted, nil, 0)
	a.Store(t.Context(), m.ID, []UID{2}, RemoveFlags, Seen, []string{"unknown"}, 0)
	m, items = listed(t, a, "INBOX")
	if items[0].Flags != Deleted || items[1].Flags != 1<<FirstKeyword || m.Unseen != 3 || m.DeletedCount != 1 || len(m.Keywords) != 1 {
		t.Errorf("%+v %+v", m, items)
	}
	many := make([]string, MaxKeywords)
	for i := range many {
		many[i] = fmt.Sprint("k", i)
	}
	_, _, err = a.Store(t.Context(), m.ID, []UID{1}, AddFlags, 0, many, 0)
	wantKind(t, err, LimitReached)
	_, _, err = a.Store(t.Context(), m.ID, []UID{1}, AddFlags, 0, []string{"two words"}, 0)
	wantKind(t, err, Invalid)
}

func TestMailboxes(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	boxes := must[[]Mailbox](t)(a.Mailboxes(t.Context()))
	if len(boxes) != len(firstMailboxes) || boxes[0].Name != inbox || !boxes[0].Subscribed {
		t.Fatalf("at first: %+v", boxes)
	}
	old := must[Mailbox](t)(a.Create(t.Context(), "a/b/c", ""))
	must[Mailbox](t)(a.Mailbox(t.Context(), "a/b"))
	_, err := a.Create(t.Context(), "a/b", "")
	wantKind(t, err, Exists)
	_, err = a.Create(t.Context(), "inBox", "")
	wantKind(t, err, Exists)
	_, err = a.Create(t.Context(), "Other", `\sent`)
	wantKind(t, err, BadUse)
	if err := a.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	must[Mailbox](t)(a.Mailbox(t.Context(), "a/b/c"))
	if err := a.Rename(t.Context(), "a", "z/y"); err != nil {
		t.Fatal(err)
	}
	if m := must[Mailbox](t)(a.Mailbox(t.Context(), "z/y/b/c")); m.ID != old.ID || m.UIDValidity != old.UIDValidity {
		t.Errorf("renamed to %+v from %+v", m, old)
	}
	wantKind(t, a.Rename(t.Context(), "z", "z/y/w"), Invalid)
	wantKind(t, a.Rename(t.Context(), "z", "Sent"), Exists)
	wantKind(t, a.Rename(t.Context(), "none", "other"), NotFound)
	wantKind(t, a.Delete(t.Context(), "inbox"), Invalid)
	if err := a.Delete(t.Context(), "z/y/b/c"); err != nil {
		t.Fatal(err)
	}
	if m := must[Mailbox](t)(a.Create(t.Context(), "z/y/b/c", "")); m.UIDValidity <= old.UIDValidity {
		t.Errorf("a mailbox made again has UIDVALIDITY %d, before %d", m.UIDValidity, old.UIDValidity)
	}
}

func TestRenameInbox(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	deliver(t, s, text("1", 1), Target{Account: alice, Flags: Seen, Keywords: []string{"k"}})
	if err := a.Rename(t.Context(), "INBOX", "Old"); err != nil {
		t.Fatal(err)
	}
	if m, items := listed(t, a, "INBOX"); m.Messages != 0 || len(items) != 0 || m.UIDNext != 2 {
		t.Errorf("INBOX %+v", m)
	}
	m, items := listed(t, a, "Old")
	if len(items) != 1 || items[0].Flags != Seen|1<<FirstKeyword || readAll(t, a, m.ID, 1) != text("1", 1) {
		t.Errorf("Old %+v %+v", m, items)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"inbox": "INBOX", "Inbox/x": "INBOX/x", "Thư đến": "Thư đến", "a/inbox": "a/inbox",
		"": "", "/a": "", "a//b": "", "a/": "", "a\x00b": "", "a\nb": "", "\xff": "", "a\u0085": "",
		strings.Repeat("x", 501): "", strings.Repeat("x/", 30) + "x": "", strings.Repeat("x/", 29) + "x": strings.Repeat("x/", 29) + "x",
	} {
		got, err := canonical(name)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("canonical(%.40q) = %.40q, %v; want %.40q", name, got, err, want)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	a := testStore(t).Account(alice)
	for _, on := range []bool{true, true, false} {
		if err := a.Subscribe(t.Context(), "not/there", on); err != nil {
			t.Fatal(err)
		}
		names := must[[]string](t)(a.Subscriptions(t.Context()))
		if has := strings.Contains(strings.Join(names, " "), "not/there"); has != on || names[0] != inbox {
			t.Errorf("subscribed %v: %q", on, names)
		}
	}
}

func TestNewerFormat(t *testing.T) {
	t.Parallel()
	e := memory.New()
	newStore(t, e)
	newStore(t, e)
	b := new(kv.Batch)
	b.Set(kv.System, formatKey, strconv.AppendInt(nil, formatVersion+1, 10))
	kv.Commit(t.Context(), e, b)
	_, err := Open(t.Context(), Options{KV: e})
	if err == nil || !strings.Contains(err.Error(), "use a newer program") {
		t.Errorf("opening a newer format: %v", err)
	}
}

// TestStaleCache changes an account behind the cache's back, as another node would.
func TestStaleCache(t *testing.T) {
	t.Parallel()
	e := memory.New()
	one, _ := newStore(t, e)
	two, _ := newStore(t, e)
	for range 3 {
		deliver(t, one, text("1", 1), Target{Account: alice})
		deliver(t, two, text("2", 1), Target{Account: alice})
	}
	if m, items := listed(t, one.Account(alice), "INBOX"); len(items) != 6 || m.Messages != 6 || items[5].UID != 6 {
		t.Errorf("%+v %+v", m, items)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	a := s.Account(alice)
	for _, n := range []int{1, 10000} {
		id := body(t, s, text("x", n))
		to := []Target{{Account: alice}, {Account: bob}}
		if _, err := s.Deliver(t.Context(), id, to, nil); err != nil {
			t.Fatal(err)
		}
		m, items := listed(t, a, inbox)
		gone := func(acct *Account, items []Item) {
			must[[]UID](t)(acct.Remove(t.Context(), m.ID, []UID{items[len(items)-1].UID}))
			c.t = c.t.Add(3 * 24 * time.Hour)
			if err := s.sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		gone(a, items)
		if _, err := s.OpenBody(t.Context(), id.ID); err != nil {
			t.Errorf("still referred to by bob: %v", err)
		}
		_, items = listed(t, s.Account(bob), inbox)
		gone(s.Account(bob), items)
		_, err := s.OpenBody(t.Context(), id.ID)
		wantKind(t, err, NotFound)
	}
	if err := s.KV.View(t.Context(), func(r kv.Reader) error {
		for p := range kv.Part(kv.BodyParts) {
			if err := r.Scan(kv.FirstBodies+p, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
				t.Errorf("left behind: %q", key)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestReferAndDeleteAccount(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	kept, lost := body(t, s, text("kept", 1)), body(t, s, text("lost", 1))
	owner := []byte("queue")
	s.Deliver(t.Context(), kept, nil, func(b *kv.Batch) { s.Refer(b, kept.ID, owner) })
	s.Deliver(t.Context(), lost, []Target{{Account: alice}}, nil)
	v := must[Mailbox](t)(s.Account(alice).Mailbox(t.Context(), inbox))
	if err := s.DeleteAccount(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	c.t = c.t.Add(3 * 24 * time.Hour)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	must[any](t)(s.OpenBody(t.Context(), kept.ID))
	_, err := s.OpenBody(t.Context(), lost.ID)
	wantKind(t, err, NotFound)
	again := must[Mailbox](t)(s.Account(alice).Mailbox(t.Context(), inbox))
	if again.Messages != 0 || again.UIDValidity <= v.UIDValidity {
		t.Errorf("made again: %+v, before %+v", again, v)
	}
}

func TestOrphanedBlob(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	id := body(t, s, text("x", 10000)).ID
	c.t = time.Now().Add(48 * time.Hour)
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := s.OpenBody(t.Context(), id)
	wantKind(t, err, NotFound)
}
