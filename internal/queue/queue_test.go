package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/blob"
	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/kv/memory"
	"tem/internal/message/dsn"
)

var (
	delivered = dsn.Status{Reply: 250, Code: dsn.Code{2, 0, 0}, Text: "ok", Remote: "mx"}
	later     = dsn.Status{Reply: 451, Code: dsn.Code{4, 7, 1}, Text: "greylisted", Remote: "mx"}
	never     = dsn.Status{Reply: 550, Code: dsn.Code{5, 1, 1}, Text: "no such user", Remote: "mx"}
)

// lab is a queue whose transport and bounces are functions of the test. Its
// clock is that of the synctest bubble it lives in.
type lab struct {
	*Queue
	t       *testing.T
	kv      kv.Engine
	log     *bytes.Buffer
	started time.Time
	deliver func(j *Job, to []Recipient) []dsn.Status
	bounce  func(failed []Recipient, delayed bool) error

	mu       sync.Mutex
	attempts []time.Duration // since the start of the lab
	reports  []string
	refs     map[string]int // owners of bodies
	stop     func() error
}

// Deliver is Transport.
func (l *lab) Deliver(_ context.Context, j *Job, to []Recipient) []dsn.Status {
	l.mu.Lock()
	l.attempts = append(l.attempts, time.Since(l.started))
	l.mu.Unlock()
	return l.deliver(j, to)
}

func newLab(t *testing.T, deliver func(j *Job, to []Recipient) []dsn.Status) *lab {
	l := &lab{
		t: t, kv: memory.New(), log: new(bytes.Buffer), started: time.Now(),
		deliver: deliver,
		bounce:  func([]Recipient, bool) error { return nil },
		refs:    map[string]int{},
	}
	l.restart()
	return l
}

// restart makes a new queue on the same rows, as after a crash.
func (l *lab) restart() {
	l.Queue = New(Options{
		KV: l.kv, Transport: l, Bounce: l.report,
		Log: slog.New(slog.NewTextHandler(l.log, nil)),
	})
	l.refer = func(b *kv.Batch, _ blob.ID, owner []byte) { b.Set(kv.FirstBodies, owner, []byte{1}) }
	l.release = func(b *kv.Batch, _ blob.ID, owner []byte) { b.Delete(kv.FirstBodies, owner) }
}

func (l *lab) report(ctx context.Context, j *Job, about []Recipient, delayed bool, done func(*kv.Batch)) (string, error) {
	if err := l.bounce(about, delayed); err != nil {
		return "", err
	}
	var b kv.Batch
	done(&b)
	if err := kv.Commit(ctx, l.kv, &b); err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range about {
		l.reports = append(l.reports, fmt.Sprintf("%v %s delayed=%v: %s", time.Since(l.started), r.Address, delayed, r.Status))
	}
	return "REPORT", nil
}

// run starts Run; the function it returns ends it.
func (l *lab) run() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	ended := make(chan error, 1)
	q := l.Queue
	go func() { ended <- q.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			l.t.Errorf("Run: %v", err)
		}
	}
}

// add queues a message for the given addresses of one domain.
func (l *lab) add(id, returnPath string, to ...string) {
	l.t.Helper()
	j := &Job{ID: id, Body: blob.ID{1, 2, 3}, ReturnPath: returnPath, Size: 100}
	for _, a := range to {
		j.Recipients = append(j.Recipients, Recipient{Address: a})
		_, j.Domain, _ = strings.Cut(a, "@")
	}
	l.addJob(j)
}

func (l *lab) addJob(j *Job) {
	l.t.Helper()
	var b kv.Batch
	l.Add(&b, j)
	if err := kv.Commit(l.t.Context(), l.kv, &b); err != nil {
		l.t.Fatal(err)
	}
	l.Wake(j)
}

// rows counts what is left in the store: job, two of the schedule, and body rows.
func (l *lab) rows() int {
	n := 0
	err := l.kv.View(l.t.Context(), func(r kv.Reader) error {
		count := func(key, _ []byte) error {
			if !bytes.Equal(key, sortedKey) {
				n++
			}
			return nil
		}
		return errors.Join(
			r.Scan(kv.Queue, nil, nil, kv.ScanOptions{}, count),
			r.Scan(kv.FirstBodies, nil, nil, kv.ScanOptions{}, count))
	})
	if err != nil {
		l.t.Error(err)
	}
	return n
}

func (l *lab) wantEmpty() {
	l.t.Helper()
	if n := l.rows(); n != 0 {
		l.t.Errorf("%d rows left in the store, want none", n)
	}
}

func (l *lab) wantAttempts(n int) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.attempts) != n {
		l.t.Errorf("%d attempts (%v), want %d", len(l.attempts), l.attempts, n)
	}
}

func (l *lab) wantReports(want ...string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Equal(l.reports, want) {
		l.t.Errorf("reports:\n%s\nwant:\n%s", strings.Join(l.reports, "\n"), strings.Join(want, "\n"))
	}
}

// all answers every recipient with the same status.
func all(s dsn.Status) func(*Job, []Recipient) []dsn.Status {
	return func(_ *Job, to []Recipient) []dsn.Status { return slices.Repeat([]dsn.Status{s}, len(to)) }
}

func TestDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		l.add("A-1", "me@hanoi.example", "you@saigon.example")
		defer l.run()()
		synctest.Wait()
		l.wantAttempts(1)
		l.wantReports()
		l.wantEmpty()
		for _, want := range []string{
			"msg=delivered", "id=A-1", "to=you@saigon.example", "domain=saigon.example",
			"remote=mx", `reply="250 2.0.0 ok"`, "tries=1", "delay=0s",
		} {
			if !strings.Contains(l.log.String(), want) {
				t.Errorf("log %q lacks %s", l.log, want)
			}
		}
	})
}

func TestEachRecipientHasItsOwnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked [][]string
		l := newLab(t, func(_ *Job, to []Recipient) []dsn.Status {
			var names []string
			var out []dsn.Status
			for _, r := range to {
				names = append(names, r.Address)
				s := map[string]dsn.Status{"a@x": delivered, "b@x": later, "c@x": never}[r.Address]
				if len(to) == 1 {
					s = delivered
				}
				out = append(out, s)
			}
			asked = append(asked, names)
			return out
		})
		l.add("A-1", "me@hanoi.example", "a@x", "b@x", "c@x")
		defer l.run()()
		synctest.Wait()
		l.wantReports("0s c@x delayed=false: 550 5.1.1 no such user")
		j, err := l.Show(t.Context(), "a")
		if err != nil || j.Attempts != 1 || len(j.pending()) != 1 || !j.Recipients[2].Reported {
			t.Errorf("job %+v, %v", j, err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(asked); got != "[[a@x b@x c@x] [b@x]]" {
			t.Errorf("asked for %s", got)
		}
		l.wantEmpty()
	})
}

func TestFiveDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(later))
		l.add("A-1", "me@hanoi.example", "you@saigon.example")
		defer l.run()()
		time.Sleep(6 * 24 * time.Hour)
		synctest.Wait()
		l.wantReports(
			"4h0m0s you@saigon.example delayed=true: 451 4.7.1 greylisted",
			"120h0m0s you@saigon.example delayed=false: 4.4.7 delivery time expired; last: 451 4.7.1 greylisted")
		l.wantEmpty()
		least := time.Duration(0)
		for i, at := range l.attempts[:7] {
			if at < least || at > least+least/10 {
				t.Errorf("attempt %d after %v, want %v to a tenth more", i+1, at, least)
			}
			least += defaultRetry(i + 1)
			least = min(least, 4*time.Hour)
		}
		if n := len(l.attempts); n < 34 || n > 37 {
			t.Errorf("%d attempts in five days, want about 36", n)
		}
		if !strings.Contains(l.log.String(), "msg=expired") {
			t.Errorf("no line about the expiry in the log")
		}
	})
}

func TestNoReportToNullPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(never))
		l.add("A-1", "", "you@saigon.example")
		defer l.run()()
		synctest.Wait()
		l.wantReports()
		l.wantEmpty()
		if !strings.Contains(l.log.String(), `msg="no report" id=A-1`) {
			t.Errorf("log %q does not say that nobody was told", l.log)
		}
	})
}

func TestNobodyToTell(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(never))
		l.bounce = func([]Recipient, bool) error { return fmt.Errorf("%w: unknown sender", ErrNoReport) }
		l.add("A-1", "gone@hanoi.example", "you@saigon.example")
		defer l.run()()
		synctest.Wait()
		l.wantEmpty()
	})
}

func TestReportIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(never))
		l.bounce = func([]Recipient, bool) error {
			if time.Since(l.started) < 3*time.Minute {
				return errors.New("disk full")
			}
			return nil
		}
		l.add("A-1", "me@hanoi.example", "you@saigon.example")
		defer l.run()()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		l.wantAttempts(1) // the peer is not bothered again
		if len(l.reports) != 1 {
			t.Errorf("reports %v, want one", l.reports)
		}
		l.wantEmpty()
	})
}

func TestAlreadyFailedIsOnlyReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		l.addJob(&Job{ID: "A-1", ReturnPath: "me@x", Recipients: []Recipient{{Address: "full@y", Status: never, Done: true}}})
		defer l.run()()
		synctest.Wait()
		l.wantAttempts(0)
		l.wantReports("0s full@y delayed=false: 550 5.1.1 no such user")
		l.wantEmpty()
	})
}

func TestCrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		l.deliver = func(_ *Job, to []Recipient) []dsn.Status { return []dsn.Status{delivered, later} }
		l.add("A-1", "me@hanoi.example", "a@x", "b@x")
		stop := l.run()
		synctest.Wait()
		stop()
		if got := l.rows(); got != 4 {
			t.Fatalf("%d rows after the first attempt, want job, two of the schedule and body", got)
		}
		l.restart()
		l.deliver = func(_ *Job, to []Recipient) []dsn.Status {
			if len(to) != 1 || to[0].Address != "b@x" {
				t.Errorf("sent again to %v", to)
			}
			return []dsn.Status{delivered}
		}
		defer l.run()()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		l.wantAttempts(2)
		l.wantEmpty()
	})
}

func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(later))
		l.add("A-1", "me@hanoi.example", "a@x")
		l.add("A-2", "me@hanoi.example", "a@y")
		l.add("B-1", "me@hanoi.example", "a@x")
		defer l.run()()
		synctest.Wait()
		l.wantAttempts(3)
		for _, c := range []struct {
			ids []string
			n   int
		}{{[]string{"a"}, 2}, {[]string{"B-1"}, 1}, {nil, 3}} {
			l.attempts = nil
			if n, err := l.Retry(t.Context(), Choice{IDs: c.ids}); n != c.n || err != nil {
				t.Errorf("Retry(%v) = %d, %v; want %d", c.ids, n, err, c.n)
			}
			synctest.Wait()
			l.wantAttempts(c.n)
		}
		if _, err := l.Retry(t.Context(), Choice{IDs: []string{"C"}}); !errors.Is(err, ErrNotFound) {
			t.Errorf("Retry of an unknown id: %v", err)
		}
		if jobs, err := l.List(t.Context()); err != nil || len(jobs) != 3 || jobs[0].ID != "A-1" || jobs[0].Attempts != 3 {
			t.Errorf("List: %+v, %v", jobs, err)
		}
		if _, err := l.Show(t.Context(), "A"); err == nil {
			t.Error("Show of a message with two jobs chose one")
		}
	})
}

func TestDrop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(later))
		l.add("A-1", "me@hanoi.example", "a@x")
		defer l.run()()
		synctest.Wait()
		if n, err := l.Drop(t.Context(), Choice{IDs: []string{"A-1"}}); n != 1 || err != nil {
			t.Errorf("Drop = %d, %v", n, err)
		}
		l.wantEmpty()
		time.Sleep(time.Hour)
		l.wantAttempts(1)
		l.wantReports()
	})
}

// TestRaceWithAttempt lets an administrator act while an attempt is under way.
func TestRaceWithAttempt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act      func(l *lab) (int, error)
		outcome  dsn.Status
		left     int
		attempts int
	}{
		"drop, delivered":     {func(l *lab) (int, error) { return l.Drop(t.Context(), Choice{}) }, delivered, 0, 1},
		"drop, failed":        {func(l *lab) (int, error) { return l.Drop(t.Context(), Choice{}) }, never, 0, 1},
		"drop, deferred":      {func(l *lab) (int, error) { return l.Drop(t.Context(), Choice{}) }, later, 0, 1},
		"retry, delivered":    {func(l *lab) (int, error) { return l.Retry(t.Context(), Choice{}) }, delivered, 0, 1},
		"retry, deferred":     {func(l *lab) (int, error) { return l.Retry(t.Context(), Choice{}) }, later, 4, 1},
		"given up, delivered": {func(l *lab) (int, error) { return l.GiveUp(t.Context(), Choice{}) }, delivered, 0, 1},
		"given up, deferred":  {func(l *lab) (int, error) { return l.GiveUp(t.Context(), Choice{}) }, later, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, func(*Job, []Recipient) []dsn.Status {
					time.Sleep(30 * time.Second)
					return []dsn.Status{c.outcome}
				})
				l.add("A-1", "me@hanoi.example", "a@x")
				defer l.run()()
				time.Sleep(time.Second)
				if n, err := c.act(l); n != 1 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				time.Sleep(40 * time.Second)
				synctest.Wait()
				l.wantAttempts(c.attempts)
				if got := l.rows(); got != c.left {
					t.Errorf("%d rows left, want %d", got, c.left)
				}
				if reported := name == "given up, deferred"; c.outcome == never || (len(l.reports) > 0) != reported {
					l.wantReports() // dropped without a report, or delivered
				}
			})
		})
	}
}

// TestLimits watches how many attempts run at once, in all and for one domain.
func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, most, busiest, jobs := map[string]int{}, map[string]int{}, 0, map[string]int{}
		l := newLab(t, nil)
		l.deliver = func(j *Job, _ []Recipient) []dsn.Status {
			l.mu.Lock()
			running[j.Domain]++
			running[""]++
			jobs[j.ID]++
			most[j.Domain] = max(most[j.Domain], running[j.Domain])
			busiest = max(busiest, running[""])
			l.mu.Unlock()
			time.Sleep(time.Second)
			l.mu.Lock()
			running[j.Domain]--
			running[""]--
			l.mu.Unlock()
			return from(j, delivered)
		}
		l.o.Workers, l.o.PerDomain = 20, 5
		const domains, each = 8, 2 * laneRoom // more of each than a lane holds
		for i := range domains * each {
			l.add(fmt.Sprintf("A-%d", i), "me@x", fmt.Sprintf("u@d%d.example", i%domains))
		}
		defer l.run()()
		time.Sleep((domains*each/20 + 10) * time.Second) // it starts slowly
		synctest.Wait()
		l.wantEmpty()
		if len(jobs) != domains*each || len(l.attempts) != domains*each {
			t.Errorf("%d attempts for %d jobs", len(l.attempts), len(jobs))
		}
		if busiest != 20 {
			t.Errorf("%d attempts at once, want 20", busiest)
		}
		for d, n := range most {
			if n > l.o.PerDomain {
				t.Errorf("%d attempts at once to %s", n, d)
			}
		}
	})
}

// TestSlowDomainHoldsNobodyUp has more due jobs for a dead domain than there is room for.
func TestSlowDomainHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at time.Duration
		l := newLab(t, nil)
		l.deliver = func(j *Job, _ []Recipient) []dsn.Status {
			if j.Domain == "dead" {
				time.Sleep(time.Minute)
				return []dsn.Status{later}
			}
			at = time.Since(l.started)
			return []dsn.Status{delivered}
		}
		for i := range 3 * laneRoom {
			l.add(fmt.Sprintf("A-%d", i), "me@x", "u@dead")
		}
		stop := l.run()
		time.Sleep(time.Second)
		l.add("B-1", "me@x", "u@alive")
		synctest.Wait()
		if at != time.Second {
			t.Errorf("the other domain had its mail after %v", at)
		}
		stop()
	})
}

// TestStop ends Run while an attempt takes too long.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		l.o.Transport = transportFunc(func(ctx context.Context) []dsn.Status {
			<-ctx.Done()
			return []dsn.Status{later}
		})
		l.add("A-1", "me@x", "u@y")
		stop := l.run()
		synctest.Wait()
		stop()
		if took := time.Since(l.started); took != grace {
			t.Errorf("Run ended after %v, want %v", took, grace)
		}
		if j, err := l.Show(t.Context(), "A-1"); err != nil || j.Attempts != 1 {
			t.Errorf("the attempt was not recorded: %+v, %v", j, err)
		}
	})
}

type transportFunc func(ctx context.Context) []dsn.Status

func (f transportFunc) Deliver(ctx context.Context, _ *Job, _ []Recipient) []dsn.Status {
	return f(ctx)
}

func TestMissingStatusIsTemporary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(*Job, []Recipient) []dsn.Status { return nil })
		l.add("A-1", "me@x", "u@y")
		defer l.run()()
		synctest.Wait()
		if j, err := l.Show(t.Context(), "A-1"); err != nil || len(j.pending()) != 1 {
			t.Errorf("%+v, %v", j, err)
		}
	})
}

// failing is an engine that can't write for a while.
type failing struct {
	kv.Engine
	until time.Time
}

func (f failing) Submit(b *kv.Batch) kv.Pending {
	if time.Now().Before(f.until) {
		return noSpace{}
	}
	return f.Engine.Submit(b)
}

type noSpace struct{}

func (noSpace) Wait(context.Context) error { return errors.New("no space left") }

// TestOutcomeOutlivesDiskTrouble sends once although the outcome can be
// written only later.
func TestOutcomeOutlivesDiskTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		l.add("A-1", "me@x", "u@y")
		l.o.KV = failing{l.kv, time.Now().Add(150 * time.Second)}
		defer l.run()()
		time.Sleep(149 * time.Second)
		if l.rows() != 4 {
			t.Errorf("%d rows, want the job as it was", l.rows())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		l.wantAttempts(1)
		l.wantEmpty()
	})
}

// TestSlowStart: attempts at once to one site begin with few, grow to the bound,
// and are halved when the server says so; domains that it serves share them.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, most, answer := 0, map[time.Duration]int{}, delivered
		l := newLab(t, nil)
		l.deliver = func(j *Job, _ []Recipient) []dsn.Status {
			l.mu.Lock()
			running++
			at := time.Since(l.started).Truncate(time.Second)
			most[at] = max(most[at], running)
			said := answer
			l.mu.Unlock()
			time.Sleep(time.Second)
			l.mu.Lock()
			running--
			l.mu.Unlock()
			said.Remote = "mx" + j.ID[2:] + ".l.google.com"
			return []dsn.Status{said}
		}
		for i := range 400 {
			l.add(fmt.Sprintf("A-%d", i), "me@x", fmt.Sprintf("u@d%d.example", i%2))
		}
		defer l.run()()
		time.Sleep(8*time.Second - time.Millisecond)
		synctest.Wait()
		if most[0] != 4 || most[7*time.Second] != 20 {
			t.Errorf("at once, by second: %v; want 4 for two unknown domains, then 20", most)
		}
		l.mu.Lock()
		answer = dsn.Status{Reply: 421, Code: dsn.Code{4, 7, 28}, Text: "unusual rate of unsolicited mail"}
		l.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		clear(most)
		n := len(l.attempts)
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if len(l.attempts) != n {
			t.Errorf("%d attempts while the site wants a pause", len(l.attempts)-n)
		}
		l.mu.Lock()
		answer = delivered
		l.mu.Unlock()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for at := 60 * time.Second; ; at += time.Second {
			if n := most[at]; n > 0 {
				if n > 10 {
					t.Errorf("%d attempts at once after the pause, want half at most", n)
				}
				break
			}
			if at > 80*time.Second {
				t.Fatal("nothing was tried after the pause")
			}
		}
	})
}

// TestCrowd: a server that serves three connections and turns away others gets
// three, without a rest for those that it serves.
func TestCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		running, turned, done := 0, 0, 0
		l := newLab(t, nil)
		l.deliver = func(*Job, []Recipient) []dsn.Status {
			l.mu.Lock()
			if running == 3 {
				turned++
				l.mu.Unlock()
				return []dsn.Status{{Reply: 421, Code: dsn.Code{4, 7, 0}, Text: "too many connections from 192.0.2.1", Remote: "mx.a.example"}}
			}
			running++
			l.mu.Unlock()
			time.Sleep(time.Second)
			l.mu.Lock()
			running--
			done++
			l.mu.Unlock()
			return []dsn.Status{{Reply: 250, Code: dsn.Code{2, 0, 0}, Remote: "mx.a.example"}}
		}
		for i := range 300 {
			l.add(fmt.Sprintf("A-%d", i), "me@x", "u@a.example")
		}
		defer l.run()()
		time.Sleep(110 * time.Second)
		synctest.Wait()
		if done < 295 || turned > 5 {
			t.Errorf("%d of 300 delivered, %d turned away; three at once take 100 seconds", done, turned)
		}
	})
}

// TestDeadSiteIsProbed: jobs for a server that does not answer end in time, with
// few attempts to reach it, and go when it comes back.
func TestDeadSiteIsProbed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := dsn.Status{Code: dsn.Code{4, 4, 1}, Text: "connection refused"}
		l := newLab(t, nil)
		l.deliver = func(*Job, []Recipient) []dsn.Status {
			l.mu.Lock()
			defer l.mu.Unlock()
			return []dsn.Status{answer}
		}
		for i := range 1000 {
			l.add(fmt.Sprintf("A-%d", i), "", "u@dead.example")
		}
		defer l.run()()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := len(l.attempts); n < 10 || n > 100 {
			t.Errorf("%d attempts to reach it in a day, want a few of a thousand jobs'", n)
		}
		l.mu.Lock()
		answer = delivered
		l.mu.Unlock()
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		l.wantEmpty()
	})
}

// TestRetryEndsRest: a site that was found dead is asked at once when its
// administrator says so, and no more than once if it still is.
func TestRetryEndsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := dsn.Status{Code: dsn.Code{4, 4, 1}, Text: "connection refused", Remote: "mx.dead.example"}
		l := newLab(t, nil)
		l.deliver = func(*Job, []Recipient) []dsn.Status {
			l.mu.Lock()
			defer l.mu.Unlock()
			return []dsn.Status{answer}
		}
		for i := range 2 * together { // several commits
			l.add(fmt.Sprintf("A-%04d", i), "", "u@dead.example")
		}
		defer l.run()()
		time.Sleep(6*time.Hour + time.Minute)
		retry := func(most int) {
			t.Helper()
			synctest.Wait()
			before := len(l.attempts)
			if n, err := l.Retry(t.Context(), Choice{}); n != 2*together || err != nil {
				t.Errorf("Retry = %d, %v", n, err)
			}
			synctest.Wait()
			if n := len(l.attempts) - before; n < 1 || n > most {
				t.Errorf("%d attempts of jobs that were to be tried now, want 1 to %d", n, most)
			}
		}
		retry(2)
		l.mu.Lock()
		answer = delivered
		l.mu.Unlock()
		retry(2 * together)
		l.wantEmpty()
	})
}

// TestOneCustomerDoesNotBlockASite: a domain at a big provider answers that we
// are on a block list, which anybody can have their provider say. Others there get
// their mail, until they are told the same.
func TestOneCustomerDoesNotBlockASite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		all := false
		l.deliver = func(j *Job, _ []Recipient) []dsn.Status {
			l.mu.Lock()
			defer l.mu.Unlock()
			s := delivered
			if all || j.Domain == "evil.example" {
				s = dsn.Status{Reply: 550, Code: dsn.Code{5, 7, 1}, Text: "You are listed by Spamhaus"}
			}
			s.Remote = "mx.provider.example"
			return []dsn.Status{s}
		}
		defer l.run()()
		next := 0
		send := func(domain string) {
			next++
			l.add(fmt.Sprintf("A-%d", next), "", "u@"+domain)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		for range 10 {
			send("evil.example")
			send("good.example")
			l.wantEmpty()
		}
		l.mu.Lock()
		all = true
		l.mu.Unlock()
		for range 4 {
			send("evil.example")
			send("good.example")
		}
		if n := len(l.attempts) - 20; n != 2 {
			t.Errorf("%d attempts at a site that blocks us, want 2 and then a pause", n)
		}
	})
}

// from is a status said by a server of the job's own domain.
func from(j *Job, s dsn.Status) []dsn.Status {
	s.Remote = "mx." + j.Domain
	return []dsn.Status{s}
}

// TestManySlowDomains: two hundred slow domains leave workers for the others.
func TestManySlowDomains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		l := newLab(t, nil)
		l.deliver = func(j *Job, _ []Recipient) []dsn.Status {
			if j.Domain != "quick" {
				time.Sleep(5 * time.Minute)
				return from(j, later)
			}
			took = time.Since(l.started)
			return from(j, delivered)
		}
		l.add("Q-1", "", "u@quick") // it is known
		stop := l.run()
		synctest.Wait()
		for i := range 2000 {
			l.add(fmt.Sprintf("A-%d", i), "", fmt.Sprintf("u@slow%d", i%200))
		}
		time.Sleep(10 * time.Minute)
		l.add("Q-2", "", "u@quick")
		synctest.Wait()
		if took != 10*time.Minute {
			t.Errorf("the quick domain had its mail after %v", took)
		}
		stop()
	})
}

func TestPriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []int
		l := newLab(t, func(j *Job, _ []Recipient) []dsn.Status {
			order = append(order, j.Priority)
			return []dsn.Status{delivered}
		})
		l.o.Workers = 1
		const each = 400 // more than a lane holds
		for i := range 3 * each {
			l.addJob(&Job{ID: fmt.Sprintf("A-%d", i), Domain: "x", Priority: i%3 - 1, Recipients: []Recipient{{Address: "a@x"}}})
		}
		l.news = nil // as after a restart
		l.Wake()
		defer l.run()()
		synctest.Wait()
		if len(order) != 3*each || !slices.IsSortedFunc(order[laneRoom:], func(a, b int) int { return b - a }) {
			t.Errorf("%d sent, in this order: %v", len(order), order)
		}
	})
}

// TestWishes is about what each sender wants to be told.
func TestWishes(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	passed := delivered
	passed.Passed = true
	for name, c := range map[string]struct {
		status dsn.Status
		notify dsn.Notify
		by     dsn.By // Time after the beginning of year 1
		held   bool
		want   []string
	}{
		"never, failed":        {never, dsn.NotifyNever, dsn.By{}, false, nil},
		"never, late":          {later, dsn.NotifyNever, dsn.By{}, false, nil},
		"failure alone, late":  {later, dsn.NotifyFailure, dsn.By{}, false, []string{"120h0m0s"}},
		"delay alone":          {later, dsn.NotifyDelay, dsn.By{}, false, []string{"4h0m0s"}},
		"success":              {delivered, dsn.NotifySuccess, dsn.By{}, false, []string{"0s"}},
		"success, handed on":   {passed, dsn.NotifySuccess, dsn.By{}, false, nil},
		"success not wanted":   {delivered, 0, dsn.By{}, false, nil},
		"traced":               {delivered, 0, dsn.By{Trace: true}, false, []string{"0s"}},
		"returned when late":   {later, 0, dsn.By{Time: time.Time{}.Add(time.Hour), Return: true}, false, []string{"1h0m0s"}},
		"told when late":       {later, 0, dsn.By{Time: time.Time{}.Add(time.Hour)}, false, []string{"1h0m0s", "120h0m0s"}},
		"told late, after all": {later, 0, dsn.By{Time: time.Time{}.Add(day)}, false, []string{"4h0m0s", "24h0m0s", "120h0m0s"}},
		"held":                 {delivered, 0, dsn.By{}, true, []string{"120h0m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, all(c.status))
				if !c.by.Time.IsZero() {
					c.by.Time = l.started.Add(c.by.Time.Sub(time.Time{}))
				}
				l.addJob(&Job{ID: "A-1", ReturnPath: "me@x", Domain: "y", By: c.by, Recipients: []Recipient{{Address: "a@y", Notify: c.notify}}})
				if c.held {
					if n, err := l.Hold(t.Context(), Choice{}); n != 1 || err != nil {
						t.Error(n, err)
					}
				}
				defer l.run()()
				time.Sleep(6 * day)
				synctest.Wait()
				var at []string
				for _, r := range l.reports {
					when, _, _ := strings.Cut(r, " ")
					at = append(at, when)
				}
				if !slices.Equal(at, c.want) {
					t.Errorf("reports %q, want them at %v", l.reports, c.want)
				}
				if c.held {
					l.wantAttempts(0)
				}
				l.wantEmpty()
			})
		})
	}
}

// TestByHand holds, reroutes, releases and gives up, by sender and domain.
func TestByHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events []string
		routes := map[string]string{}
		l := newLab(t, func(j *Job, _ []Recipient) []dsn.Status { routes[j.ID] = j.Route; return []dsn.Status{later} })
		l.o.Record = func(e journey.Event) {
			events = append(events, fmt.Sprint(e.Kind, " ", e.Job, " ", e.Reason, " ", e.To, e.Link))
		}
		l.add("A-1", "an@hanoi.example", "a@x")
		l.add("B-1", "binh@hue.example", "b@x")
		l.add("C-1", "", "b@y")
		try := func(n int, err error) func(int) {
			return func(want int) {
				t.Helper()
				if n != want || err != nil {
					t.Errorf("%d, %v; want %d", n, err, want)
				}
			}
		}
		ctx := t.Context()
		try(l.Hold(ctx, Choice{Domain: "x"}))(2)
		defer l.run()()
		synctest.Wait()
		l.wantAttempts(1)
		try(l.Reroute(ctx, Choice{To: "A@x"}, "relay.example:26"))(1)
		try(l.Release(ctx, Choice{From: "hanoi.example"}))(1)
		try(l.Release(ctx, Choice{From: "<>"}))(0)
		synctest.Wait()
		l.wantAttempts(2)
		if routes["A-1"] != "relay.example:26" {
			t.Errorf("sent by %q", routes["A-1"])
		}
		if _, err := l.Reroute(ctx, Choice{}, "a b"); err == nil {
			t.Error("a route with a space was taken")
		}
		held, err := l.Find(ctx, Choice{Held: true, Limit: 5})
		if err != nil || len(held) != 1 || held[0].ID != "B-1" {
			t.Errorf("held: %v, %v", held, err)
		}
		stats, err := l.Stats(ctx)
		if err != nil || len(stats) != 2 || stats[0].Domain != "x" || stats[0].Jobs != 2 || stats[0].Due != 0 {
			t.Errorf("%+v, %v", stats, err)
		}
		events = nil
		try(l.GiveUp(ctx, Choice{IDs: []string{"B-1"}}))(1)
		synctest.Wait()
		l.wantReports("0s b@x delayed=false: 5.3.0 given up by the administrator")
		if fmt.Sprint(events) != "[changed B-1 given up [b@x] reported B-1 the end [b@x]REPORT]" {
			t.Errorf("%q", events)
		}
		try(l.Drop(ctx, Choice{}))(2)
		l.wantEmpty()
	})
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]move{
		"421 4.7.28 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail originating from your IP address": ease,
		"450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages":          goOn,
		"452 4.2.2 The recipient's inbox is out of storage space":                                                             goOn,
		"550 5.7.26 Your email has been blocked because the sender is unauthenticated":                                        block,
		"550 5.1.1 The email account that you tried to reach does not exist":                                                  goOn,
		"451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719) [AS77712]":                                ease,
		"451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation":                      ease,
		"550 5.7.511 Access denied, banned sender[192.0.2.1]":                                                                 block,
		"550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. (S3140)":                                            block,
		"421 RP-001 (RP-001) Unfortunately, some messages from 192.0.2.1 weren't sent":                                        ease,
		"421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints":          ease,
		"421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred":                                           block,
		"451 4.7.1 Greylisted, please try again":                                                                              goOn,
		"421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel":    ease,
		"421 4.3.2 shutting down":                 ease,
		"451 4.3.0 something":                     goOn,
		"0 4.4.1 connection refused":              probe,
		"0 4.3.0 no body":                         goOn,
		"250 2.0.0 we are not rate limited today": goOn,
	} {
		var status dsn.Status
		reply, rest, _ := strings.Cut(text, " ")
		fmt.Sscan(reply, &status.Reply)
		if _, err := fmt.Sscanf(rest, "%d.%d.%d", &status.Code[0], &status.Code[1], &status.Code[2]); err == nil {
			_, rest, _ = strings.Cut(rest, " ")
		}
		status.Text = rest
		if a := advise(status); a.move != want {
			t.Errorf("%s: %d, want %d", text, a.move, want)
		}
	}
	for host, want := range map[string]string{"gmail-smtp-in.l.google.com.": "google.com", "MX.a.co.uk": "a.co.uk", "localhost": "localhost", "[192.0.2.1]": "[192.0.2.1]"} {
		if got := site(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

// TestRowsOfAnOlderProgram have no rows by domain until Run has begun.
func TestRowsOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(delivered))
		for i := range 3 * laneRoom {
			l.add(fmt.Sprintf("A-%d", i), "", "u@x")
		}
		var b kv.Batch
		b.DeleteRange(kv.Queue, []byte{domainPrefix}, []byte{domainPrefix + 1})
		if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
			t.Fatal(err)
		}
		l.restart()
		defer l.run()()
		synctest.Wait()
		l.wantAttempts(3 * laneRoom)
		l.wantEmpty()
	})
}

// TestRowsMoveWhileTheyAreSorted: another process sends a message between the
// look at its row and the commit, and leaves nothing behind.
func TestRowsMoveWhileTheyAreSorted(t *testing.T) {
	t.Parallel()
	l := newLab(t, all(delivered))
	l.add("A-1", "", "u@x")
	l.addJob(&Job{ID: "A-2", Body: blob.ID{1, 2, 3}, Size: 100}) // of no domain
	busy := &busyEngine{Engine: l.kv, before: func() {
		if _, err := l.Drop(t.Context(), Choice{IDs: []string{"A-1"}}); err != nil {
			t.Error(err)
		}
	}}
	if err := New(Options{KV: busy, Mail: l.o.Mail}).sortByDomain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := l.rows(); n != 4 {
		t.Errorf("%d rows, want the 4 of A-2", n)
	}
}

// busyEngine has something happen before the first commit.
type busyEngine struct {
	kv.Engine
	before func()
}

func (e *busyEngine) Submit(b *kv.Batch) kv.Pending {
	if before := e.before; before != nil {
		e.before = nil
		before()
	}
	return e.Engine.Submit(b)
}
