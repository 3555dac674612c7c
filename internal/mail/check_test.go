package mail

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	blobmemory "tem/internal/blob/memory"
	"tem/internal/bus/local"
	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// populated is a store in which every kind of row occurs.
func populated(t testing.TB) (*Store, *blobmemory.Store) {
	t.Helper()
	blobs := blobmemory.New()
	c := newClock()
	s, err := Open(t.Context(), Options{KV: memory.New(), Blobs: blobs, Bus: local.New(), Now: c.now, InlineMax: 4096, Keep: 1000 * sweepGrace})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Account(alice)
	must[Mailbox](t)(a.Create(t.Context(), "Work", ""))
	for n := range 6 {
		if n == 4 { // four messages in a page, two beside it
			gatherAll(t, a, must[Mailbox](t)(a.Mailbox(t.Context(), inbox)).ID)
		}
		msg := fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <0@x>\r\n", n) + text("tea", 10+n*1500)
		deliver(t, s, msg, Target{Account: alice, Keywords: []string{"k"}}, Target{Account: bob}, Target{Account: alice, Mailbox: "Work"})
	}
	box, _ := listed(t, a, inbox)
	must[Copied](t)(a.Copy(t.Context(), box.ID, []UID{1}, "Archive"))
	must[[]UID](t)(s.Account(bob).Remove(t.Context(), box.ID, []UID{2}))
	if err := a.SetGrant(t.Context(), box.ID, Grant{To: "account:7", Rights: RightRead}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []MailboxID{0, box.ID} {
		if err := a.SetMetadata(t.Context(), id, []Entry{{"/shared/comment", 0, []byte("x")}, {"/private/comment", bob, nil}, {"/private/vendor/a", bob, []byte{}}}); err != nil {
			t.Fatal(err)
		}
	}
	return s, blobs
}

// checked runs a check and returns what it found.
func checked(t testing.TB, s *Store, repair bool) (found []Problem, r CheckResult) {
	t.Helper()
	r, err := s.Check(t.Context(), CheckOptions{Repair: repair, Problem: func(p Problem) { found = append(found, p) }})
	if err != nil {
		t.Fatal(err)
	}
	return found, r
}

func TestCheckSound(t *testing.T) {
	t.Parallel()
	s, _ := populated(t)
	if found, r := checked(t, s, false); len(found) != 0 || r.Accounts != 2 || r.Messages != 18 || r.Bodies == 0 {
		t.Errorf("%+v, found %+v", r, found)
	}
}

// keyed is one row of a store.
type keyed struct {
	p        kv.Part
	key, val []byte
}

// allRows reads every row that Check answers for.
func allRows(t testing.TB, s *Store) (rows []keyed) {
	t.Helper()
	parts := []kv.Part{kv.Accounts, alice, bob}
	for p := range kv.Part(kv.BodyParts) {
		parts = append(parts, kv.FirstBodies+p)
	}
	err := s.KV.View(t.Context(), func(r kv.Reader) error {
		for _, p := range parts {
			err := r.Scan(p, nil, nil, kv.ScanOptions{}, func(key, val []byte) error {
				rows = append(rows, keyed{p, bytes.Clone(key), bytes.Clone(val)})
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// past writes behind the store's back, and makes it read everything again.
func past(t testing.TB, s *Store, change func(b *kv.Batch)) *Store {
	t.Helper()
	b := new(kv.Batch)
	change(b)
	if err := kv.Commit(t.Context(), s.KV, b); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), s.Options)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestCheckEveryRow takes away each row in turn. It must be missed, and what can
// be derived must be made again.
func TestCheckEveryRow(t *testing.T) {
	t.Parallel()
	s, _ := populated(t)
	for n := range allRows(t, s) {
		s, _ := populated(t)
		row := allRows(t, s)[n]
		if unchecked(row) {
			continue
		}
		s = past(t, s, func(b *kv.Batch) { b.Delete(row.p, row.key) })
		found, _ := checked(t, s, false)
		if len(found) == 0 {
			t.Errorf("nobody misses %d %q", row.p, row.key)
			continue
		}
		mended(t, s, fmt.Sprintf("without %d %q", row.p, row.key))
	}
}

// unchecked are rows that nothing else tells of: subscriptions, what was let go
// of, limits, and the state, without which an account is not there.
func unchecked(row keyed) bool {
	account := row.p >= kv.FirstAccount
	switch row.key[0] {
	case keySubscribe, keyState, keyMailbox, keyVault:
		return account
	case keyGarbage:
		return !account && row.p >= kv.FirstBodies
	case keyGrant, keyPool:
		return row.p == kv.Accounts
	case keyRight, keyEntry:
		return account
	}
	return false
}

// mended repairs, and checks that nothing but what is lost is left.
func mended(t *testing.T, s *Store, what string) {
	t.Helper()
	before, _ := checked(t, s, true)
	after, r := checked(t, s, false)
	if r.Problems != r.Lost {
		t.Errorf("%s: before %+v, after the repair still %+v", what, before, after)
	}
	for _, p := range before {
		if !p.Repaired && !p.Lost {
			t.Errorf("%s: neither repaired nor lost: %+v", what, p)
		}
	}
}

// TestCheckDamage changes rows at random: a check must not fail, and after a
// repair it must find nothing but losses.
func TestCheckDamage(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s, _ := populated(t)
		rows := allRows(t, s)
		what := ""
		s = past(t, s, func(b *kv.Batch) {
			for range 1 + rng.IntN(4) {
				row := rows[rng.IntN(len(rows))]
				if row.p >= kv.FirstAccount && (row.key[0] == keyState || row.key[0] == keyMailbox) || row.p == kv.Accounts {
					continue // without them there is no account
				}
				switch rng.IntN(3) {
				case 0:
					what += fmt.Sprintf("without %d %q; ", row.p, row.key)
					b.Delete(row.p, row.key)
				case 1:
					if len(row.val) > 0 {
						val := bytes.Clone(row.val)
						at := rng.IntN(len(val))
						val[at] ^= byte(1 << rng.IntN(8))
						what += fmt.Sprintf("bit at %d of %d %q; ", at, row.p, row.key)
						b.Set(row.p, row.key, val)
					}
				default: // a row of the same kind for something that is not there
					key := bytes.Clone(row.key)
					key[len(key)-1] ^= 0x55
					what += fmt.Sprintf("another %d %q; ", row.p, key)
					b.Set(row.p, key, row.val)
				}
			}
		})
		mended(t, s, fmt.Sprint("seed ", seed, ": ", what))
	}
}

// TestCheckBodies: a body that is gone, has another length or other octets is named.
func TestCheckBodies(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b *kv.Batch, row keyed){
		"gone":        func(b *kv.Batch, row keyed) { b.Delete(row.p, row.key) },
		"cut":         func(b *kv.Batch, row keyed) { b.Set(row.p, row.key, row.val[:len(row.val)-1]) },
		"another bit": func(b *kv.Batch, row keyed) { row.val[9] ^= 1; b.Set(row.p, row.key, row.val) },
	} {
		s, _ := populated(t)
		var body keyed
		for _, row := range allRows(t, s) {
			if row.p >= kv.FirstBodies && row.p < kv.FirstAccount && row.key[0] == keyBody {
				body = row
			}
		}
		s = past(t, s, func(b *kv.Batch) { damage(b, body) })
		found, r := checked(t, s, false)
		if r.Lost < 2 || r.Lost != r.Problems {
			t.Errorf("%s: %+v %+v", name, r, found)
		}
	}
	s, blobs := populated(t)
	var large []Meta
	box, items := listed(t, s.Account(alice), inbox)
	s.Account(alice).Fetch(t.Context(), box.ID, uidsOf(items), func(m *Meta) error {
		if m.Size > s.InlineMax {
			large = append(large, *m)
		}
		return nil
	})
	if err := blobs.Delete(t.Context(), large[0].Body); err != nil {
		t.Fatal(err)
	}
	if found, r := checked(t, s, true); r.Lost != 3 || len(found) != 3 { // in two mailboxes here and one of bob
		t.Errorf("an object that is gone: %+v", found)
	}
}

// TestCheckResumes: an interrupted check goes on where it was.
func TestCheckResumes(t *testing.T) {
	t.Parallel()
	s, _ := populated(t)
	if err := (&checker{s: s}).reached(t.Context(), bob, []byte{keyMeta}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Check(t.Context(), CheckOptions{Resume: true})
	if err != nil || r.Accounts != 1 || r.Messages != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := s.Check(t.Context(), CheckOptions{Resume: true}); err != nil || r.Accounts != 2 {
		t.Errorf("after the end: %+v, %v", r, err)
	}
}

// TestCheckIndexed: a text index that lacks words, or can't be read, is told of
// and made anew.
func TestCheckIndexed(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(b *kv.Batch, row keyed){
		"gone":    func(b *kv.Batch, row keyed) { b.Delete(row.p, row.key) },
		"damaged": func(b *kv.Batch, row keyed) { row.val[len(row.val)/2] ^= 1; b.Set(row.p, row.key, row.val) },
	} {
		s, _ := populated(t)
		if err := s.RebuildIndex(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if found, _ := checked(t, s, false); len(found) != 0 {
			t.Errorf("a good index: %+v", found)
		}
		var index keyed
		for _, row := range allRows(t, s) {
			if row.p == alice && row.key[0] == 't' {
				index = row
			}
		}
		s = past(t, s, func(b *kv.Batch) { damage(b, index) })
		if found, _ := checked(t, s, false); len(found) != 1 {
			t.Errorf("%s: found %+v", name, found)
		}
		mended(t, s, name)
	}
}

// TestStaleBody: what the sweeper might take for an orphan can't be delivered.
func TestStaleBody(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	b := body(t, s, text("late", 10000))
	c.t = c.t.Add(sweepGrace/2 + 1)
	_, err := s.Deliver(t.Context(), b, []Target{{Account: alice}}, nil)
	wantKind(t, err, Busy)
}

// TestCheckFormer: a check of a store of format 1 brings it to the present one first.
func TestCheckFormer(t *testing.T) {
	t.Parallel()
	var o Options
	e := memory.New()
	formerStore(t, e, &o)
	o.KV = e
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if found, r := checked(t, s, false); len(found) != 0 || r.Messages == 0 {
		t.Errorf("%+v: %+v", r, found)
	}
	migrated(t, s)
}
