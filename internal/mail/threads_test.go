package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/kv"
)

// shape writes threads as THREAD has them; dummies have no number.
func shape(nodes []ThreadNode) string {
	var out strings.Builder
	open, left := true, []uint32(nil)
	for _, n := range nodes {
		out.WriteByte(map[bool]byte{true: '(', false: ' '}[open])
		if n.UID != 0 {
			fmt.Fprint(&out, n.UID)
		}
		if open = n.Children != 1; n.Children > 1 {
			if n.UID != 0 {
				out.WriteByte(' ')
			}
			left = append(left, n.Children)
			continue
		}
		if n.Children == 0 {
			out.WriteByte(')')
			for len(left) > 0 {
				if left[len(left)-1]--; left[len(left)-1] > 0 {
					break
				}
				out.WriteByte(')')
				left = left[:len(left)-1]
			}
		}
	}
	return out.String()
}

// note is a letter of a threading test.
type note struct {
	id, refs, inReplyTo, subject string
	sent, received               int // seconds after some moment
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func (n note) String() string {
	var out strings.Builder
	for _, f := range [][2]string{{"Message-ID", n.id}, {"References", n.refs}, {"In-Reply-To", n.inReplyTo}, {"Subject", n.subject}} {
		if f[1] != "" {
			fmt.Fprintf(&out, "%s: %s\r\n", f[0], f[1])
		}
	}
	return fmt.Sprintf("%sDate: %s\r\n\r\n", out.String(), noon.Add(time.Duration(n.sent)*time.Second).Format(time.RFC1123Z))
}

// threadsOf delivers letters and threads them.
func threadsOf(t *testing.T, how Threading, notes ...note) string {
	t.Helper()
	s := testStore(t)
	for _, n := range notes {
		deliver(t, s, n.String(), Target{Account: alice, Received: noon.Add(time.Duration(n.received) * time.Second)})
	}
	return shape(must[[]ThreadNode](t)(s.Account(alice).Threads(t.Context(), 1, upTo(len(notes)), how)))
}

func TestThreading(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		how   Threading
		notes []note
		want  string
	}{
		{"nothing", References, nil, ""},
		{"one subject", OrderedSubject, []note{{subject: "b", sent: 3}, {subject: "a", sent: 2}, {subject: "re: A", sent: 1}, {subject: "Fwd: b", sent: 4}, {subject: "[x] B", sent: 5}}, "(3 2)(1 (4)(5))"},
		{"no subject", OrderedSubject, []note{{sent: 3}, {sent: 1}, {subject: "re:", sent: 2}}, "(2 (3)(1))"},
		{"answers", References, []note{{id: "<1@x>"}, {id: "<2@x>", refs: "<1@x>", sent: 1}, {id: "<4@x>", refs: "<1@x> <2@x>", sent: 3}, {id: "<3@x>", refs: "<1@x> <2@x>", sent: 2}}, "(1 2 (4)(3))"},
		{"In-Reply-To for want of References", References, []note{{id: "<1@x>"}, {id: "<2@x>", inReplyTo: "Your message of Monday <1@x> <9@x>"}, {inReplyTo: "Your message"}, {inReplyTo: "Your message"}}, "(1 2)(3)(4)"},
		{"the parent is missing", References, []note{{refs: "<0@x>", sent: 5}, {refs: "<0@x>", sent: 4}, {sent: 3}}, "(3)((2)(1))"},
		{"an only child of what is missing", References, []note{{refs: "<0@x> <1@x> <2@x>"}}, "(1)"},
		{"what is missing in between", References, []note{{id: "<1@x>"}, {refs: "<1@x> <2@x>"}, {refs: "<1@x> <3@x>"}}, "(1 (2)(3))"},
		{"quoted and not", References, []note{{id: `<"1"@x>`}, {id: "<2@x>", refs: "<1@x>"}, {refs: `<"2"@x>`}}, "(1 2 3)"},
		{"case matters", References, []note{{id: "<a@x>"}, {refs: "<A@x>"}}, "(1)(2)"},
		{"two of one id", References, []note{{id: "<1@x>"}, {id: "<1@x>"}, {refs: "<1@x>"}}, "(1 3)(2)"},
		{"a loop", References, []note{{id: "<1@x>", refs: "<2@x>"}, {id: "<2@x>", refs: "<3@x>"}, {id: "<3@x>", refs: "<1@x>"}}, "(3 2 1)"},
		{"itself", References, []note{{id: "<1@x>", refs: "<1@x>"}, {id: "<2@x>", refs: "<1@x> <2@x>"}, {refs: "<1@x> <1@x>"}}, "(1 3)(2)"},
		{"the right parent takes the place of the wrong", References, []note{{refs: "<1@x> <3@x>"}, {id: "<1@x>"}, {id: "<3@x>", refs: "<2@x>"}, {id: "<2@x>", refs: "<1@x>"}}, "(2 4 3 1)"},
		{"answers found by the subject", References, []note{{subject: "tea"}, {subject: "Re: TEA"}, {subject: "coffee"}, {subject: "tea (fwd)", sent: 1}}, "(1 (2)(4))(3)"},
		{"the same subject twice", References, []note{{subject: "tea"}, {subject: "Re: tea"}, {subject: "tea"}, {subject: "re: tea"}}, "((1 2)(3)(4))"},
		{"answers alone", References, []note{{subject: "re: tea"}, {subject: "re: tea"}, {subject: "re: tea"}}, "((1)(2)(3))"},
		{"two dummies", References, []note{{refs: "<1@x>", subject: "re: tea"}, {refs: "<1@x>"}, {refs: "<2@x>", subject: "tea", sent: 1}, {refs: "<2@x>", sent: 3}, {subject: "tea", sent: 2}}, "((1)(2)(3)(5)(4))"},
		{"not the subject", Refs, []note{{subject: "tea"}, {subject: "Re: tea"}}, "(1)(2)"},
		{"the latest last", Refs, []note{{id: "<1@x>", received: 1}, {received: 8}, {refs: "<1@x>", received: 9, sent: 2}, {refs: "<1@x>", received: 3, sent: 1}, {refs: "<0@x>", received: 5}, {refs: "<0@x>", received: 6}}, "((5)(6))(2)(1 (4)(3))"},
	} {
		if got := threadsOf(t, c.how, c.notes...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestThreadsRefuse(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	deliver(t, s, text("1", 1), Target{Account: alice})
	_, err := s.Account(alice).Threads(t.Context(), 1, []UID{1}, Refs+1)
	wantKind(t, err, Invalid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Account(alice).Threads(ctx, 1, []UID{1}, References); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := shape(must[[]ThreadNode](t)(s.Account(alice).Threads(t.Context(), 1, []UID{9, 1}, References))); got != "(1)" {
		t.Errorf("of one that exists and one that does not: %s", got)
	}
}

// TestThreadsOfOldRows: rows that do not say what a message answers are as good.
func TestThreadsOfOldRows(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	notes := []note{{id: "<1@x>"}, {id: "<2@x>", refs: "<1@x>"}, {inReplyTo: "<2@x>"}, {id: "<4@x>"}, {refs: "<1@x> <2@x> <3@x>"}}
	batch := new(kv.Batch)
	for i, n := range notes {
		deliver(t, s, n.String(), Target{Account: alice})
		err := s.Account(alice).Fetch(t.Context(), 1, []UID{UID(i + 1)}, func(m *Meta) error {
			old := *m
			old.links = links{}
			batch.Set(alice, messageKey(keyMeta, 1, m.UID), old.append(nil))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := shape(must[[]ThreadNode](t)(s.Account(alice).Threads(t.Context(), 1, upTo(5), References)))
	if err := kv.Commit(t.Context(), s.KV, batch); err != nil {
		t.Fatal(err)
	}
	if got := shape(must[[]ThreadNode](t)(s.Account(alice).Threads(t.Context(), 1, upTo(5), References))); got != want || want != "(1 2 (3)(5))(4)" {
		t.Errorf("%s, before %s", got, want)
	}
}

// TestDeepThreads: a chain of 100,000 answers in any order, and references made
// up to make the search for loops long.
func TestDeepThreads(t *testing.T) {
	t.Parallel()
	const n = 100000
	for name, order := range map[string]func(i int) int{
		"in order": func(i int) int { return i },
		"reversed": func(i int) int { return n - 1 - i },
		"shuffled": func(i int) int { return i * 7919 % n },
	} {
		var list []threaded
		var refs []uint64
		for i := range n {
			if k := order(i); k > 0 {
				refs = append(refs, uint64(k))
			}
			list = append(list, threaded{uid: UID(i + 1), id: uint64(order(i) + 1), sent: int64(order(i)), refs: len(refs)})
		}
		f := newForest(list)
		f.link(refs)
		f.prune()
		f.arrange()
		nodes := f.nodes()
		bad := slices.IndexFunc(nodes[:n-1], func(n ThreadNode) bool { return n.Children != 1 })
		if len(f.roots) != 1 || len(nodes) != n || bad >= 0 {
			t.Errorf("%s: %d threads, %d nodes; number %d has not one child", name, len(f.roots), len(nodes), bad)
		}
	}
}

// TestThreadBomb: each of many letters claims that the end of a long chain
// continues in what others follow. It must end soon, with everyone there.
func TestThreadBomb(t *testing.T) {
	t.Parallel()
	const n = 100000
	var list []threaded
	var refs []uint64
	add := func(id int, to ...uint64) {
		refs = append(refs, to...)
		list = append(list, threaded{uid: UID(len(list) + 1), id: uint64(id), refs: len(refs)})
	}
	for i := range n / 2 {
		add(i+1, uint64(i))
	}
	for i := range uint64(n / 2) {
		add(0, n+2*i+1, n+2*i) // a pair of dummies
		add(0, n/2, n+2*i+1)   // hung below the end of the chain
	}
	f := newForest(list)
	f.link(refs)
	if f.budget >= 0 {
		t.Error("no bound was met: this is no test")
	}
	f.prune()
	f.arrange()
	seen := 0
	for _, n := range f.nodes() {
		if n.UID != 0 {
			seen++
		}
	}
	if seen != len(list) {
		t.Errorf("%d of %d are in the threads", seen, len(list))
	}
}
