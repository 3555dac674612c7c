package mail

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/blob"
	blobmemory "tem/internal/blob/memory"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// former writes a store as format 1 had it, straight into rows.
type former struct {
	t     testing.TB
	s     *Store // on another engine; it indexes messages and keeps large bodies
	kv    kv.Engine
	id    kv.Part
	state state
	boxes map[string]*Mailbox
	texts map[string]map[UID]string // by mailbox
}

func newFormer(t testing.TB, e kv.Engine, s *Store, id kv.Part) *former {
	f := &former{t, s, e, id, state{nextMailbox: 1, nextEmail: 1, nextValidity: 1000}, map[string]*Mailbox{}, map[string]map[UID]string{}}
	for _, b := range firstMailboxes {
		f.boxes[b.name], f.texts[b.name] = f.state.newMailbox(b.name, b.use), map[UID]string{}
	}
	f.commit(func(b *kv.Batch) { b.Set(kv.System, formatKey, []byte("1")) })
	return f
}

// commit writes what build adds, the state and all mailboxes.
func (f *former) commit(build func(b *kv.Batch)) {
	f.t.Helper()
	b := new(kv.Batch)
	f.state.modseq++
	build(b)
	for _, m := range f.boxes {
		b.Set(f.id, mailboxKey(m.ID), m.append(nil))
		b.Set(f.id, subscribeKey(m.Name), nil)
	}
	b.Set(f.id, stateKey, f.state.append(nil))
	if err := kv.Commit(f.t.Context(), f.kv, b); err != nil {
		f.t.Fatal(err)
	}
}

// add delivers a message to mailboxes; parent is an email whose thread it
// continues, 0 for none.
func (f *former) add(msg string, parent EmailID, flags Flags, boxes ...string) EmailID {
	body := body(f.t, f.s, msg)
	m := body.meta
	m.SHA256, m.Received = [sha256.Size]byte{}, f.s.Now()
	m.Email = f.state.nextEmail
	if m.Thread = ThreadID(parent); parent == 0 {
		m.Thread = ThreadID(m.Email)
	}
	f.state.nextEmail++
	f.commit(func(b *kv.Batch) {
		if body.isInline {
			b.Set(kv.OldBodies, bodyKey(m.Body), body.inline)
		}
		for _, name := range boxes {
			f.instance(b, f.boxes[name], m, flags)
			f.texts[name][f.boxes[name].UIDNext-1] = msg
		}
	})
	return m.Email
}

// instance writes the rows that format 1 had for one message in a mailbox.
func (f *former) instance(b *kv.Batch, box *Mailbox, m Meta, flags Flags) {
	m.UID = box.UIDNext
	box.UIDNext++
	box.HighestModSeq = f.state.modseq
	box.count(flags, m.Size, 1)
	f.state.quota.add(m.Size, 1)
	at := appendInstance(nil, box.ID, m.UID)
	m.Shape = 0 // format 1 had none
	b.Set(f.id, messageKey(keyMeta, box.ID, m.UID), m.append(nil))
	b.Set(f.id, messageKey(keyFlags, box.ID, m.UID), Item{UID: m.UID, Flags: flags, ModSeq: f.state.modseq}.append(nil)[:oldItemSize])
	b.Set(f.id, emailKey(m.Email, box.ID, m.UID), nil)
	b.Set(f.id, slices.Concat(threadKey(m.Thread, m.Email), at), nil)
	for _, h := range m.hashes {
		b.Set(f.id, slices.Concat(messageIDPrefix(h), at), appendThread(nil, m.Thread, m.subject))
	}
	owner := append(binary.BigEndian.AppendUint64(nil, uint64(f.id)), at...)
	b.Set(kv.OldBodies, referenceKey(m.Body, owner), nil)
	row := append(binary.AppendUvarint(nil, uint64(box.ID)), appendRanges(nil, []UID{m.UID})...)
	b.Set(f.id, changeKey(f.state.modseq), append(row, 0))
}

// refer keeps a body for another package, or for nobody (""); somebody else let
// go of it long ago.
func (f *former) refer(msg, owner string) blob.ID {
	body := body(f.t, f.s, msg)
	f.commit(func(b *kv.Batch) {
		b.Set(kv.OldBodies, bodyKey(body.ID), body.inline)
		b.Set(kv.OldBodies, garbageKey(dayOf(f.s.Now())-5, body.ID), nil)
		if owner != "" {
			b.Set(kv.OldBodies, referenceKey(body.ID, []byte(owner)), nil)
		}
	})
	return body.ID
}

// formerStore is a store of format 1 with some of everything in it, and what
// was kept for the owner "job".
func formerStore(t testing.TB, e kv.Engine, o *Options) (*former, blob.ID) {
	t.Helper()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	*o = Options{Blobs: blobmemory.New(), Now: c.now, InlineMax: 4096, Keep: month, KV: memory.New()}
	s, err := Open(t.Context(), *o)
	if err != nil {
		t.Fatal(err)
	}
	f := newFormer(t, e, s, alice)
	tea := f.add(letter("1@x", "", "tea"), 0, Seen, inbox)
	f.add(letter("2@x", "<1@x>", "Re: tea"), tea, 0, inbox, "Archive")
	f.add(text("large", 9000), 0, Flagged, inbox, "Sent")
	for n := range 5 {
		f.add(letter(fmt.Sprint("n", n), "", "n"), 0, Deleted, []string{"Archive", "Trash", inbox}[n%3])
	}
	f.add(letter("3@x", "<2@x>", "Re: tea"), tea, 0, "Archive", "Archive")
	job := f.refer(text("on its way", 10), "job")
	f.refer(text("garbage", 10), "")
	newFormer(t, e, s, bob) // has no mail
	return f, job
}

// texts reads what an account has, by mailbox and UID.
func texts(t testing.TB, a *Account) map[string]map[UID]string {
	t.Helper()
	all := make(map[string]map[UID]string)
	for _, m := range must[[]Mailbox](t)(a.Mailboxes(t.Context())) {
		all[m.Name] = make(map[UID]string)
		_, items := listed(t, a, m.Name)
		for _, i := range items {
			all[m.Name][i.UID] = readAll(t, a, m.ID, i.UID)
		}
	}
	return all
}

func sameTexts(t testing.TB, a *Account, want map[string]map[UID]string) {
	t.Helper()
	got := texts(t, a)
	for name := range want {
		if !maps.Equal(got[name], want[name]) {
			t.Errorf("%s has %v, want %v, or other texts", name, slices.Sorted(maps.Keys(got[name])), slices.Sorted(maps.Keys(want[name])))
		}
	}
}

// migrated checks that nothing of format 1 is left.
func migrated(t testing.TB, s *Store) {
	t.Helper()
	err := s.view(t.Context(), func(r kv.Reader) error {
		if _, under, err := r.Get(kv.System, migrationKey); under || err != nil || s.old.Load() {
			t.Errorf("still under way: %v, %v", err, s.old.Load())
		}
		return r.Scan(kv.OldBodies, nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
			t.Errorf("left in the old partition: %q", key)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range must[[]Registered](t)(s.Registered(t.Context())) {
		s.view(t.Context(), func(r kv.Reader) error {
			if st, err := readState(r, g.ID); st.layout != layoutNow || err != nil {
				t.Errorf("account %d has layout %d, %v", g.ID, st.layout, err)
			}
			return nil
		})
	}
	a := s.Account(alice)
	if kept := vaultOf(t, a); len(kept) > 0 {
		sound(t, s)
		must[[]Placed](t)(a.Restore(t.Context(), idsOf(kept)))
	}
	for _, m := range must[[]Mailbox](t)(a.Mailboxes(t.Context())) {
		_, items := listed(t, a, m.Name)
		a.Fetch(t.Context(), m.ID, uidsOf(items), func(meta *Meta) error {
			if text := readAll(t, a, m.ID, meta.UID); meta.SHA256 != sha256.Sum256([]byte(text)) {
				t.Errorf("%s, uid %d: its SHA-256 is said to be %x", m.Name, meta.UID, meta.SHA256)
			}
			return nil
		})
	}
	sound(t, s)
}

// small makes an opened store work in small chunks.
func small(s *Store) *Store {
	s.chunks = chunks{remove: 3, bury: 3, prune: 3, move: 3, modern: 2}
	return s
}

// TestMigrationInterrupted stops the migration after each of its commits, uses
// the store as it is then, and goes on.
func TestMigrationInterrupted(t *testing.T) {
	t.Parallel()
	for n := int64(0); ; n++ {
		e := &stopping{Engine: memory.New()}
		e.left.Store(1 << 30)
		var o Options
		f, job := formerStore(t, e, &o)
		o.KV = e
		e.left.Store(n)
		s, err := Open(t.Context(), o)
		if err == nil {
			err = small(s).migrate(t.Context())
		}
		if err != nil && !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
		e.left.Store(1 << 30)
		if s, err2 := Open(t.Context(), o); err2 != nil {
			t.Fatal(err2)
		} else {
			useHalfway(t, small(s), f, job)
		}
		if t.Failed() {
			t.Fatalf("stopped after %d commits", n)
		}
		if err == nil {
			if n < 15 {
				t.Errorf("it took %d commits: too few to see anything", n)
			}
			return
		}
	}
}

// useHalfway does this and that with a store on its way, then finishes.
func useHalfway(t *testing.T, s *Store, f *former, job blob.ID) {
	a := s.Account(alice)
	sameTexts(t, a, f.texts)
	p := deliver(t, s, letter("4@x", "<3@x>", "Re: tea"), Target{Account: alice}, Target{Account: bob})
	if th := threadOf(t, s, p[0]); th != 1 {
		t.Errorf("an answer is in thread %d", th)
	}
	archive, _ := listed(t, a, "Archive")
	c := must[Copied](t)(a.Move(t.Context(), archive.ID, []UID{1, 2}, inbox))
	must[Copied](t)(a.Copy(t.Context(), archive.ID, []UID{3}, "Sent"))
	must[[]UID](t)(a.Expunge(t.Context(), p[0].Mailbox, nil))
	want := map[string]map[UID]string{}
	for name, msgs := range f.texts {
		want[name] = maps.Clone(msgs)
	}
	want[inbox][p[0].UID] = letter("4@x", "<3@x>", "Re: tea")
	for i, uid := range c.From {
		want[inbox][c.To[i]] = want["Archive"][uid]
		delete(want["Archive"], uid)
	}
	want["Sent"][2] = want["Archive"][3]
	maps.DeleteFunc(want[inbox], func(uid UID, msg string) bool { return strings.Contains(msg, "<n2>") || strings.Contains(msg, "<n0>") })
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, a, want)
	if err := s.migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameTexts(t, a, want)
	migrated(t, s)
	finishJob(t, s, job)
}

// finishJob opens the body that a job holds, and lets it go.
func finishJob(t *testing.T, s *Store, job blob.ID) {
	if r, err := s.OpenBody(t.Context(), job); err != nil || r.Size() != int64(len(text("on its way", 10))) {
		t.Fatal(err)
	}
	b := new(kv.Batch)
	s.Release(b, job, []byte("job"))
	kv.Commit(t.Context(), s.KV, b)
	now := s.Now()
	s.Now = func() time.Time { return now.Add(3 * 24 * time.Hour) }
	if err := s.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := s.OpenBody(t.Context(), job)
	wantKind(t, err, NotFound)
}

// TestMigrationMeddled lets another process in before each commit of the
// migration, which removes, moves, copies, delivers and lets bodies go.
func TestMigrationMeddled(t *testing.T) {
	t.Parallel()
	for n := 0; ; n++ {
		e := &meddling{Engine: memory.New()}
		var o Options
		f, job := formerStore(t, e, &o)
		o.KV = e.Engine
		other, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		o.KV = e
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		e.before(n, func() { meddle(t, other, f, job) })
		if err := small(s).migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e.meddle != nil {
			if n < 15 {
				t.Errorf("it took %d commits: too few to see anything", n)
			}
			return
		}
		sameTexts(t, s.Account(alice), f.texts)
		migrated(t, s)
		if rows := bodyRowsOf(t, s, job); rows != "BGG" {
			t.Errorf("of a body that was let go of there is %q", rows)
		}
		if t.Failed() {
			t.Fatalf("let in before commit %d", n)
		}
	}
}

func meddle(t *testing.T, s *Store, f *former, job blob.ID) {
	a := s.Account(alice)
	in, _ := listed(t, a, inbox)
	archive, _ := listed(t, a, "Archive")
	trash, _ := listed(t, a, "Trash")
	must[[]UID](t)(a.Remove(t.Context(), trash.ID, []UID{1}))
	must[[]UID](t)(a.Remove(t.Context(), in.ID, []UID{2}))
	c := must[Copied](t)(a.Move(t.Context(), archive.ID, []UID{1, 3}, inbox))
	must[Copied](t)(a.Copy(t.Context(), in.ID, []UID{1}, "Drafts"))
	p := deliver(t, s, letter("5@x", "<3@x>", "Re: tea"), Target{Account: alice, Mailbox: "Junk"})[0]
	if th := threadOf(t, s, p); th != 1 {
		t.Errorf("an answer is in thread %d", th)
	}
	for i, uid := range c.From {
		f.texts[inbox][c.To[i]] = f.texts["Archive"][uid]
		delete(f.texts["Archive"], uid)
	}
	f.texts["Drafts"][1], f.texts["Junk"][1] = f.texts[inbox][1], letter("5@x", "<3@x>", "Re: tea")
	delete(f.texts["Trash"], 1)
	delete(f.texts[inbox], 2)
	b := new(kv.Batch)
	s.Release(b, job, []byte("job"))
	if err := kv.Commit(t.Context(), s.KV, b); err != nil {
		t.Error(err)
	}
}

// bodyRowsOf are the kinds of rows there are about a body.
func bodyRowsOf(t *testing.T, s *Store, id blob.ID) (kinds string) {
	err := s.view(t.Context(), func(r kv.Reader) error {
		return r.Scan(bodyPart(id), nil, nil, kv.ScanOptions{}, func(key, _ []byte) error {
			if of, err := bodyOfRow(key); err != nil {
				return err
			} else if of == id {
				kinds += string(key[:1])
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

// TestMigrationDeletes: accounts deleted on the way are gone for good, and those
// whose deletion was begun are still to be deleted.
func TestMigrationDeletes(t *testing.T) {
	t.Parallel()
	for n := range 15 {
		for _, commits := range []int64{1, 1 << 30} {
			if deleteBefore(t, n, commits); t.Failed() {
				t.Fatalf("deleted before commit %d", n)
			}
		}
	}
}

// deleteBefore deletes alice, in so many commits at most, before one commit of
// the migration.
func deleteBefore(t *testing.T, n int, commits int64) {
	e := &meddling{Engine: memory.New()}
	var o Options
	formerStore(t, e, &o)
	brief := &stopping{Engine: e.Engine}
	brief.left.Store(commits)
	o.KV = e
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.KV = brief
	other, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	e.before(n, func() {
		if err := small(other).DeleteAccount(t.Context(), alice); err != nil && !errors.Is(err, errRefused) {
			t.Error(err)
		}
	})
	if err := small(s).migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.meddle != nil {
		t.Fatal("the migration took fewer commits")
	}
	list := must[[]Registered](t)(s.Registered(t.Context()))
	if begun := commits == 1; (len(list) == 1) != begun || begun && !list[0].Doomed {
		t.Errorf("there is %+v", list)
	}
	if err := s.keepHouse(t.Context()); err != nil {
		t.Fatal(err)
	}
	sound(t, s)
}

// TestFormerAccountDeleted interrupts the deletion of an account that still has
// the rows of format 1; housekeeping finishes it all the same, before the
// migration or after it.
func TestFormerAccountDeleted(t *testing.T) {
	t.Parallel()
	formerAccountDeleted(t, (*Store).keepHouse, (*Store).migrate)
	formerAccountDeleted(t, (*Store).migrate, (*Store).keepHouse)
}

func formerAccountDeleted(t *testing.T, then ...func(*Store, context.Context) error) {
	t.Helper()
	for n := int64(1); ; n++ {
		e := &stopping{Engine: memory.New()}
		e.left.Store(1 << 30)
		var o Options
		formerStore(t, e, &o)
		o.KV = e
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		e.left.Store(n)
		done := small(s).DeleteAccount(t.Context(), alice) == nil
		e.left.Store(1 << 30)
		again := small(reopened(t, s, e))
		for _, do := range then {
			if err := do(again, t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range must[[]Registered](t)(again.Registered(t.Context())) {
			t.Errorf("stopped after %d commits, and there is still %+v", n, g)
		}
		sound(t, again)
		if done {
			return
		}
	}
}
