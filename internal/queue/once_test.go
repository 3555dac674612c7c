package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
)

var errPower = errors.New("the power is off")

// dying is an engine whose last commits are lost, as those of a process that is killed.
type dying struct {
	kv.Engine
	mu   sync.Mutex
	left int  // commits that are made
	late bool // the next one is made, too, but nobody hears of it
}

func (e *dying) Submit(b *kv.Batch) kv.Pending {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.left--; e.left >= 0 {
		return e.Engine.Submit(b)
	}
	if e.left == -1 && e.late {
		if err := e.Engine.Submit(b).Wait(context.Background()); errors.Is(err, kv.ErrConflict) {
			return fate{err}
		}
	}
	return fate{errPower}
}

// fate is what becomes of a batch.
type fate struct{ err error }

func (f fate) Wait(context.Context) error { return f.err }

// keepReports has reports lie in the store, each in the commit that makes it.
func (l *lab) keepReports() (made func() []string) {
	const prefix = "report "
	n := 0
	l.o.Bounce = func(ctx context.Context, j *Job, about []Recipient, delayed bool, done func(*kv.Batch)) (string, error) {
		var to []string
		for _, r := range about {
			to = append(to, r.Address)
		}
		slices.Sort(to)
		l.mu.Lock()
		n++
		id := fmt.Sprint(prefix, n)
		l.mu.Unlock()
		var b kv.Batch
		done(&b)
		b.Set(kv.FirstBodies, []byte(id), []byte(strings.Join(to, " ")))
		return id, kv.Commit(ctx, l.o.KV, &b)
	}
	return func() (list []string) {
		err := l.kv.View(l.t.Context(), func(r kv.Reader) error {
			return r.Scan(kv.FirstBodies, []byte(prefix), []byte(prefix+"a"), kv.ScanOptions{}, func(_, val []byte) error {
				list = append(list, string(val))
				return nil
			})
		})
		if err != nil {
			l.t.Error(err)
		}
		return list
	}
}

// TestKilledAtEachCommit: wherever a process dies, each recipient is told of once.
func TestKilledAtEachCommit(t *testing.T) {
	t.Parallel()
	for n := range 14 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, slowly(map[string]time.Duration{"x": time.Second, "y": 10 * time.Second, "z": 10 * time.Second}, never))
				l.add("A-1", "an@hanoi.example", "a@x", "b@x")
				l.add("A-2", "an@hanoi.example", "c@y")
				l.add("A-3", "an@hanoi.example", "d@z")
				l.o.KV = &dying{Engine: l.kv, left: n / 2, late: n%2 == 1}
				l.keepReports()
				stop := l.run()
				time.Sleep(5 * time.Minute)
				stop()
				l.restart()
				made := l.keepReports()
				defer l.run()()
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				told := strings.Fields(strings.Join(made(), " "))
				if slices.Sort(told); fmt.Sprint(told) != "[a@x b@x c@y d@z]" {
					t.Errorf("told: %q", made())
				}
			})
		})
	}
}

// TestTwoProcessesReport: of what fails in both, one makes one report.
func TestTwoProcessesReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, slowly(map[string]time.Duration{"y": time.Second, "z": 2 * time.Second}, never))
		l.o.Shared = true
		made := l.keepReports()
		other := New(l.o)
		other.refer, other.release = l.refer, l.release
		mine := l.Queue
		for i := range 20 {
			for n, domain := range []string{"x", "y", "z"} {
				l.add(fmt.Sprintf("A%02d-%d", i, n), "an@hanoi.example", "u@"+domain)
			}
		}
		defer l.run()()
		l.Queue = other
		defer l.run()()
		l.Queue = mine
		other.Wake()
		time.Sleep(10 * time.Minute)
		for i := range 20 { // all at once, and both know
			var b kv.Batch
			var jobs []*Job
			for n, domain := range []string{"x", "y", "z"} {
				j := &Job{ID: fmt.Sprintf("B%02d-%d", i, n), ReturnPath: "an@hanoi.example", Domain: domain,
					Recipients: []Recipient{{Address: "u@" + domain, Status: never, Done: true}}}
				l.Add(&b, j)
				jobs = append(jobs, j)
			}
			if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
				t.Fatal(err)
			}
			l.Wake(jobs...)
			other.Wake(jobs...)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := made(); len(got) != 40 {
			t.Errorf("%d reports: %q", len(got), got)
		}
	})
}

// TestReportWaitsForAnotherProcess: what another process is trying is waited
// for, and told of by that one.
func TestReportWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, slowly(map[string]time.Duration{"y": 20 * time.Second}, never))
		l.o.Shared = true
		made := l.keepReports()
		l.add("A-2", "an@hanoi.example", "b@y")
		defer l.run()()
		time.Sleep(time.Second)
		another := New(l.o)
		another.refer, another.release = l.refer, l.release
		l.Queue = another
		l.add("A-1", "an@hanoi.example", "a@x")
		defer l.run()()
		time.Sleep(18 * time.Second)
		if got := made(); len(got) != 0 {
			t.Errorf("reported already: %q", got)
		}
		time.Sleep(2 * time.Second)
		if got := made(); fmt.Sprint(got) != "[a@x b@y]" {
			t.Errorf("%q", got)
		}
		l.wantRows()
	})
}

// TestAlteredWhileAnotherTries: what another process is delivering is not
// delivered, or told of as given up, by this one.
func TestAlteredWhileAnotherTries(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(*Queue, context.Context, Choice) (int, error){
		"give up": (*Queue).GiveUp,
		"retry":   (*Queue).Retry,
		"hold and release": func(q *Queue, ctx context.Context, c Choice) (int, error) {
			if n, err := q.Hold(ctx, c); err != nil {
				return n, err
			}
			return q.Release(ctx, c)
		},
		"reroute": func(q *Queue, ctx context.Context, c Choice) (int, error) { return q.Reroute(ctx, c, "mx") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, slowly(map[string]time.Duration{"x": 30 * time.Second}, delivered))
				l.o.Shared = true
				other := New(l.o)
				other.refer, other.release = l.refer, l.release
				mine := l.Queue
				l.add("A-1", "an@hanoi.example", "a@x")
				defer l.run()()
				time.Sleep(time.Second)
				l.Queue = other
				defer l.run()()
				l.Queue = mine
				if n, err := alter(other, t.Context(), Choice{}); n != 1 || err != nil {
					t.Fatal(n, err)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				l.wantAttempts(1)
				l.wantReports()
				l.wantEmpty()
			})
		})
	}
}
