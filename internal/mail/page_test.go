package mail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// every has gather put all flags into pages.
func every(next UID) UID { return next }

func gatherAll(t testing.TB, a *Account, id MailboxID) {
	t.Helper()
	if err := a.gather(t.Context(), id, every); err != nil {
		t.Fatal(err)
	}
}

// flagRowsOf counts the rows of flags of a mailbox: pages and others.
func flagRowsOf(t testing.TB, s *Store, id MailboxID) (pages, lone int) {
	t.Helper()
	err := s.KV.View(t.Context(), func(r kv.Reader) error {
		lo, hi := messageRange(keyFlags, id)
		return r.Scan(alice, lo, hi, kv.ScanOptions{}, func(_, row []byte) error {
			if isPage(row) {
				pages++
			} else {
				lone++
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages, lone
}

func TestPage(t *testing.T) {
	t.Parallel()
	full := make([]Item, pageSize)
	for n := range full {
		full[n] = Item{UID: 256 + UID(n), Saved: 1_790_000_000 + uint32(n), ModSeq: 77 + ModSeq(n)}
	}
	stored := slices.Clone(full)
	for n := range stored {
		stored[n].Flags, stored[n].ModSeq = Seen|1<<63, 1<<62
	}
	for _, tt := range []struct {
		name  string
		items []Item
		most  int // octets
	}{
		{"as delivered", full, 24},
		{"after a change of all", stored, 40},
		{"one", []Item{{UID: 383, Flags: ^Flags(0), ModSeq: 1<<63 - 1, Saved: 1<<32 - 1}}, 40},
		{"with gaps", []Item{{UID: 256}, {UID: 258, Saved: 9}, {UID: 259, ModSeq: 3}, {UID: 383}}, 40},
	} {
		row := appendPage(nil, 256, tt.items)
		if got, err := appendItems(nil, 256, row); err != nil || !slices.Equal(got, tt.items) || len(row) > tt.most {
			t.Errorf("%s: %d octets, read as %d items, %v", tt.name, len(row), len(got), err)
		}
		for n := range row {
			if got, err := appendItems(full[:1:1], 256, row[:n]); err == nil || len(got) != 1 {
				t.Errorf("%s: %d octets of it are read as %+v", tt.name, n, got)
			}
		}
	}
	if _, err := appendItems(nil, 257, appendPage(nil, 256, full)); err == nil {
		t.Error("a page where there is none")
	}
}

func FuzzPage(f *testing.F) {
	f.Add([]byte{pageMark, 1, 0, 1, 2, 1, 2, 1, 2, 1})
	f.Add(appendPage(nil, 128, []Item{{UID: 130, Flags: 1, ModSeq: 8, Saved: 5}, {UID: 255, ModSeq: 9}}))
	f.Fuzz(func(t *testing.T, row []byte) {
		items, err := appendItems(nil, 128, row)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(items, func(x, y Item) int { return int(x.UID) - int(y.UID) }) || items[0].UID < 128 || items[len(items)-1].UID > 255 {
			t.Fatalf("%x is read as %+v", row, items)
		}
		if again, err := appendItems(nil, 128, appendPage(nil, 128, items)); err != nil || !slices.Equal(again, items) {
			t.Errorf("%x is read as %+v, written and read again %+v, %v", row, items, again, err)
		}
	})
}

// TestGather delivers, changes and removes at random, in a store that keeps
// lists, and compares with what a store without them reads, and with a model.
func TestGather(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 9))
			s, _ := newStore(t, memory.New())
			s.chunks.gather = pageSize + 2 + rng.IntN(100)
			a, box := s.Account(alice), MailboxID(1)
			deliver(t, s, text("x", 1), Target{Account: alice})
			have, next := map[UID]Flags{1: 0}, UID(2)
			for range 60 {
				next = play(t, rng, s, box, have, next)
				sameLists(t, a, box, have)
			}
			if found, _ := checked(t, s, false); len(found) != 0 {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// play does one thing at random.
func play(t *testing.T, rng *rand.Rand, s *Store, box MailboxID, have map[UID]Flags, next UID) UID {
	a, uids := s.Account(alice), someUIDs(rng, next)
	switch rng.IntN(6) {
	case 0, 1:
		n := 1 + rng.IntN(1+rng.IntN(300))
		deliver(t, s, text("x", 1), slices.Repeat([]Target{{Account: alice}}, n)...)
		for range n {
			have[next] = 0
			next++
		}
	case 2, 3:
		op, f := FlagOp(rng.IntN(3)), Flags(rng.IntN(32))
		_, _, err := a.Store(t.Context(), box, uids, op, f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uids {
			if old, there := have[u]; there {
				have[u] = op.apply(old, f)
			}
		}
	case 4:
		must[[]UID](t)(a.Remove(t.Context(), box, uids))
		for _, u := range uids {
			delete(have, u)
		}
	default:
		if err := a.gather(t.Context(), box, []func(UID) UID{every, pageOf}[rng.IntN(2)]); err != nil {
			t.Fatal(err)
		}
	}
	return next
}

// someUIDs are a range, or some here and there.
func someUIDs(rng *rand.Rand, next UID) (uids []UID) {
	from, some := UID(rng.IntN(int(next)+1)), rng.IntN(2) == 0
	for u := from; u < min(next+2, from+UID(rng.IntN(300))); u++ {
		if !some || rng.IntN(20) == 0 {
			uids = append(uids, u)
		}
	}
	return uids
}

// sameLists compares what List keeps with what it reads and with a model.
func sameLists(t *testing.T, a *Account, id MailboxID, have map[UID]Flags) {
	t.Helper()
	box, kept, err := a.List(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	k := must[*keptList](t)(a.readList(t.Context(), id))
	if !slices.Equal(kept, k.items) || fmt.Sprint(box) != fmt.Sprint(k.box) {
		t.Fatalf("%+v is kept as\n%+v and read as\n%+v", box, kept, k.items)
	}
	if len(kept) != len(have) {
		t.Fatalf("%d messages, want %d", len(kept), len(have))
	}
	for _, i := range kept {
		if f, there := have[i.UID]; !there || f != i.Flags {
			t.Fatalf("%+v, want flags %b, %v", i, f, there)
		}
	}
}

// TestGatherInTheBackground: a List that meets many rows has them gathered.
func TestGatherInTheBackground(t *testing.T) {
	t.Parallel()
	const n = 6 * pageSize
	a, box := filledMemory(t, n)
	heard := make(chan struct{}, 1)
	defer a.Notify(func() {
		select {
		case heard <- struct{}{}:
		default:
		}
	})()
	before := must[*keptList](t)(a.readList(t.Context(), box))
	go a.s.runGatherer(t.Context())
	<-heard
	after := must[*keptList](t)(a.readList(t.Context(), box))
	if pages, lone := flagRowsOf(t, a.s, box); pages != 6 || lone != 1 || !slices.Equal(before.items, after.items) {
		t.Errorf("%d pages, %d other rows", pages, lone)
	}
	if d, err := a.Changes(t.Context(), box, before.box.HighestModSeq); err != nil || d.Changed != nil || d.Mailbox.HighestModSeq != before.box.HighestModSeq {
		t.Errorf("%+v, %v: sessions would be told", d, err)
	}
}

// TestStoreGathers: a change of many writes pages, one of few their own rows.
func TestStoreGathers(t *testing.T) {
	t.Parallel()
	a, box := filledMemory(t, 300)
	store := func(from, to, by UID) {
		t.Helper()
		var uids []UID
		for u := from; u <= to; u += by {
			uids = append(uids, u)
		}
		if _, _, err := a.Store(t.Context(), box, uids, AddFlags, Flagged, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(wantPages, wantLone int) {
		t.Helper()
		if pages, lone := flagRowsOf(t, a.s, box); pages != wantPages || lone != wantLone {
			t.Errorf("%d pages, %d other rows", pages, lone)
		}
	}
	store(1, 300, 100)
	rows(0, 300)
	store(2, 100, 1)
	rows(1, 300-127)
	store(102, 300, 1)
	rows(3, 0)
	deliver(t, a.s, text("x", 1), Target{Account: alice})
	store(300, 301, 1)
	rows(3, 1)
	must[[]UID](t)(a.Remove(t.Context(), box, []UID{1, 301}))
	rows(3, 0)
}

// TestListIsShared: two callers get one list, which later changes leave as it is.
func TestListIsShared(t *testing.T) {
	t.Parallel()
	a, box := filledMemory(t, 10)
	_, one, err := a.List(t.Context(), box)
	_, two, err2 := a.List(t.Context(), box)
	if err != nil || err2 != nil || &one[0] != &two[0] {
		t.Errorf("%v, %v: not the same list", err, err2)
	}
	if _, _, err := a.Store(t.Context(), box, []UID{3}, AddFlags, Seen, nil, 0); err != nil {
		t.Fatal(err)
	}
	deliver(t, a.s, text("x", 1), Target{Account: alice})
	_, three, err := a.List(t.Context(), box)
	if err != nil || len(three) != 11 || three[2].Flags != Seen || one[2].Flags != 0 || len(one) != 10 {
		t.Errorf("%+v, the first %+v, %v", three, one, err)
	}
}

// TestKeptListsAreBounded keeps the lists used last.
func TestKeptListsAreBounded(t *testing.T) {
	t.Parallel()
	c := newShelf[mailboxAt, *keptList](maxListed)
	items := make([]Item, maxListed/4)
	for n := range MailboxID(10) {
		c.keep(mailboxAt{alice, n}, &keptList{items: items})
	}
	if c.get(mailboxAt{alice, 9}) == nil || c.get(mailboxAt{alice, 0}) != nil || c.costs > maxListed || len(c.places) != 3 {
		t.Errorf("%d messages in %d lists", c.costs, len(c.places))
	}
	c.keep(mailboxAt{bob, 1}, &keptList{items: make([]Item, maxListed+1)})
	c.forget(func(at mailboxAt) bool { return at.account == alice })
	if len(c.places) != 0 || c.costs != 0 || c.latest.Len() != 0 {
		t.Errorf("%d messages in %d lists after all were forgotten", c.costs, len(c.places))
	}
}
