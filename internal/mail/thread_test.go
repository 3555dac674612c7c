package mail

import (
	"slices"
	"testing"

	"tem/internal/kv/memory"
)

// letter is a message with an id that refers to others.
func letter(id, refs, subject string) string {
	return "Message-ID: <" + id + ">\r\nReferences: " + refs + "\r\n" + text(subject, 1)
}

// threadOf is the thread of a message.
func threadOf(t testing.TB, s *Store, p Placed) (thread ThreadID) {
	t.Helper()
	err := s.Account(p.Account).Fetch(t.Context(), p.Mailbox, []UID{p.UID}, func(m *Meta) error {
		thread = m.Thread
		return nil
	})
	if err != nil || thread == 0 {
		t.Fatalf("the thread of %+v: %d, %v", p, thread, err)
	}
	return thread
}

// TestThreadInFlight: an answer that comes while its letter is on the way to
// the disk joins its thread, also one to an answer, also in a new account.
func TestThreadInFlight(t *testing.T) {
	t.Parallel()
	e := &holding{Engine: memory.New()}
	s, _ := newStore(t, e)
	e.hold()
	letters := []string{letter("1@x", "", "tea"), letter("2@x", "<1@x>", "Re: tea"), letter("3@x", "<2@x>", "Re: tea"), letter("4@x", "<1@x>", "coffee")}
	type result struct {
		n int
		p []Placed
	}
	placed := make(chan result)
	for n, msg := range letters {
		b := body(t, s, msg)
		go func() {
			p, err := s.Deliver(t.Context(), b, []Target{{Account: alice}}, nil)
			if err != nil {
				t.Error(err)
			}
			placed <- result{n, p}
		}()
		e.await(n + 1)
	}
	e.release()
	threads := make([]ThreadID, len(letters))
	for range letters {
		if r := <-placed; len(r.p) == 1 {
			threads[r.n] = threadOf(t, s, r.p[0])
		}
	}
	if want := []ThreadID{1, 1, 1, 4}; !slices.Equal(threads, want) {
		t.Errorf("threads %v, want %v", threads, want)
	}
	if acct := s.acquire(alice); len(acct.flight) != 0 {
		t.Errorf("landed, and still said to be in flight: %+v", acct.flight)
	}
	if got := must[[]EmailID](t)(s.Account(alice).Thread(t.Context(), 1)); !slices.Equal(got, []EmailID{1, 2, 3}) {
		t.Errorf("thread 1 has %v", got)
	}
	sound(t, s)
}

// TestThreadLivesOn: a thread is there while any of its emails is; what comes
// back joins it, and one that is no more does not come back under its number.
func TestThreadLivesOn(t *testing.T) {
	t.Parallel()
	s, _ := vaultStore(t)
	a := s.Account(alice)
	members := func(thread ThreadID, want ...EmailID) {
		t.Helper()
		if got := must[[]EmailID](t)(a.Thread(t.Context(), thread)); !slices.Equal(got, want) {
			t.Errorf("thread %d has %v, want %v", thread, got, want)
		}
	}
	in := deliver(t, s, letter("1@x", "", "tea"), Target{Account: alice})[0].Mailbox
	deliver(t, s, letter("2@x", "<1@x>", "Re: tea"), Target{Account: alice})
	remove := func(uids ...UID) { must[[]UID](t)(a.Remove(t.Context(), in, uids)) }
	remove(1) // who began it
	members(1, 2)
	if p := deliver(t, s, letter("3@x", "<2@x>", "Re: tea"), Target{Account: alice})[0]; threadOf(t, s, p) != 1 {
		t.Errorf("an answer to the answer is in thread %d", threadOf(t, s, p))
	}
	members(1, 2, 3)
	must[[]Placed](t)(a.Restore(t.Context(), []EmailID{1}))
	members(1, 2, 3, 4)
	remove(2, 3, 4)
	members(1)
	must[[]Placed](t)(a.Restore(t.Context(), []EmailID{2, 3, 4}))
	members(1)
	members(5, 5, 6, 7)
	if p := deliver(t, s, letter("8@x", "<2@x>", "Re: tea"), Target{Account: alice})[0]; threadOf(t, s, p) != 5 {
		t.Errorf("an answer to what came back is in thread %d", threadOf(t, s, p))
	}
	sound(t, s)
}

// TestInstances: an email is known wherever it is.
func TestInstances(t *testing.T) {
	t.Parallel()
	s := testStore(t)
	a := s.Account(alice)
	p := deliver(t, s, text("1", 1), Target{Account: alice}, Target{Account: alice, Mailbox: "Sent"})
	must[Copied](t)(a.Copy(t.Context(), p[0].Mailbox, []UID{1}, inbox))
	must[[]UID](t)(a.Remove(t.Context(), p[1].Mailbox, []UID{1}))
	want := []Instance{{p[0].Mailbox, 1}, {p[0].Mailbox, 2}}
	if got := must[[]Instance](t)(a.Instances(t.Context(), p[0].EmailID)); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := must[[]Instance](t)(a.Instances(t.Context(), 99)); len(got) != 0 {
		t.Errorf("of no email: %+v", got)
	}
}
