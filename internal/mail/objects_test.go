package mail

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

func attachment(name string) string {
	return "Subject: with a file\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n" +
		"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"" + name + "\"\r\n\r\nx\r\n--b--\r\n"
}

func searched(t testing.TB, a *Account, id MailboxID, q Query) string {
	t.Helper()
	return fmt.Sprint(must[[]UID](t)(a.Search(t.Context(), id, q)))
}

// TestSearchObjects: what emails, threads, other mailboxes, files and save dates say.
func TestSearchObjects(t *testing.T) {
	t.Parallel()
	s, c := newStore(t, memory.New())
	a := s.Account(alice)
	one := deliver(t, s, letter("1", "", "tea"), Target{Account: alice}, Target{Account: alice, Mailbox: "Archive"})
	c.t = c.t.Add(24 * time.Hour)
	two := deliver(t, s, letter("2", "1", "Re: tea"), Target{Account: alice})
	file := deliver(t, s, attachment("Báo cáo.pdf"), Target{Account: alice, Received: time.Unix(0, 0)})
	archive := must[Mailbox](t)(a.Mailbox(t.Context(), "Archive"))
	must[Copied](t)(a.Copy(t.Context(), one[0].Mailbox, []UID{1}, inbox)) // uid 4
	box := one[0].Mailbox
	today, tomorrow := SavedOn{c.t}, SavedSince{c.t.Add(24 * time.Hour)}
	for _, tt := range []struct {
		name string
		q    Query
		want string
	}{
		{"email", EmailIs(one[0].EmailID), "[1 4]"},
		{"no email", EmailIs(99), "[]"},
		{"emails", Or{EmailIs(one[0].EmailID), EmailIs(two[0].EmailID)}, "[1 2 4]"},
		{"thread", InThread(one[0].EmailID), "[1 2 4]"},
		{"thread of one", InThread(file[0].EmailID), "[3]"},
		{"no thread", InThread(two[0].EmailID), "[]"},
		{"in another mailbox", InMailbox(archive.ID), "[1 4]"},
		{"not in another", And{Not{InMailbox(archive.ID)}, Not{InMailbox(archive.ID)}}, "[2 3]"},
		{"in this mailbox", InMailbox(box), "[1 2 3 4]"},
		{"in no mailbox", InMailbox(99), "[]"},
		{"attached", Attached(true), "[3]"},
		{"not attached", Attached(false), "[1 2 4]"},
		{"file", FileName("bao cao"), "[3]"},
		{"file with marks", FileName("báo"), "[3]"},
		{"file with other marks", FileName("bào"), "[]"},
		{"any file", FileName(""), "[3]"},
		{"no file", Not{FileName("")}, "[1 2 4]"},
		{"saved on", today, "[2 3 4]"},
		{"saved before", SavedBefore{c.t}, "[1]"},
		{"saved since", SavedSince{c.t}, "[2 3 4]"},
		{"saved tomorrow", tomorrow, "[]"},
	} {
		if got := searched(t, a, box, tt.q); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	s = past(t, s, func(b *kv.Batch) { // the save date of uid 3 was never known
		b.Set(alice, messageKey(keyFlags, box, 3), Item{ModSeq: 1}.append(nil))
	})
	if got := searched(t, s.Account(alice), box, SavedBefore{time.Unix(86400, 0)}); got != "[3]" {
		t.Errorf("the internal date in place of the save date: %s", got)
	}
}

// filledMemory is an account with n small messages in its INBOX.
func filledMemory(t testing.TB, n int) (*Account, MailboxID) {
	s := testStore(t)
	to := make([]Target, n)
	for i := range to {
		to[i] = Target{Account: alice}
	}
	p := deliver(t, s, text("1", 10), to...)
	return s.Account(alice), p[0].Mailbox
}

// TestManyTerms: a search takes time in proportion to its conditions, however
// they are nested.
func TestManyTerms(t *testing.T) {
	t.Parallel()
	const n = 10_000
	a, box := filledMemory(t, n)
	var deep Query = All{}
	for range n {
		deep = Not{deep}
	}
	build := func(of func(i int) Query) Query {
		q := of(0)
		for i := 1; i < n; i++ {
			q = Or{q, of(i)}
		}
		return q
	}
	for name, q := range map[string]Query{
		"not":      deep,
		"uids":     build(func(i int) Query { return UIDs{{UID(n - i), UID(n - i)}} }),
		"emails":   Or{build(func(i int) Query { return EmailIs(i) }), All{}},
		"keywords": Not{build(func(i int) Query { return Keyword(fmt.Sprint("k", i)) })},
		"sizes":    Not{build(func(i int) Query { return Smaller(i % 10) })},
		"nested":   Not{build(func(i int) Query { return And{Keyword("a"), Or{Keyword("b"), Not{All{}}}} })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			found := must[[]UID](t)(a.Search(t.Context(), box, q))
			if took := time.Since(start); len(found) != n || took > time.Minute {
				t.Errorf("%d found in %v", len(found), took)
			} else {
				t.Logf("%v", took)
			}
		})
	}
}

// endAfter is a context that ends when it was asked n times more.
type endAfter struct {
	context.Context
	left atomic.Int64
}

var errEnough = errors.New("enough")

func (c *endAfter) Err() error {
	if c.left.Add(-1) < 0 {
		return errEnough
	}
	return nil
}

// TestSearchEnds: within few messages, even if their flags are all it looks at.
func TestSearchEnds(t *testing.T) {
	t.Parallel()
	a, box := filledMemory(t, 1000)
	for _, q := range []Query{HasFlag(Seen), Larger(1), BodyText("word")} {
		ctx := &endAfter{Context: t.Context()}
		ctx.left.Store(40)
		if found, err := a.Search(ctx, box, q); !errors.Is(err, errEnough) {
			t.Errorf("%T: %d found, %v", q, len(found), err)
		}
	}
}

// TestSearchProgress: the caller learns how many of the messages that must be
// read are done.
func TestSearchProgress(t *testing.T) {
	t.Parallel()
	const n = 1000
	a, box := filledMemory(t, n)
	var told []int
	o := SearchOptions{Progress: func(done, total int) {
		if told = append(told, done); total != n/2 {
			t.Errorf("%d in all", total)
		}
	}}
	q := And{UIDs{{1, n / 2}}, BodyText("word")}
	if found, err := a.SearchWith(t.Context(), box, q, o); err != nil || len(found) != n/2 {
		t.Errorf("%d found, %v", len(found), err)
	}
	last := 0
	for _, done := range told {
		if done <= last {
			t.Errorf("told %v", told)
		}
		last = done
	}
	if last != n/2 || len(told) < n/2/chunkSize {
		t.Errorf("told %v", told)
	}
}
