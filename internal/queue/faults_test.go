package queue

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// TestAnotherProcessWasQuicker: what an attempt came to is written to the
// recipients that it was about, whatever has become of others meanwhile.
func TestAnotherProcessWasQuicker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		first := true
		l.deliver = func(j *Job, to []Recipient) []dsn.Status {
			if !first {
				return all(later)(j, to)
			}
			first = false
			s, err := l.load(t.Context(), j.ID)
			if err != nil {
				t.Error(err)
			}
			done := s.Job
			done.Recipients = slices.Clone(s.Recipients)
			done.Recipients[0].Status, done.Recipients[0].Done = delivered, true
			if err := l.save(t.Context(), s, &done); err != nil {
				t.Error(err)
			}
			return []dsn.Status{never, later, delivered}
		}
		l.add("A-1", "me@hanoi.example", "a@y", "b@y", "c@y")
		defer l.run()()
		time.Sleep(time.Second)
		j, err := l.Show(t.Context(), "A-1")
		var ends []string
		for _, r := range j.Recipients {
			ends = append(ends, fmt.Sprint(r.Status.Reply, r.Done))
		}
		if want := []string{"250 true", "451 false", "250 true"}; err != nil || !slices.Equal(ends, want) {
			t.Errorf("%v, %v; want %v", ends, err, want)
		}
		l.wantReports()
	})
}

// TestGivenUpWhileTried: a report on another job of the message does not tell
// of one that was given up by hand while it was being delivered.
func TestGivenUpWhileTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
			if j.Domain == "x" {
				time.Sleep(2 * time.Minute)
				return all(delivered)(j, to)
			}
			time.Sleep(time.Second)
			return all(never)(j, to)
		})
		l.add("A-1", "me@hanoi.example", "a@x")
		l.add("A-2", "me@hanoi.example", "b@y")
		defer l.run()()
		time.Sleep(time.Millisecond)
		if n, err := l.GiveUp(t.Context(), Choice{IDs: []string{"A-1"}}); n != 1 || err != nil {
			t.Error(n, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		l.wantReports("1m1s b@y delayed=false: 550 5.1.1 no such user")
		l.wantEmpty()
	})
}

// TestBadRowIsLeftAlone: it is heard of now and then, and holds nobody up.
func TestBadRowIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		bad := &Job{ID: "A-1", Domain: "y", Next: l.started}
		var b kv.Batch
		bad.write(&b)
		b.Set(kv.Queue, jobKey("A-1"), []byte("{"))
		if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
			t.Fatal(err)
		}
		l.add("B-1", "me@hanoi.example", "b@y")
		defer l.run()()
		time.Sleep(24*time.Hour + time.Minute)
		synctest.Wait()
		l.wantAttempts(1)
		l.wantRows("A-1")
		if n := strings.Count(l.log.String(), "left alone"); n < 12 || n > 25 {
			t.Errorf("heard of %d times in a day", n)
		}
	})
}

// TestClockIsSet: a job is due when the clock of the machine says so, however it came to.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		var ahead atomic.Int64
		l.o.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(ahead.Load())) }
		l.addJob(&Job{ID: "A-1", ReturnPath: "me@x", Domain: "y", Release: l.started.Add(3 * time.Hour), Recipients: []Recipient{{Address: "a@y"}}})
		defer l.run()()
		time.Sleep(time.Second)
		ahead.Store(int64(3 * time.Hour))
		time.Sleep(blink)
		synctest.Wait()
		l.wantAttempts(1)
	})
}

// TestManyBusySites: more sites than are remembered, all with something to do, are not gone through for each other.
func TestManyBusySites(t *testing.T) {
	t.Parallel()
	s := newScheduler(New(Options{Mail: nil}))
	for i := range 3 * maxPaces {
		s.take(hint{id: fmt.Sprint(i), domain: fmt.Sprintf("d%d.example", i)})
	}
	if len(s.paces) != 3*maxPaces || s.crowd < len(s.paces) {
		t.Errorf("%d sites; next looked through at %d", len(s.paces), s.crowd)
	}
	for _, l := range s.lanes {
		l.pace.drop(l)
	}
	for i := range s.crowd {
		s.pace(fmt.Sprintf("e%d.example", i))
	}
	if len(s.paces) > 2*maxPaces {
		t.Errorf("%d sites are remembered that have nothing to do", len(s.paces))
	}
}

// TestLargeBesideSmall: many jobs for one slow site do not keep a thousand other sites waiting.
func TestLargeBesideSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const large, small = 30000, 1000
		var sent atomic.Int64
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
			if time.Sleep(time.Second); j.Domain != "large" {
				sent.Add(1)
			}
			return all(delivered)(j, to)
		})
		l.o.Log = slog.New(slog.DiscardHandler)
		for part := range large / 10000 {
			var b kv.Batch
			for i := range 10000 {
				l.Add(&b, &Job{ID: fmt.Sprintf("A%d-%d", part, i), Domain: "large", Recipients: []Recipient{{Address: "a@large"}}})
			}
			if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
				t.Fatal(err)
			}
		}
		for i := range small {
			l.add(fmt.Sprintf("B-%d", i), "", fmt.Sprintf("b@d%d.example", i))
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(20 * time.Second)
		cancel()
		if <-ended; sent.Load() != small {
			t.Errorf("%d of %d small sites had their message after 20 s", sent.Load(), small)
		}
	})
}
