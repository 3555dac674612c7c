package mail

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// snapshot is what an account has after one commit, as text to compare.
type snapshot struct {
	boxes      map[MailboxID]string // counts and all
	properties map[MailboxID]string // name, subscription, grants
	emails     map[EmailID]string   // where it is, with which flags
	threads    map[ThreadID]string  // its emails
}

// photographer is an engine that takes a snapshot of alice's account after each
// of its commits.
type photographer struct {
	*memory.Engine
	taken map[ModSeq]snapshot
	last  ModSeq
}

func (p *photographer) Submit(b *kv.Batch) kv.Pending {
	pending := p.Engine.Submit(b)
	err := p.View(context.Background(), func(r kv.Reader) error {
		st, err := readState(r, alice)
		if err != nil || st.modseq == p.last {
			return err
		}
		p.last = st.modseq
		p.taken[st.modseq], err = takeSnapshot(r)
		return err
	})
	if err != nil {
		panic(err) // rows that can't be read
	}
	return pending
}

func takeSnapshot(r kv.Reader) (snapshot, error) {
	s := snapshot{map[MailboxID]string{}, map[MailboxID]string{}, map[EmailID]string{}, map[ThreadID]string{}}
	boxes, err := readMailboxes(r, alice)
	if err != nil {
		return s, err
	}
	for _, m := range boxes {
		_, sub, err := r.Get(alice, subscribeKey(m.Name))
		if err != nil {
			return s, err
		}
		grants, err := readGrants(r, alice, m.ID)
		if err != nil {
			return s, err
		}
		s.properties[m.ID] = fmt.Sprint(m.Name, sub, grants)
		s.boxes[m.ID] = fmt.Sprint(m, s.properties[m.ID])
	}
	threads := map[EmailID]ThreadID{}
	err = r.Scan(alice, []byte{keyMeta}, []byte{keyMeta + 1}, kv.ScanOptions{}, func(key, row []byte) error {
		var m Meta
		if err := m.decode(uidOf(key), row); err != nil {
			return err
		}
		flags, _, err := r.Get(alice, messageKey(keyFlags, mailboxOf(key), m.UID))
		threads[m.Email] = m.Thread
		s.emails[m.Email] += fmt.Sprintf("%x %x\n", key, flags)
		return err
	})
	for _, email := range slices.Sorted(maps.Keys(threads)) {
		s.threads[threads[email]] += fmt.Sprintln(email)
	}
	return s, err
}

// differ adds to touched the keys that two maps do not have in common.
func differ[K comparable](touched map[K]bool, before, after map[K]string) {
	for k, v := range after {
		if was, ok := before[k]; !ok || was != v {
			touched[k] = true
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			touched[k] = true
		}
	}
}

// sorts sorts what was touched into lists.
func sorts[K ~uint32 | ~uint64](touched map[K]bool, before, after map[K]string) (c ObjectChanges[K]) {
	for _, k := range slices.Sorted(maps.Keys(touched)) {
		_, was := before[k]
		_, is := after[k]
		c.add(k, is, was)
	}
	return c
}

// want computes the changes after since from the snapshots.
func (p *photographer) want(since ModSeq) AccountChanges {
	first, last := p.taken[since], p.taken[p.last]
	boxes, properties, emails, threads := map[MailboxID]bool{}, map[MailboxID]bool{}, map[EmailID]bool{}, map[ThreadID]bool{}
	for m := since; m < p.last; m++ {
		one, two := p.taken[m], p.taken[m+1]
		differ(boxes, one.boxes, two.boxes)
		differ(properties, one.properties, two.properties)
		differ(emails, one.emails, two.emails)
	}
	differ(threads, first.threads, last.threads)
	c := AccountChanges{ModSeq: p.last}
	c.Mailboxes, c.Emails = sorts(boxes, first.boxes, last.boxes), sorts(emails, first.emails, last.emails)
	c.Threads = sorts(threads, first.threads, last.threads)
	for _, id := range c.Mailboxes.Updated {
		if !properties[id] {
			c.Counts = append(c.Counts, id)
		}
	}
	return c
}

// follower is a machine that changes an account and knows each of its states.
type follower struct {
	ctx   context.Context
	s     *Store
	a     *Account
	clock *clock
	p     *photographer
	n     int
}

func newFollower(t *rapid.T) *follower {
	p := &photographer{Engine: memory.New(), taken: map[ModSeq]snapshot{0: {}}}
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	ctx := context.Background()
	s, err := Open(ctx, Options{KV: p, Blobs: blobmemory.New(), Now: c.now, Keep: month})
	if err != nil {
		t.Fatal(err)
	}
	s.chunks.remove, s.chunks.prune = 2, 3
	f := &follower{ctx, s, s.Account(alice), c, p, 0}
	f.boxes(t)
	return f
}

func (f *follower) boxes(t *rapid.T) []Mailbox {
	boxes, err := f.a.Mailboxes(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return boxes
}

func (f *follower) box(t *rapid.T) Mailbox {
	boxes := f.boxes(t)
	return boxes[rapid.IntRange(0, len(boxes)-1).Draw(t, "mailbox")]
}

// uids draws some that are there.
func (f *follower) uids(t *rapid.T, id MailboxID) []UID {
	_, items, err := f.a.List(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	uids := uidsOf(items)
	return slices.DeleteFunc(uids, func(UID) bool { return rapid.Bool().Draw(t, "not this") })
}

// ok fails for errors that are not expected.
func (f *follower) ok(t *rapid.T, err error, expected ...Kind) {
	e, known := err.(*Error)
	if err != nil && !(known && slices.Contains(expected, e.Kind)) {
		t.Fatal(err)
	}
}

func (f *follower) deliver(t *rapid.T) {
	f.n++
	parent := rapid.IntRange(0, f.n).Draw(t, "parent")
	sp := f.s.NewSpool(f.ctx)
	sp.Write([]byte(letter(fmt.Sprint(f.n), fmt.Sprintf("<%d>", parent), "tea")))
	b, err := sp.Finish()
	f.ok(t, err)
	to := []Target{{Account: alice, Mailbox: f.box(t).Name}, {Account: alice, Mailbox: f.box(t).Name}, {Account: bob}}
	_, err = f.s.Deliver(f.ctx, b, to[rapid.IntRange(0, 1).Draw(t, "targets"):], nil)
	f.ok(t, err)
}

func (f *follower) flag(t *rapid.T) {
	id := f.box(t).ID
	_, _, err := f.a.Store(f.ctx, id, f.uids(t, id), FlagOp(rapid.IntRange(0, 2).Draw(t, "op")), Seen|Deleted, nil, 0)
	f.ok(t, err)
}

func (f *follower) remove(t *rapid.T) {
	id := f.box(t).ID
	_, err := f.a.Remove(f.ctx, id, f.uids(t, id))
	f.ok(t, err)
}

func (f *follower) transfer(t *rapid.T) {
	id, do := f.box(t).ID, f.a.Copy
	if rapid.Bool().Draw(t, "move") {
		do = f.a.Move
	}
	_, err := do(f.ctx, id, f.uids(t, id), f.box(t).Name)
	f.ok(t, err)
}

func (f *follower) restore(t *rapid.T) {
	kept, err := f.a.Vault(f.ctx)
	f.ok(t, err)
	_, err = f.a.Restore(f.ctx, slices.DeleteFunc(idsOf(kept), func(EmailID) bool { return rapid.Bool().Draw(t, "not this") }))
	f.ok(t, err)
}

func (f *follower) mailboxes(t *rapid.T) {
	name := rapid.SampledFrom([]string{"x", "x/y", "z"}).Draw(t, "name")
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		_, err := f.a.Create(f.ctx, name, "")
		f.ok(t, err, Exists)
	case 1:
		f.ok(t, f.a.Delete(f.ctx, name), NotFound)
	case 2:
		f.ok(t, f.a.Rename(f.ctx, name, f.box(t).Name+"/w"), NotFound, Exists, Invalid)
	case 3:
		f.ok(t, f.a.Subscribe(f.ctx, name, rapid.Bool().Draw(t, "on")))
	default:
		f.n++
		f.ok(t, f.a.SetGrant(f.ctx, f.box(t).ID, Grant{To: "bob", Rights: Rights(2*f.n+1) & AllRights}), NotFound)
	}
}

func (f *follower) prune(t *rapid.T) {
	f.clock.t = f.clock.t.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "days")) * 24 * time.Hour)
	f.ok(t, f.a.pruneLog(f.ctx, f.clock.t.Add(-f.s.KeepLog)))
}

func (f *follower) changes(t *rapid.T) {
	f.compare(t, ModSeq(rapid.Uint64Range(0, uint64(f.p.last)+1).Draw(t, "since")))
}

// compare checks the answer to one since.
func (f *follower) compare(t *rapid.T, since ModSeq) {
	got, err := f.a.AllChanges(f.ctx, since)
	st, failed := f.state()
	f.ok(t, failed)
	if since < st.pruned || since > st.modseq {
		if e, _ := err.(*Error); e == nil || e.Kind != Invalid {
			t.Fatalf("since %d, of %d to %d: %v", since, st.pruned, st.modseq, err)
		}
		f.compareBoxes(t, since, nil)
		return
	}
	f.ok(t, err)
	f.compareBoxes(t, since, &got)
	if want := f.p.want(since); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("since %d:\n%v, want\n%v", since, got, want)
	}
}

func (f *follower) state() (st state, err error) {
	err = f.s.view(f.ctx, func(r kv.Reader) error {
		st, err = readState(r, alice)
		return err
	})
	return st, err
}

// TestAllChanges compares what the change log tells with the difference of
// snapshots, for every modseq that it reaches back to.
func TestAllChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := newFollower(t)
		t.Repeat(map[string]func(*rapid.T){
			"deliver": f.deliver, "deliver again": f.deliver, "flag": f.flag, "remove": f.remove, "transfer": f.transfer,
			"restore": f.restore, "mailboxes": f.mailboxes, "prune": f.prune, "": f.changes,
		})
		for since := range f.p.last + 2 {
			f.compare(t, since)
		}
	})
}

// TestCameAndWent: what was not there before and is not there now is not told of.
func TestCameAndWent(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	must[Mailbox](t)(a.Create(t.Context(), "x", ""))
	deliver(t, s, text("1", 1), Target{Account: alice, Mailbox: "x"})
	if err := a.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	c := must[AccountChanges](t)(a.AllChanges(t.Context(), in.HighestModSeq))
	if got, want := fmt.Sprint(c), fmt.Sprint(AccountChanges{ModSeq: c.ModSeq}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPrunedLog: a session that has a list follows all the same; the others are
// told that nothing is known.
func TestPrunedLog(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	s.chunks.prune = 2
	a := s.Account(alice)
	for range 9 {
		deliver(t, s, text("1", 1), Target{Account: alice})
	}
	in, before := listed(t, a, inbox)
	must[[]UID](t)(a.Remove(t.Context(), in.ID, []UID{2, 3, 4, 9}))
	a.Store(t.Context(), in.ID, []UID{1, 6}, AddFlags, Seen, nil, 0)
	c.t = c.t.Add(s.KeepLog)
	recent := must[Delta](t)(a.Changes(t.Context(), in.ID, in.HighestModSeq))
	if recent.Pruned || fmt.Sprint(recent.Gone) != "[{2 4} {9 9}]" || len(recent.Changed) != 2 {
		t.Errorf("while the log was there: %+v", recent)
	}
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := must[Delta](t)(a.Changes(t.Context(), in.ID, in.HighestModSeq)); d.Pruned {
		t.Errorf("pruned to the second: %+v", d)
	}
	c.t = c.t.Add(time.Second)
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	d := must[Delta](t)(a.Changes(t.Context(), in.ID, in.HighestModSeq))
	if !d.Pruned || fmt.Sprint(d.Gone) != "[{2 4} {9 9}]" || len(d.Changed) != 2 || d.Changed[0].UID != 1 || d.Changed[1].UID != 6 {
		t.Errorf("after it was pruned: %+v of %+v", d, before)
	}
	if d := must[Delta](t)(a.Changes(t.Context(), in.ID, d.Mailbox.HighestModSeq)); d.Pruned || len(d.Changed)+len(d.Gone) > 0 {
		t.Errorf("nothing happened since: %+v", d)
	}
	for _, since := range []ModSeq{0, in.HighestModSeq, 1 << 40} {
		_, err := a.AllChanges(t.Context(), since)
		wantKind(t, err, Invalid)
	}
	deliver(t, s, strings.Repeat("X: y\r\n", 10)+text("2", 1), Target{Account: alice})
	if n := must[AccountChanges](t)(a.AllChanges(t.Context(), d.Mailbox.HighestModSeq+4)); len(n.Emails.Created) != 1 {
		t.Errorf("after the pruned: %+v", n)
	}
	sound(t, s)
}
