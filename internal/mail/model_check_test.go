package mail

import (
	"context"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"tem/internal/kv"
)

// check compares everything that can be read with the model.
func (m *machine) check(t *rapid.T) {
	s := m.stores[m.n%len(m.stores)]
	for n := range m.accounts {
		p := m.as(n, s)
		p.checkMailboxes(t, m.ctx)
		p.checkVault(t, m.ctx)
		m.checkNotes(t, p)
		total := Quota{MessagesLimit: p.limit}
		for _, size := range p.emails() {
			total.add(size, 1)
		}
		if q, err := p.a.Quota(m.ctx); err != nil || q != total {
			t.Fatalf("quota %+v, %v; want %+v", q, err, total)
		}
	}
	for _, who := range m.grantees() {
		m.checkShared(t, s, who)
	}
}

func (p *player) checkMailboxes(t *rapid.T, ctx context.Context) {
	all, err := p.a.Mailboxes(ctx)
	if err != nil || len(all) != len(p.boxes) {
		t.Fatalf("mailboxes %+v, %v; want %v", all, err, slices.Collect(maps.Keys(p.boxes)))
	}
	for _, have := range all {
		box := p.boxes[have.Name]
		if box == nil || have.Subscribed != p.subs[have.Name] {
			t.Fatalf("mailbox %+v: in the model %v, %v", have, box, p.subs[have.Name])
		}
		p.checkBox(t, ctx, box, have)
		p.checkLabels(t, ctx, box, have, all)
	}
	subs, err := p.a.Subscriptions(ctx)
	if want := slices.SortedFunc(maps.Keys(p.subs), compareNames); err != nil || !slices.Equal(subs, want) {
		t.Fatalf("subscribed to %v, %v; want %v", subs, err, want)
	}
}

func (p *player) checkBox(t *rapid.T, ctx context.Context, box *modelBox, have Mailbox) {
	got, items, err := p.a.List(ctx, have.ID)
	if err != nil {
		t.Fatal(err)
	}
	view := make(map[UID]modelMsg)
	want := Mailbox{Messages: uint32(len(items)), UIDNext: box.next}
	for _, i := range items {
		view[i.UID] = modelMsg{flags: i.Flags}
		want.countFlags(i.Flags, 1)
		want.Size += box.msgs[i.UID].size
		if saved := box.msgs[i.UID].saved; i.Saved != saved {
			t.Fatalf("%s, uid %d: saved at %d, want %d", have.Name, i.UID, i.Saved, saved)
		}
	}
	if !maps.Equal(flagsOf(view), flagsOf(box.msgs)) {
		t.Fatalf("%s has %v, want %v", have.Name, view, box.msgs)
	}
	if got.Messages != want.Messages || got.UIDNext != want.UIDNext || got.Unseen != want.Unseen || got.DeletedCount != want.DeletedCount || got.Size != want.Size {
		t.Fatalf("%s has totals %+v, want %+v", have.Name, got, want)
	}
	p.checkBodies(t, ctx, box, have.ID, uidsOf(items))
}

func (p *player) checkBodies(t *rapid.T, ctx context.Context, box *modelBox, id MailboxID, uids []UID) {
	var metas []Meta
	err := p.a.Fetch(ctx, id, uids, func(m *Meta) error {
		metas = append(metas, Meta{UID: m.UID, Email: m.Email, Body: m.Body})
		return nil
	})
	if err != nil || len(metas) != len(uids) {
		t.Fatalf("fetched %d of %d: %v", len(metas), len(uids), err)
	}
	for n, m := range metas {
		msg := box.msgs[m.UID]
		if got := bodyText(t, ctx, p.a, &m); got != msg.text || m.UID != uids[n] || m.Email != msg.email {
			t.Fatalf("uid %d, email %d: %.60q, want email %d: %.60q", m.UID, m.Email, got, msg.email, msg.text)
		}
	}
	p.checkText(t, ctx, box, id, uids)
	p.checkFields(t, ctx, box, id, uids)
}

// checkText reads what lies beside the rows in one pass.
func (p *player) checkText(t *rapid.T, ctx context.Context, box *modelBox, id MailboxID, uids []UID) {
	n := 0
	err := p.a.FetchText(ctx, id, uids, func(m *Meta, text []byte) (bool, error) {
		if want := box.msgs[m.UID].text; m.UID != uids[n] || text != nil && string(text) != want {
			t.Fatalf("uid %d: %.60q, want %.60q", m.UID, text, want)
		}
		n++
		return true, nil
	})
	if err != nil || n != len(uids) {
		t.Fatalf("the text of %d of %d: %v", n, len(uids), err)
	}
}

// checkFields compares what is kept of headers with the headers.
func (p *player) checkFields(t *rapid.T, ctx context.Context, box *modelBox, id MailboxID, uids []UID) {
	names, n := []string{"subject", "message-id", "x-none"}, 0
	set := NewFieldSet(names)
	err := p.a.FetchFields(ctx, id, uids, len(uids)%2 == 0, func(m *Meta, f Fields) (bool, error) {
		msg := box.msgs[m.UID]
		got, known, err := f.Append(nil, set)
		if want := string(picked([]byte(msg.text), names)); !known || string(got) != want || m.UID != uids[n] || m.Size != msg.size {
			t.Fatalf("uid %d, %d octets: %v, %q, want %q", m.UID, m.Size, known, got, want)
		}
		n++
		return true, err
	})
	if err != nil || n != len(uids) {
		t.Fatalf("the fields of %d of %d: %v", n, len(uids), err)
	}
}

// checkLabels: the other mailboxes that the email of each message is in.
func (p *player) checkLabels(t *rapid.T, ctx context.Context, box *modelBox, have Mailbox, all []Mailbox) {
	uids, n := slices.Sorted(maps.Keys(box.msgs)), 0
	err := p.a.Labels(ctx, have.ID, uids, func(uid UID, in []MailboxID) error {
		got := make(map[string]bool)
		for _, other := range all {
			if slices.Contains(in, other.ID) {
				got[other.Name] = true
			}
		}
		want := make(map[string]bool)
		for name, other := range p.boxes {
			for _, msg := range other.msgs {
				if msg.email == box.msgs[uid].email && name != have.Name {
					want[name] = true
				}
			}
		}
		if !maps.Equal(got, want) || uid != uids[n] || len(in) != len(got) {
			t.Fatalf("%s: labels of uid %d are %v, want %v of %d", have.Name, uid, got, want, uids[n])
		}
		n++
		return nil
	})
	if err != nil || n != len(uids) {
		t.Fatalf("labels of %d of %d: %v", n, len(uids), err)
	}
}

// checkNotes looks at the annotations that one of the users sees.
func (m *machine) checkNotes(t *rapid.T, p *player) {
	user := m.base + kv.Part(m.n/2%2)
	notes := map[MailboxID]map[modelNote]string{0: p.notes}
	all, err := p.a.Mailboxes(m.ctx)
	for _, have := range all {
		notes[have.ID] = p.boxes[have.Name].notes
	}
	for id, of := range notes {
		var list []Entry
		if err == nil {
			list, err = p.a.Metadata(m.ctx, id, user, []string{"/private", "/shared"}, Tree)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, want := make(map[modelNote]string), maps.Clone(of)
		for _, e := range list {
			got[modelNote{e.User, e.Name}] = string(e.Value)
		}
		maps.DeleteFunc(want, func(n modelNote, _ string) bool { return n.user != 0 && n.user != user })
		if !maps.Equal(got, want) {
			t.Fatalf("mailbox %d has annotations %v, want %v", id, got, want)
		}
	}
}

func bodyText(t *rapid.T, ctx context.Context, a *Account, m *Meta) string {
	r, err := a.OpenMessage(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data := make([]byte, r.Size())
	r.ReadAt(data, 0)
	return string(data)
}

func (p *player) checkVault(t *rapid.T, ctx context.Context) {
	kept, err := p.a.Vault(ctx)
	if err != nil || len(kept) != len(p.vault) {
		t.Fatalf("the vault has %+v, %v; want %+v", kept, err, p.vault)
	}
	for _, want := range p.vault {
		n := slices.IndexFunc(kept, func(b Buried) bool { return b.Email == want.email })
		if n < 0 || kept[n].Mailbox != want.box || kept[n].Flags != want.flags || !kept[n].Removed.Equal(want.removed) {
			t.Fatalf("the vault has %+v, want %+v", kept, want)
		}
	}
}

func (m *machine) checkShared(t *rapid.T, s *Store, who Grantee) {
	list, err := s.SharedWith(m.ctx, who)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, a := range m.accounts {
		for _, box := range a.boxes {
			want += int(bit(box.rights[who] != 0))
		}
	}
	for _, l := range list {
		if box := m.accounts[l.Account-m.base].boxes[l.Mailbox.Name]; box == nil || box.rights[who] != l.Rights {
			t.Fatalf("shared with %s: %+v", who, l)
		}
	}
	if len(list) != want {
		t.Fatalf("%d are shared with %s, want %d", len(list), who, want)
	}
}

// sound checks the whole store; nothing in it may contradict anything else.
func (m *machine) sound(t *rapid.T) {
	_, err := m.store(t).Check(m.ctx, CheckOptions{Problem: func(p Problem) { t.Errorf("account %d: %s", p.Account, p.Text) }})
	if err != nil {
		t.Fatal(err)
	}
}
