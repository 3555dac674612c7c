package mail

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// orderModel is an account of which orders are kept however small its mailboxes are.
type orderModel struct {
	t     *testing.T
	s     *Store
	a     *Account
	names []string
}

func newOrderModel(t *testing.T) *orderModel {
	s, _ := newStore(t, memory.New())
	s.Keep, s.orderWorth = month, 0
	m := &orderModel{t: t, s: s, a: s.Account(alice), names: []string{inbox, "Archive", "x"}}
	must[Mailbox](t)(m.a.Create(t.Context(), "x", ""))
	return m
}

func (m *orderModel) box(r *rapid.T) (string, Mailbox, []UID) {
	name := rapid.SampledFrom(m.names).Draw(r, "mailbox")
	box, items := listed(m.t, m.a, name)
	return name, box, uidsOf(items)
}

// some draws UIDs, of which some may not exist.
func (m *orderModel) some(r *rapid.T, box Mailbox) []UID {
	return rapid.SliceOfN(rapid.Map(rapid.Uint32Range(1, uint32(box.UIDNext)), func(u uint32) UID { return UID(u) }), 0, 5).Draw(r, "uids")
}

func (m *orderModel) deliver(r *rapid.T) {
	name, _, _ := m.box(r)
	word := rapid.SampledFrom([]string{"", "a", "b", "abcdefgh", "abcdefghi", "ABCDEFGHJ", "re: a", "\u00e0"})
	for range rapid.IntRange(1, 8).Draw(r, "letters") {
		letter := fmt.Sprintf("From: %s@x\r\nSubject: %s\r\n\r\n", "f"+word.Draw(r, "from"), word.Draw(r, "subject"))
		deliver(m.t, m.s, letter, Target{Account: alice, Mailbox: name})
	}
}

func (m *orderModel) expunge(r *rapid.T) {
	_, box, _ := m.box(r)
	must[[]UID](m.t)(m.a.Remove(m.t.Context(), box.ID, m.some(r, box)))
}

func (m *orderModel) move(r *rapid.T) {
	_, box, _ := m.box(r)
	to, _, _ := m.box(r)
	must[Copied](m.t)(m.a.Move(m.t.Context(), box.ID, m.some(r, box), to))
}

// renew deletes a mailbox, looked at by nobody or by somebody, and makes one of its name.
func (m *orderModel) renew(r *rapid.T) {
	if err := m.a.Delete(m.t.Context(), "x"); err != nil {
		r.Fatal(err)
	}
	must[Mailbox](m.t)(m.a.Create(m.t.Context(), "x", ""))
}

// restart deletes the account, after which its first mailboxes have the ids that they had.
func (m *orderModel) restart(r *rapid.T) {
	if err := m.s.DeleteAccount(m.t.Context(), alice); err != nil {
		r.Fatal(err)
	}
	must[Mailbox](m.t)(m.a.Create(m.t.Context(), "x", ""))
}

func (m *orderModel) restore(r *rapid.T) {
	if _, err := m.a.Restore(m.t.Context(), idsOf(vaultOf(m.t, m.a))); err != nil {
		r.Fatal(err)
	}
}

// sort compares what is kept with what the rows say.
func (m *orderModel) sort(r *rapid.T) {
	name, box, uids := m.box(r)
	if rapid.Bool().Draw(r, "some") {
		uids = append(m.some(r, box), uids[:len(uids)/2]...)
	}
	by := []SortKey{{rapid.SampledFrom([]SortBy{ByArrival, ByFrom, BySize, BySubject}).Draw(r, "by"), rapid.Bool().Draw(r, "reverse")}}
	got := must[[]UID](m.t)(m.a.Sort(m.t.Context(), box.ID, uids, by))
	if want := must[[]UID](m.t)(m.a.sortRows(m.t.Context(), box.ID, uids, by)); !slices.Equal(got, want) {
		r.Fatalf("%s %v by %v: %v, want %v", name, uids, by, got, want)
	}
}

// TestKeptOrders sorts while mail comes and goes.
func TestKeptOrders(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := newOrderModel(t)
		r.Repeat(map[string]func(*rapid.T){"deliver": m.deliver, "deliver more": m.deliver, "expunge": m.expunge, "move": m.move,
			"renew": m.renew, "restart": m.restart, "restore": m.restore, "sort": m.sort, "sort again": m.sort, "": m.sort})
	})
}

// TestOrderIsKept: the same order serves until a message comes, which is put where it belongs.
func TestOrderIsKept(t *testing.T) {
	t.Parallel()
	m := newOrderModel(t)
	sort := func() []UID {
		box, items := listed(t, m.a, inbox)
		return must[[]UID](t)(m.a.Sort(t.Context(), box.ID, uidsOf(items), []SortKey{{BySubject, true}}))
	}
	for _, s := range []string{"b", "c", "a", "B"} {
		deliver(t, m.s, text(s, 1), Target{Account: alice})
	}
	box, _ := listed(t, m.a, inbox)
	at := orderAt{mailboxAt{alice, box.ID}, BySubject}
	if got := sort(); !slices.Equal(got, []UID{2, 1, 4, 3}) {
		t.Fatalf("%v", got)
	}
	first := m.s.orders.get(at)
	if sort(); first == nil || m.s.orders.get(at) != first {
		t.Errorf("the order of an unchanged mailbox was made anew")
	}
	must[[]UID](t)(m.a.Remove(t.Context(), box.ID, []UID{1, 3}))
	if got := sort(); !slices.Equal(got, []UID{2, 4}) || m.s.orders.get(at) != first {
		t.Errorf("%v after two were removed, and an order of its own", got)
	}
	deliver(t, m.s, text("b", 1), Target{Account: alice})
	if got, o := sort(), m.s.orders.get(at); !slices.Equal(got, []UID{2, 4, 5}) || !slices.Equal(o.uids, []UID{4, 5, 2}) || o.next != 6 || len(o.values) != 2 {
		t.Errorf("%v after one came: %+v", got, o)
	}
	m.s.Shared = true
	if got := sort(); !slices.Equal(got, []UID{2, 4, 5}) {
		t.Errorf("%v from the rows", got)
	}
}

// TestOrderOfOthers: an order of an older mailbox, or without a message that is there, is no answer.
func TestOrderOfOthers(t *testing.T) {
	t.Parallel()
	m := newOrderModel(t)
	deliver(t, m.s, text("b", 1), Target{Account: alice})
	deliver(t, m.s, text("a", 1), Target{Account: alice})
	box, _ := listed(t, m.a, inbox)
	for name, o := range map[string]*order{
		"older": {validity: box.UIDValidity - 1, next: 3, uids: []UID{1, 2}, values: []orderValue{{number: 1, uids: 2}}},
		"lacks": {validity: box.UIDValidity, next: 3, uids: []UID{2}, values: []orderValue{{number: 1, uids: 1}}},
	} {
		m.s.orders.keep(orderAt{mailboxAt{alice, box.ID}, BySubject}, o)
		if got := must[[]UID](t)(m.a.Sort(t.Context(), box.ID, []UID{1, 2}, []SortKey{{By: BySubject}})); !slices.Equal(got, []UID{2, 1}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestOrderWithDamage: a damaged row fails the sorts of its message, and no others.
func TestOrderWithDamage(t *testing.T) {
	t.Parallel()
	m := newOrderModel(t)
	for _, s := range []string{"b", "x", "a"} {
		deliver(t, m.s, text(s, 1), Target{Account: alice})
	}
	box, _ := listed(t, m.a, inbox)
	b := new(kv.Batch)
	b.Set(alice, messageKey(keyMeta, box.ID, 2), []byte{0xff})
	if err := kv.Commit(t.Context(), m.s.KV, b); err != nil {
		t.Fatal(err)
	}
	by := []SortKey{{By: BySubject}}
	if got := must[[]UID](t)(m.a.Sort(t.Context(), box.ID, []UID{1, 3}, by)); !slices.Equal(got, []UID{3, 1}) {
		t.Errorf("of those that are whole: %v", got)
	}
	_, err := m.a.Sort(t.Context(), box.ID, []UID{1, 2, 3}, by)
	wantKind(t, err, Internal)
}

// TestSparseMailboxes: orders are not kept of what is too far apart, or for a few of many.
func TestSparseMailboxes(t *testing.T) {
	t.Parallel()
	near, far := []Item{{UID: 5}, {UID: 6}, {UID: 9}}, []Item{{UID: 1}, {UID: 2 + 2*orderSpan}}
	for _, c := range []struct {
		uids  []UID
		items []Item
		n     int // -1: not worth it
	}{
		{[]UID{9, 1, 6, 7, 9, 10}, near, 2},
		{nil, near, -1},
		{[]UID{1}, nil, -1},
		{[]UID{1}, far, -1},
		{[]UID{1}, make([]Item, orderShare+1), -1},
	} {
		s := wanted(c.uids, c.items)
		if (s == nil) != (c.n < 0) || s != nil && s.n != c.n {
			t.Errorf("%v of %d: %+v, want %d", c.uids, len(c.items), s, c.n)
		}
	}
}

// TestOrdersAreBounded keeps the orders used last, and none that is too large.
func TestOrdersAreBounded(t *testing.T) {
	t.Parallel()
	c := newShelf[orderAt, *order](maxOrdered)
	o := &order{uids: make([]UID, maxOrdered/32), values: make([]orderValue, maxOrdered/128)}
	at := func(n MailboxID, by SortBy) orderAt { return orderAt{mailboxAt{alice, n}, by} }
	for n := range MailboxID(6) {
		c.keep(at(n, BySubject), o)
		c.keep(at(n, ByFrom), o)
	}
	if c.costs > maxOrdered || len(c.places) != 3 || c.get(at(5, ByFrom)) == nil || c.get(at(4, BySubject)) != nil {
		t.Errorf("%d octets in %v", c.costs, slices.Collect(maps.Keys(c.places)))
	}
	c.keep(at(5, ByFrom), &order{next: 1, uids: make([]UID, maxOrdered/4)})
	if c.get(at(5, ByFrom)) != nil || len(c.places) != 2 {
		t.Error("an order that is too large is kept")
	}
}

// TestSortsAtOnce: sessions sort while mail comes; each gets what it asked for.
func TestSortsAtOnce(t *testing.T) {
	t.Parallel()
	m := newOrderModel(t)
	deliver(t, m.s, text("0", 1), Target{Account: alice})
	box, _ := listed(t, m.a, inbox)
	var wg sync.WaitGroup
	for n := range 4 {
		by := []SortKey{{BySubject, n%2 == 0}}
		wg.Go(func() {
			for range 50 {
				_, items, err := m.a.List(t.Context(), box.ID)
				got, err2 := m.a.Sort(t.Context(), box.ID, uidsOf(items), by)
				want, err3 := m.a.sortRows(t.Context(), box.ID, uidsOf(items), by)
				if err != nil || err2 != nil || err3 != nil || !slices.Equal(got, want) {
					t.Errorf("%v, want %v; %v, %v, %v", got, want, err, err2, err3)
				}
			}
		})
	}
	for n := range 40 {
		deliver(t, m.s, text(fmt.Sprint(n*7%10), 1), Target{Account: alice})
	}
	wg.Wait()
}
