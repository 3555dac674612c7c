package mail

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"tem/internal/kv"
)

// The model: what accounts have, in plain maps. Two stores on one engine act on
// it in turn, as two processes would.
type (
	modelAccount struct {
		boxes map[string]*modelBox
		subs  map[string]bool
		notes map[modelNote]string
		clock *clock
		vault []modelBuried
		limit int64 // messages; 0: none
	}
	modelBox struct {
		clock  *clock
		next   UID
		msgs   map[UID]modelMsg
		rights map[Grantee]Rights
		notes  map[modelNote]string
		synced ModSeq           // the last modseq a watching session has seen
		view   map[UID]modelMsg // what it made of the changes
	}
	modelMsg struct {
		flags Flags
		saved uint32
		size  int64
		text  string
		email EmailID // the same for all copies
	}
	modelNote struct {
		user kv.Part
		name string
	}
	modelBuried struct {
		modelMsg
		box     string
		removed time.Time
	}

	machine struct {
		ctx      context.Context
		clock    *clock
		stores   []*Store
		crash    func(t *rapid.T, m *machine) // nil: can't
		base     kv.Part                      // the first of two accounts
		accounts []*modelAccount
		n        int
	}

	// player is one account as one of the stores sees it.
	player struct {
		*modelAccount
		id kv.Part
		s  *Store
		a  *Account
	}
)

var modelNames = []string{"INBOX", "Sent", "x", "x/y", "z", "z/y"}

// modelOptions are what the stores of a model are told.
func modelOptions(o Options, c *clock) Options {
	o.Now, o.InlineMax, o.Shared, o.Keep = c.now, 2000, true, month
	return o
}

// newMachine makes a model of two new accounts in the stores of two processes.
func newMachine(t *rapid.T, base kv.Part, c *clock, open ...Options) *machine {
	m := &machine{ctx: context.Background(), clock: c, base: base}
	for _, o := range open {
		m.stores = append(m.stores, m.open(t, modelOptions(o, c)))
	}
	for range 2 {
		acct := &modelAccount{clock: c, notes: make(map[modelNote]string), boxes: make(map[string]*modelBox), subs: make(map[string]bool)}
		for _, f := range firstMailboxes {
			acct.boxes[f.name], acct.subs[f.name] = newModelBox(c), true
		}
		m.accounts = append(m.accounts, acct)
	}
	return m
}

func (m *machine) open(t *rapid.T, o Options) *Store {
	s, err := Open(m.ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newModelBox(c *clock) *modelBox {
	return &modelBox{clock: c, next: 1, msgs: make(map[UID]modelMsg), view: make(map[UID]modelMsg), rights: make(map[Grantee]Rights), notes: make(map[modelNote]string)}
}

func (m *machine) store(t *rapid.T) *Store {
	return m.stores[rapid.IntRange(0, len(m.stores)-1).Draw(t, "process")]
}

func (m *machine) player(t *rapid.T) *player {
	return m.as(rapid.IntRange(0, 1).Draw(t, "account"), m.store(t))
}

func (m *machine) as(n int, s *Store) *player {
	id := m.base + kv.Part(n)
	return &player{m.accounts[n], id, s, s.Account(id)}
}

func name(t *rapid.T) string { return rapid.SampledFrom(modelNames).Draw(t, "mailbox") }

// box draws a mailbox; when it is there according to the model, so it must be in the store.
func (p *player) box(t *rapid.T, ctx context.Context) (*modelBox, Mailbox) {
	name := name(t)
	have, err := p.a.Mailbox(ctx, name)
	if box := p.boxes[name]; (box != nil) != (err == nil) {
		t.Fatalf("mailbox %s: in the model %v, in the store %v", name, box != nil, err)
	}
	return p.boxes[name], have
}

func drawUIDs(t *rapid.T, box *modelBox) []UID {
	return rapid.SliceOfN(rapid.Map(rapid.Uint32Range(1, uint32(box.next)), func(u uint32) UID { return UID(u) }), 0, 6).Draw(t, "uids")
}

func drawFlags(t *rapid.T) Flags {
	return Flags(rapid.Uint64Range(0, uint64(systemFlags)).Draw(t, "flags"))
}

// emails are the sizes of an account's emails, each once.
func (a *modelAccount) emails() map[EmailID]int64 {
	emails := make(map[EmailID]int64)
	for _, box := range a.boxes {
		for _, msg := range box.msgs {
			emails[msg.email] = msg.size
		}
	}
	return emails
}

// full reports whether n emails more are too many.
func (a *modelAccount) full(n int) bool {
	return a.limit > 0 && n > 0 && int64(len(a.emails())+n) > a.limit
}

// deliver puts one message or two, each into one or two mailboxes, of one
// account or of both.
func (m *machine) deliver(t *rapid.T) {
	s := m.store(t)
	var letters []Letter
	var texts []string
	fine, fresh := true, make(map[*modelAccount]int) // how many emails each gets
	for range rapid.IntRange(1, 2).Draw(t, "letters") {
		msg, b := m.body(t, s)
		l, mine := Letter{Body: b}, make(map[*modelAccount]bool)
		for range rapid.IntRange(1, 2).Draw(t, "targets") {
			p := m.as(rapid.IntRange(0, 1).Draw(t, "account"), s)
			to := Target{Account: p.id, Mailbox: name(t), Flags: drawFlags(t)}
			l.To, mine[p.modelAccount] = append(l.To, to), true
			fine = fine && p.boxes[to.Mailbox] != nil
		}
		for a := range mine {
			fresh[a]++
		}
		letters, texts = append(letters, l), append(texts, msg)
	}
	for a, n := range fresh {
		fine = fine && !a.full(n)
	}
	placed, err := s.DeliverAll(m.ctx, letters, nil)
	if (err == nil) != fine {
		t.Fatalf("deliver %+v: %v", letters, err)
	}
	for n := range placed {
		for i, at := range placed[n] {
			m.place(t, &letters[n].To[i], texts[n], at)
		}
	}
}

// body makes the body of another message.
func (m *machine) body(t *rapid.T, s *Store) (string, *Body) {
	m.n++
	msg := text(fmt.Sprint("m", m.n), rapid.IntRange(0, 3000).Draw(t, "size"))
	sp := s.NewSpool(m.ctx)
	sp.Write([]byte(msg))
	b, err := sp.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return msg, b
}

// place adds to the model what was placed in the store.
func (m *machine) place(t *rapid.T, to *Target, msg string, at Placed) {
	box := m.accounts[to.Account-m.base].boxes[to.Mailbox]
	if u := box.add(modelMsg{flags: to.Flags, size: int64(len(msg)), text: msg, email: at.EmailID}); u != at.UID {
		t.Fatalf("uid %d, want %d", at.UID, u)
	}
}

// replace puts a message into a mailbox of either account in the place of one.
func (m *machine) replace(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	uid := UID(rapid.Uint32Range(1, uint32(box.next)).Draw(t, "uid"))
	msg, b := m.body(t, p.s)
	other := m.as(rapid.IntRange(0, 1).Draw(t, "other account"), p.s)
	to := Target{Account: other.id, Mailbox: name(t), Flags: drawFlags(t)}
	old, there := box.msgs[uid]
	delete(box.msgs, uid) // so that the net is what the quota sees
	fine := there && other.boxes[to.Mailbox] != nil && !other.full(1)
	if there {
		box.msgs[uid] = old
	}
	at, err := p.a.Replace(m.ctx, have.ID, uid, Letter{b, []Target{to}})
	if (err == nil) != fine {
		t.Fatalf("replace uid %d of %s by one in %+v: %v", uid, have.Name, to, err)
	}
	if err == nil {
		p.bury(have.Name, box, []UID{uid}, m.clock.t)
		m.place(t, &to, msg, at)
	}
}

func (b *modelBox) add(msg modelMsg) UID {
	msg.saved = uint32(b.clock.t.Unix())
	b.msgs[b.next] = msg
	b.next++
	return b.next - 1
}

func (m *machine) flag(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	op := FlagOp(rapid.IntRange(0, 2).Draw(t, "op"))
	f, uids := drawFlags(t), drawUIDs(t, box)
	if _, _, err := p.a.Store(m.ctx, have.ID, uids, op, f, nil, 0); err != nil {
		t.Fatal(err)
	}
	for _, u := range sorted(uids) {
		if msg, ok := box.msgs[u]; ok {
			msg.flags = op.apply(msg.flags, f)
			box.msgs[u] = msg
		}
	}
}

// gather puts flags into pages, of which the last is not full.
func (m *machine) gather(t *rapid.T) {
	p := m.player(t)
	if box, have := p.box(t, m.ctx); box != nil {
		if err := p.a.gather(m.ctx, have.ID, every); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *machine) remove(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	uids, expunge := drawUIDs(t, box), rapid.Bool().Draw(t, "expunge")
	do := p.a.Remove
	if expunge {
		do = p.a.Expunge
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
		}
	}
	if !slices.Equal(gone, want) {
		t.Fatalf("removed %v, want %v", gone, want)
	}
	p.bury(have.Name, box, want, m.clock.t)
}

// bury removes messages from a mailbox; those that are nowhere else go into the vault.
func (a *modelAccount) bury(name string, box *modelBox, uids []UID, at time.Time) {
	removed := make([]modelBuried, len(uids))
	for n, u := range uids {
		removed[n] = modelBuried{box.msgs[u], name, at}
		delete(box.msgs, u)
	}
	a.buryEach(removed)
}

func (a *modelAccount) buryEach(removed []modelBuried) {
	left := a.emails()
	for _, b := range removed {
		if _, lives := left[b.email]; !lives {
			left[b.email] = 0 // once
			a.vault = append(a.vault, b)
		}
	}
}

// buryAll removes messages from several mailboxes at once; the vault has an
// email as it was in the first.
func (a *modelAccount) buryAll(uids map[string][]UID, order []string, at time.Time) {
	var removed []modelBuried
	for _, name := range order {
		for _, u := range sorted(uids[name]) {
			removed = append(removed, modelBuried{a.boxes[name].msgs[u], name, at})
			delete(a.boxes[name].msgs, u)
		}
	}
	a.buryEach(removed)
}

func (m *machine) transfer(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	to := name(t)
	if box == nil {
		return
	}
	uids, move := drawUIDs(t, box), rapid.Bool().Draw(t, "move")
	do := p.a.Copy
	if move {
		do = p.a.Move
	}
	c, err := do(m.ctx, have.ID, uids, to)
	dst := p.boxes[to]
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

// label makes messages be in other mailboxes of an account, or no longer.
func (m *machine) label(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	op, uids := FlagOp(rapid.IntRange(0, 2).Draw(t, "op")), drawUIDs(t, box)
	named := make(map[string]bool)
	var in []MailboxID
	for range rapid.IntRange(0, 3).Draw(t, "labels") {
		name := name(t)
		if p.boxes[name] != nil {
			other, err := p.a.Mailbox(m.ctx, name)
			if err != nil {
				t.Fatal(err)
			}
			named[name], in = true, append(in, other.ID)
		}
	}
	changed, err := p.a.Label(m.ctx, have.ID, uids, op, in)
	if err != nil {
		t.Fatal(err)
	}
	emails := make(map[EmailID]bool)
	removed := make(map[string][]UID)
	for _, u := range sorted(uids) {
		if msg, there := box.msgs[u]; there && p.labels(have.Name, msg, op, named, removed) {
			emails[msg.email] = true
		}
	}
	var want []UID
	for _, u := range sorted(uids) {
		if msg, there := box.msgs[u]; there && emails[msg.email] {
			want = append(want, u)
		}
	}
	if !slices.Equal(changed, want) {
		t.Fatalf("changed %v, want %v", changed, want)
	}
	all, err := p.a.Mailboxes(m.ctx)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(x, y Mailbox) int { return cmp.Compare(x.ID, y.ID) })
	var order []string
	for _, box := range all {
		order = append(order, box.Name)
	}
	p.buryAll(removed, order, m.clock.t)
}

// labels labels one message in the model; what leaves a mailbox is only noted.
func (a *modelAccount) labels(at string, msg modelMsg, op FlagOp, named map[string]bool, removed map[string][]UID) (changed bool) {
	for name, box := range a.boxes {
		there := false
		for u, other := range box.msgs {
			there = there || other.email == msg.email && !slices.Contains(removed[name], u)
		}
		leaves := op == RemoveFlags && named[name] || op == SetFlags && !named[name] && name != at
		switch {
		case op != RemoveFlags && named[name] && !there:
			box.add(msg)
			changed = true
		case leaves && there:
			for u, other := range box.msgs {
				if other.email == msg.email {
					removed[name] = append(removed[name], u)
				}
			}
			changed = true
		}
	}
	return changed
}

func (m *machine) restore(t *rapid.T) {
	p := m.player(t)
	var ids []EmailID
	chosen := make(map[EmailID]bool)
	for _, b := range p.vault {
		if rapid.Bool().Draw(t, "this") {
			ids, chosen[b.email] = append(ids, b.email), true
		}
	}
	placed, err := p.a.Restore(m.ctx, append(ids, 1<<40))
	if (err != nil) != p.full(len(ids)) {
		t.Fatalf("restore %v: %v", ids, err)
	}
	if err != nil {
		return
	}
	if len(placed) != len(ids) {
		t.Fatalf("restored %+v of %v", placed, ids)
	}
	var kept []modelBuried
	slices.SortStableFunc(p.vault, func(x, y modelBuried) int {
		return cmp.Or(x.removed.Compare(y.removed), cmp.Compare(x.email, y.email))
	})
	for _, b := range p.vault {
		if !chosen[b.email] {
			kept = append(kept, b)
			continue
		}
		box := p.boxes[b.box]
		if box == nil {
			box = p.boxes[inbox]
		}
		b.flags, b.email = b.flags&^Deleted, placed[0].EmailID
		if u := box.add(b.modelMsg); u != placed[0].UID {
			t.Fatalf("restored as %+v, want uid %d", placed[0], u)
		}
		placed = placed[1:]
	}
	p.vault = kept
}

func (m *machine) create(t *rapid.T) {
	p, name := m.player(t), name(t)
	_, err := p.a.Create(m.ctx, name, "")
	if (err == nil) != (p.boxes[name] == nil) {
		t.Fatalf("create %s: %v", name, err)
	}
	if err == nil {
		p.make(name)
	}
}

// make makes a mailbox and the levels above it.
func (a *modelAccount) make(name string) {
	for _, level := range append(parents(name), name) {
		if a.boxes[level] == nil {
			a.boxes[level] = newModelBox(a.clock)
		}
	}
}

func (m *machine) delete(t *rapid.T) {
	p, name := m.player(t), name(t)
	err := p.a.Delete(m.ctx, name)
	box := p.boxes[name]
	if (err == nil) != (box != nil && name != inbox) {
		t.Fatalf("delete %s: %v", name, err)
	}
	if err == nil {
		delete(p.boxes, name)
		p.bury(name, box, slices.Sorted(maps.Keys(box.msgs)), m.clock.t)
	}
}

func (m *machine) rename(t *rapid.T) {
	p, from, to := m.player(t), name(t), name(t)
	err := p.a.Rename(m.ctx, from, to)
	if fine := p.renames(from, to); fine != (err == nil) {
		t.Fatalf("rename %s to %s: %v", from, to, err)
	}
}

// renames renames in the model, if that can be done.
func (a *modelAccount) renames(from, to string) bool {
	if a.boxes[to] != nil || from == to {
		return false
	}
	if from == inbox {
		a.make(to)
		for _, u := range slices.Sorted(maps.Keys(a.boxes[inbox].msgs)) {
			a.boxes[to].add(a.boxes[inbox].msgs[u])
			delete(a.boxes[inbox].msgs, u)
		}
		return true
	}
	moved := make(map[string]string)
	for name := range a.boxes {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			moved[name] = to + rest
		}
	}
	for _, name := range moved {
		if _, moves := moved[name]; a.boxes[name] != nil && !moves {
			return false
		}
	}
	if len(moved) == 0 || strings.HasPrefix(to, from+"/") {
		return false
	}
	if up := parents(to); len(up) > 0 {
		a.make(up[len(up)-1])
	}
	for _, old := range slices.Sorted(maps.Keys(moved)) {
		box := a.boxes[old]
		delete(a.boxes, old)
		a.boxes[moved[old]] = box
	}
	return true
}

func (m *machine) subscribe(t *rapid.T) {
	p, name, on := m.player(t), name(t), rapid.Bool().Draw(t, "on")
	if err := p.a.Subscribe(m.ctx, name, on); err != nil {
		t.Fatal(err)
	}
	if p.subs[name] = true; !on {
		delete(p.subs, name)
	}
}

// whoever shares: two names of this run's own.
func (m *machine) grantees() []Grantee {
	return []Grantee{Grantee(fmt.Sprint("carol", m.base)), Grantee(fmt.Sprint("team", m.base))}
}

func (m *machine) share(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	to := rapid.SampledFrom(m.grantees()).Draw(t, "to")
	r := Rights(rapid.Uint16Range(0, uint16(AllRights)).Draw(t, "rights"))
	if err := p.a.SetGrant(m.ctx, have.ID, Grant{To: to, Rights: r}); err != nil {
		t.Fatal(err)
	}
	if box.rights[to] = r; r == 0 {
		delete(box.rights, to)
	}
}

// annotate sets or takes away two annotations, of a mailbox or of the account.
func (m *machine) annotate(t *rapid.T) {
	p := m.player(t)
	notes, id := p.notes, MailboxID(0)
	if rapid.Bool().Draw(t, "of a mailbox") {
		box, have := p.box(t, m.ctx)
		if box == nil {
			return
		}
		notes, id = box.notes, have.ID
	}
	var entries []Entry
	for range 2 {
		n := modelNote{0, rapid.SampledFrom([]string{"/shared/a", "/shared/a/b", "/private/a", "/private/a/b"}).Draw(t, "name")}
		if strings.HasPrefix(n.name, "/private") {
			n.user = m.base + kv.Part(rapid.IntRange(0, 1).Draw(t, "user"))
		}
		e := Entry{Name: n.name, User: n.user}
		if delete(notes, n); rapid.Bool().Draw(t, "set") {
			notes[n] = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value")
			e.Value = []byte(notes[n])
		}
		entries = append(entries, e)
	}
	if err := p.a.SetMetadata(m.ctx, id, entries); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) limit(t *rapid.T) {
	p := m.player(t)
	p.limit = rapid.Int64Range(0, 8).Draw(t, "limit")
	if err := p.s.SetQuota(m.ctx, p.id, 0, p.limit); err != nil {
		t.Fatal(err)
	}
}

// age lets time go by and the house be kept.
func (m *machine) age(t *rapid.T) {
	m.clock.t = m.clock.t.Add(time.Duration(rapid.IntRange(1, 30*24).Draw(t, "hours")) * time.Hour)
	if err := m.store(t).keepHouse(m.ctx); err != nil {
		t.Fatal(err)
	}
	for _, a := range m.accounts {
		a.vault = slices.DeleteFunc(a.vault, func(b modelBuried) bool { return b.removed.Before(m.clock.t.Add(-month)) })
	}
}

func (m *machine) restart(t *rapid.T) {
	n := rapid.IntRange(0, len(m.stores)-1).Draw(t, "process")
	m.stores[n] = m.open(t, m.stores[n].Options)
}

func (m *machine) lose(t *rapid.T) {
	if m.crash != nil {
		m.crash(t, m)
	}
}

// sync lets a session catch up by the change log alone.
func (m *machine) sync(t *rapid.T) {
	p := m.player(t)
	box, have := p.box(t, m.ctx)
	if box == nil {
		return
	}
	d, err := p.a.Changes(m.ctx, have.ID, box.synced)
	if err != nil || d.Deleted {
		t.Fatal(err, d)
	}
	for u := range box.view {
		if slices.ContainsFunc(d.Gone, func(r UIDRange) bool { return r.From <= u && u <= r.To }) {
			delete(box.view, u)
		}
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
