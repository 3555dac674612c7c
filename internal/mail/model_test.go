package mail

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// The model: mailboxes by name, messages by UID, in plain maps.
type (
	modelBox struct {
		next   UID
		msgs   map[UID]modelMsg
		synced ModSeq           // the last modseq a watching session has seen
		view   map[UID]modelMsg // what it made of the changes
	}
	modelMsg struct {
		flags Flags
		size  int64
		text  string
	}
	machine struct {
		ctx   context.Context
		s     *Store
		a     *Account
		boxes map[string]*modelBox
		n     int
	}
)

var modelNames = []string{"INBOX", "Sent", "Trash", "x", "x/y"}

func newMachine(t *rapid.T, e kv.Engine) *machine {
	s, err := Open(context.Background(), Options{KV: e, Blobs: blobmemory.New(), Bus: local.New(), InlineMax: 2000})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{context.Background(), s, s.Account(alice), make(map[string]*modelBox), 0}
	for _, name := range modelNames[:3] {
		m.boxes[name] = newModelBox()
	}
	return m
}

func newModelBox() *modelBox {
	return &modelBox{next: 1, msgs: make(map[UID]modelMsg), view: make(map[UID]modelMsg)}
}

func (m *machine) name(t *rapid.T) string { return rapid.SampledFrom(modelNames).Draw(t, "mailbox") }

// box draws a mailbox; when it is there according to the model, so it must be in the store.
func (m *machine) box(t *rapid.T) (*modelBox, Mailbox) {
	name := m.name(t)
	have, err := m.a.Mailbox(m.ctx, name)
	if box := m.boxes[name]; (box != nil) != (err == nil) {
		t.Fatalf("mailbox %s: in the model %v, in the store %v", name, box != nil, err)
	}
	return m.boxes[name], have
}

func (m *machine) uids(t *rapid.T, box *modelBox) []UID {
	return rapid.SliceOfN(rapid.Map(rapid.Uint32Range(1, uint32(box.next)), func(u uint32) UID { return UID(u) }), 0, 6).Draw(t, "uids")
}

func (m *machine) deliver(t *rapid.T) {
	name := m.name(t)
	m.n++
	msg := text(fmt.Sprint("m", m.n), rapid.IntRange(0, 3000).Draw(t, "size"))
	sp := m.s.NewSpool(m.ctx)
	sp.Write([]byte(msg))
	b, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	flags := Flags(rapid.Uint64Range(0, uint64(systemFlags)).Draw(t, "flags"))
	p, err := m.s.Deliver(m.ctx, b, []Target{{Account: alice, Mailbox: name, Flags: flags}}, nil)
	box := m.boxes[name]
	if (err == nil) != (box != nil) {
		t.Fatalf("deliver to %s: %v", name, err)
	}
	if err == nil {
		if u := box.add(modelMsg{flags, int64(len(msg)), msg}); u != p[0].UID {
			t.Fatalf("uid %d, want %d", p[0].UID, u)
		}
	}
}

func (b *modelBox) add(msg modelMsg) UID {
	b.msgs[b.next] = msg
	b.next++
	return b.next - 1
}

func (m *machine) store(t *rapid.T) {
	box, have := m.box(t)
	if box == nil {
		return
	}
	op := FlagOp(rapid.IntRange(0, 2).Draw(t, "op"))
	f := Flags(rapid.Uint64Range(0, uint64(systemFlags)).Draw(t, "flags"))
	uids := m.uids(t, box)
	if _, _, err := m.a.Store(m.ctx, have.ID, uids, op, f, nil, 0); err != nil {
		t.Fatal(err)
	}
	for _, u := range sorted(uids) {
		if msg, ok := box.msgs[u]; ok {
			msg.flags = map[FlagOp]Flags{SetFlags: f, AddFlags: msg.flags | f, RemoveFlags: msg.flags &^ f}[op]
			box.msgs[u] = msg
		}
	}
}

func (m *machine) remove(t *rapid.T) {
	box, have := m.box(t)
	if box == nil {
		return
	}
	uids, expunge := m.uids(t, box), rapid.Bool().Draw(t, "expunge")
	do := m.a.Remove
	if expunge {
		do = m.a.Expunge
		if rapid.Bool().Draw(t, "all") {
			uids = nil
		}
	}
	gone, err := do(m.ctx, have.ID, uids)
	if err != nil {
		t.Fatal(err)
	}
	var want []UID
	for _, u := range slices.Sorted(maps.Keys(box.msgs)) {
		named := uids == nil && expunge || slices.Contains(uids, u)
		if named && (!expunge || box.msgs[u].flags&Deleted != 0) {
			want = append(want, u)
			delete(box.msgs, u)
		}
	}
	if !slices.Equal(gone, want) {
		t.Fatalf("removed %v, want %v", gone, want)
	}
}

func (m *machine) transfer(t *rapid.T) {
	box, have := m.box(t)
	to := m.name(t)
	if box == nil {
		return
	}
	uids, move := m.uids(t, box), rapid.Bool().Draw(t, "move")
	do := m.a.Copy
	if move {
		do = m.a.Move
	}
	c, err := do(m.ctx, have.ID, uids, to)
	dst := m.boxes[to]
	if (err == nil) != (dst != nil) {
		t.Fatalf("transfer to %s: %v", to, err)
	}
	if err != nil {
		return
	}
	var from, got []UID
	end := box.next // copying into itself must not go on with the copies
	for _, u := range sorted(uids) {
		if msg, ok := box.msgs[u]; ok && u < end {
			if from = append(from, u); move {
				delete(box.msgs, u)
			}
			got = append(got, dst.add(msg))
		}
	}
	if !slices.Equal(from, c.From) || !slices.Equal(got, c.To) {
		t.Fatalf("copied %+v, want %v to %v", c, from, got)
	}
}

func (m *machine) create(t *rapid.T) {
	name := m.name(t)
	_, err := m.a.Create(m.ctx, name, "")
	if (err == nil) != (m.boxes[name] == nil) {
		t.Fatalf("create %s: %v", name, err)
	}
	if err != nil {
		return
	}
	for _, level := range append(parents(name), name) {
		if m.boxes[level] == nil {
			m.boxes[level] = newModelBox()
		}
	}
}

func (m *machine) delete(t *rapid.T) {
	name := m.name(t)
	err := m.a.Delete(m.ctx, name)
	if (err == nil) != (m.boxes[name] != nil && name != inbox) {
		t.Fatalf("delete %s: %v", name, err)
	}
	if err == nil {
		delete(m.boxes, name)
	}
}

func (m *machine) reopen(t *rapid.T) {
	o := m.s.Options
	s, err := Open(m.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	m.s, m.a = s, s.Account(alice)
}

// sync lets a session catch up by the change log alone.
func (m *machine) sync(t *rapid.T) {
	box, have := m.box(t)
	if box == nil {
		return
	}
	d, err := m.a.Changes(m.ctx, have.ID, box.synced)
	if err != nil || d.Deleted {
		t.Fatal(err, d)
	}
	for _, u := range d.Gone {
		delete(box.view, u)
	}
	for _, i := range d.Changed {
		box.view[i.UID] = modelMsg{flags: i.Flags}
	}
	box.synced = d.Mailbox.HighestModSeq
	if got, want := flagsOf(box.view), flagsOf(box.msgs); !maps.Equal(got, want) {
		t.Fatalf("a session that follows the changes has %v, want %v", got, want)
	}
}

func flagsOf(msgs map[UID]modelMsg) map[UID]Flags {
	f := make(map[UID]Flags)
	for u, m := range msgs {
		f[u] = m.flags
	}
	return f
}

// check compares everything that can be read with the model.
func (m *machine) check(t *rapid.T) {
	all, err := m.a.Mailboxes(m.ctx)
	if err != nil {
		t.Fatal(err)
	}
	var total Quota
	for _, have := range all {
		if box := m.boxes[have.Name]; box != nil {
			m.checkBox(t, box, have)
			total.Bytes += have.Size
			total.Messages += int64(have.Messages)
		} else if !slices.ContainsFunc(firstMailboxes[3:], func(f struct{ name, use string }) bool { return f.name == have.Name || f.name == "Trash" }) {
			t.Fatalf("mailbox %s should not be there", have.Name)
		}
	}
	if q, err := m.a.Quota(m.ctx); err != nil || q != total {
		t.Fatalf("quota %+v, %v; want %+v", q, err, total)
	}
}

func (m *machine) checkBox(t *rapid.T, box *modelBox, have Mailbox) {
	got, items, err := m.a.List(m.ctx, have.ID)
	if err != nil {
		t.Fatal(err)
	}
	view := make(map[UID]modelMsg)
	want := Mailbox{Messages: uint32(len(items)), UIDNext: box.next}
	var uids []UID
	for _, i := range items {
		view[i.UID] = modelMsg{flags: i.Flags}
		uids = append(uids, i.UID)
		want.countFlags(i.Flags, 1)
		want.Size += box.msgs[i.UID].size
	}
	if !maps.Equal(flagsOf(view), flagsOf(box.msgs)) {
		t.Fatalf("%s has %v, want %v", have.Name, view, box.msgs)
	}
	if got.Messages != want.Messages || got.UIDNext != want.UIDNext || got.Unseen != want.Unseen || got.DeletedCount != want.DeletedCount || got.Size != want.Size {
		t.Fatalf("%s has totals %+v, want %+v", have.Name, got, want)
	}
	m.checkBodies(t, box, have.ID, uids)
}

func (m *machine) checkBodies(t *rapid.T, box *modelBox, id MailboxID, uids []UID) {
	n := 0
	err := m.a.Fetch(m.ctx, id, uids, func(meta *Meta) error {
		r, err := m.a.OpenMessage(m.ctx, meta)
		if err != nil {
			return err
		}
		defer r.Close()
		data := make([]byte, r.Size())
		r.ReadAt(data, 0)
		if string(data) != box.msgs[meta.UID].text || meta.UID != uids[n] {
			t.Fatalf("uid %d has another text", meta.UID)
		}
		n++
		return nil
	})
	if err != nil || n != len(uids) {
		t.Fatalf("fetched %d of %d: %v", n, len(uids), err)
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(t *rapid.T) kv.Engine{
		"memory": func(*rapid.T) kv.Engine { return memory.New() },
		"pebble": func(t *rapid.T) kv.Engine { return newPebble(t, vfs.NewMem()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				e := open(t)
				defer e.Close()
				m := newMachine(t, e)
				t.Repeat(map[string]func(*rapid.T){
					"deliver": m.deliver, "deliver again": m.deliver, "store": m.store, "remove": m.remove,
					"transfer": m.transfer, "create": m.create, "delete": m.delete, "reopen": m.reopen,
					"sync": m.sync, "": m.check,
				})
			})
		})
	}
}
