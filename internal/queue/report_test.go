package queue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// hasty is an engine whose callers leave as soon as they have handed over a commit.
type hasty struct {
	kv.Engine
	leave atomic.Pointer[context.CancelFunc]
}

func (e *hasty) Submit(b *kv.Batch) kv.Pending {
	if leave := e.leave.Load(); leave != nil {
		(*leave)()
	}
	return patient{e.Engine.Submit(b)}
}

type patient struct{ kv.Pending }

func (p patient) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.Pending.Wait(ctx)
}

// TestNobodyIsTold: of nothing to tell there is no report, nor any waiting for companions.
func TestNobodyIsTold(t *testing.T) {
	t.Parallel()
	for name, j := range map[string]Job{
		"null path":  {Recipients: []Recipient{{Address: "a@x"}}},
		"unverified": {ReturnPath: "an@hanoi.example", Unverified: true, Recipients: []Recipient{{Address: "a@x"}}},
		"never":      {ReturnPath: "an@hanoi.example", Recipients: []Recipient{{Address: "a@x", Notify: dsn.NotifyNever}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, slowly(map[string]time.Duration{"y": time.Hour}, never))
				j.ID, j.Domain = "A-1", "x"
				l.addJob(&j)
				also := j
				also.ID, also.Domain = "A-2", "y"
				l.addJob(&also)
				defer l.run()()
				time.Sleep(time.Second)
				l.wantRows("A-2")
				time.Sleep(2 * time.Hour)
				l.wantReports()
				l.wantEmpty()
			})
		})
	}
}

// TestGoesWith: one report tells only of what goes to the same sender on the same terms.
func TestGoesWith(t *testing.T) {
	t.Parallel()
	j := Job{ID: "A-1", ReturnPath: "an@hanoi.example", Domain: "x"}
	for name, change := range map[string]func(*Job){
		"sender":     func(j *Job) { j.ReturnPath = "srs@hue.example" },
		"text":       func(j *Job) { j.Body[0]++ },
		"beginning":  func(j *Job) { j.Skip++ },
		"unverified": func(j *Job) { j.Unverified = true },
		"envelope":   func(j *Job) { j.EnvID = "e" },
		"return":     func(j *Job) { j.Return = dsn.ReturnFull },
		"binary":     func(j *Job) { j.Binary = true },
		"local":      func(j *Job) { j.Domain = "" },
	} {
		other := j
		other.ID, other.Domain = "A-2", "y"
		if !j.goesWith(&other) {
			t.Fatal("two domains are not told of together")
		}
		if change(&other); j.goesWith(&other) || other.goesWith(&j) {
			t.Errorf("%s: they are told of together", name)
		}
	}
}

// TestNeverBesideFailure: a report about companions leaves those out that nobody is to hear of.
func TestNeverBesideFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, slowly(map[string]time.Duration{"x": time.Second, "y": 2 * time.Second}, never))
		for i, domain := range []string{"x", "y"} {
			l.addJob(&Job{ID: fmt.Sprintf("A-%d", i), ReturnPath: "an@hanoi.example", Domain: domain,
				Recipients: []Recipient{{Address: "quiet@" + domain, Notify: dsn.NotifyNever}, {Address: "loud@" + domain}}})
		}
		defer l.run()()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		const told = " delayed=false: 550 5.1.1 no such user"
		l.wantReports("2s loud@x"+told, "2s loud@y"+told)
		l.wantEmpty()
	})
}

// TestReportPassesTheCrowd: a report that has waited does not stand in line
// behind what its site is slow to take, or not asked for.
func TestReportPassesTheCrowd(t *testing.T) {
	t.Parallel()
	busy := dsn.Status{Reply: 421, Code: dsn.Code{4, 7, 0}, Text: "come back", Remote: "x"}
	for name, c := range map[string]struct {
		took   time.Duration
		status dsn.Status
	}{"slow": {4 * time.Minute, delivered}, "rests": {30 * time.Second, busy}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
					switch {
					case j.Domain == "y":
						time.Sleep(time.Hour)
					case j.ID != "A-1":
						time.Sleep(c.took)
						return all(c.status)(j, to)
					}
					return all(never)(j, to)
				})
				l.add("A-1", "an@hanoi.example", "a@x")
				l.add("A-2", "an@hanoi.example", "b@y")
				for i := range 3 * laneRoom {
					l.add(fmt.Sprintf("B%03d-1", i), "", "c@x")
				}
				defer l.run()()
				time.Sleep(2 * gatherTime)
				l.wantReports("1m0s a@x delayed=false: 550 5.1.1 no such user")
				if n, err := l.GiveUp(t.Context(), Choice{IDs: []string{"B767-1", "A-2"}}); n != 2 || err != nil {
					t.Fatal(n, err)
				}
				time.Sleep(time.Second)
				if jobs, err := l.Find(t.Context(), Choice{To: "c@x", After: "B766-1"}); err != nil || len(jobs) != 0 {
					t.Errorf("%v, %v: what is given up waits for its site", jobs, err)
				}
			})
		})
	}
}

// TestReportBeforeTheNextTry: of a job with recipients that are left, what
// failed is told before they are tried, and does not bring them forward.
func TestReportBeforeTheNextTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
			switch {
			case j.Domain == "y":
				time.Sleep(24 * time.Hour)
				return all(delivered)(j, to)
			case j.Attempts > 0:
				time.Sleep(2 * time.Minute)
			}
			out := all(later)(j, to)
			if len(to) > 3 || len(to) > 1 && j.Attempts == 3 {
				out[0] = never
			}
			return out
		})
		l.add("A-1", "an@hanoi.example", "a@x", "b@x", "c@x", "d@x")
		l.add("A-2", "an@hanoi.example", "e@y")
		l.o.Retry = func(n int) time.Duration { return []time.Duration{1, 10, 20, 30}[min(n, 4)-1] * time.Minute }
		defer l.run()()
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		const told = " delayed=false: 550 5.1.1 no such user"
		l.wantReports("1m0s a@x"+told, "37m0s b@x"+told)
		if got := fmt.Sprint(l.attempts); got != "[0s 0s 1m0s 13m0s 35m0s 1h7m0s]" {
			t.Errorf("tried at %s", got)
		}
	})
}

// TestReportsThatFail do not keep the recipients that are left from being tried.
func TestReportsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
			out := all(delivered)(j, to)
			if j.Attempts == 0 {
				out[0], out[1] = never, later
			}
			return out
		})
		var full atomic.Bool
		full.Store(true)
		l.bounce = func([]Recipient, bool) error {
			if full.Load() {
				return errors.New("disk full")
			}
			return nil
		}
		l.add("A-1", "an@hanoi.example", "a@x", "b@x")
		defer l.run()()
		time.Sleep(3 * time.Minute)
		j, err := l.Show(t.Context(), "A-1")
		if err != nil || len(j.pending()) != 0 || j.Attempts != 2 {
			t.Errorf("%+v, %v", j, err)
		}
		full.Store(false)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if len(l.reports) != 1 {
			t.Errorf("%q", l.reports)
		}
		l.wantEmpty()
	})
}

// TestActionIsInterrupted half-way: the part that was written is told of, and tried at once.
func TestActionIsInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		engine := &hasty{Engine: l.kv}
		l.o.KV = engine
		for i := range 3 * together {
			l.addJob(&Job{ID: fmt.Sprintf("A%04d-1", i), Domain: "x", Held: true, Next: l.started.Add(24 * time.Hour), Recipients: []Recipient{{Address: "a@x"}}})
		}
		defer l.run()()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		engine.leave.Store(&cancel)
		n, err := l.Release(ctx, Choice{Held: true})
		if n != together || !errors.Is(err, context.Canceled) {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		l.wantAttempts(together)
	})
}
