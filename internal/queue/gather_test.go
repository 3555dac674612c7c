package queue

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// slowly answers each domain after a time of its own.
func slowly(after map[string]time.Duration, s dsn.Status) func(*Job, []Recipient) []dsn.Status {
	return func(j *Job, to []Recipient) []dsn.Status {
		time.Sleep(after[j.Domain])
		return all(s)(j, to)
	}
}

// reported counts the recipients of each report that is tried to be made.
func (l *lab) reported() (sizes func() []int) {
	var list []int
	l.bounce = func(about []Recipient, _ bool) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		list = append(list, len(about))
		return nil
	}
	return func() []int {
		synctest.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.Clone(list)
	}
}

// TestOneReport: what fails at the same time for one message is told at once.
func TestOneReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, slowly(map[string]time.Duration{"x": time.Second, "y": 10 * time.Second, "z": 100 * time.Second}, never))
		told := 0
		l.o.Record = func(e journey.Event) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if e.Kind == journey.Reported && e.Link == "REPORT" {
				told += len(e.To)
			}
		}
		l.add("A-1", "an@hanoi.example", "a@x", "b@x")
		l.add("A-2", "an@hanoi.example", "c@y")
		l.add("A-3", "an@hanoi.example", "d@z")
		l.add("A-4", "srs@hue.example", "e@u") // forwarded: not the same sender's
		l.add("A1-1", "an@hanoi.example", "f@v")
		l.add("A", "an@hanoi.example", "g@w")
		sizes := l.reported()
		defer l.run()()
		time.Sleep(11 * time.Second)
		l.wantRows("A-1", "A-2", "A-3")
		time.Sleep(time.Hour)
		if got := sizes(); fmt.Sprint(got) != "[1 1 1 3 1]" || told != 7 {
			t.Errorf("reports about %v; %d told", got, told)
		}
		l.wantEmpty()
	})
}

// wantRows checks which jobs are left.
func (l *lab) wantRows(want ...string) {
	l.t.Helper()
	var got []string
	jobs, err := l.List(l.t.Context())
	for _, j := range jobs {
		got = append(got, j.ID)
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		l.t.Errorf("left: %v, %v; want %v", got, err, want)
	}
}

// TestExpiredTogether: five days later there is one report.
func TestExpiredTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		silent := dsn.Status{Code: dsn.Code{4, 4, 1}, Text: "no answer"}
		l := newLab(t, slowly(map[string]time.Duration{"x": time.Second, "y": 30 * time.Second, "z": 2 * time.Second}, silent))
		for i, to := range []string{"a@x", "b@y", "c@z"} {
			l.add(fmt.Sprintf("A-%d", i), "an@hanoi.example", to)
		}
		ends := 0
		l.bounce = func(about []Recipient, delayed bool) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if !delayed {
				ends++
				if len(about) != 3 {
					t.Errorf("a report about %d", len(about))
				}
			}
			return nil
		}
		defer l.run()()
		time.Sleep(5*24*time.Hour + 10*time.Minute)
		synctest.Wait()
		if ends != 1 {
			t.Errorf("%d reports", ends)
		}
		l.wantEmpty()
	})
}

// TestWaitingReportSurvives the end of Run, and that what it waits for is dropped.
func TestWaitingReportSurvives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, slowly(map[string]time.Duration{"y": time.Hour}, never))
		l.add("A-1", "an@hanoi.example", "a@x")
		l.add("A-2", "an@hanoi.example", "b@y")
		stop := l.run()
		time.Sleep(time.Second)
		l.wantReports()
		if n, err := l.Drop(t.Context(), Choice{IDs: []string{"A-2"}}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		stop()
		l.restart()
		defer l.run()()
		time.Sleep(gatherTime)
		synctest.Wait()
		l.wantReports("1h0m0s a@x delayed=false: 550 5.1.1 no such user")
		l.wantEmpty()
	})
}

// TestGatheringIsBounded: of a message with very many jobs each is reported on by itself.
func TestGatheringIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(never))
		for i := range gatherJobs + 10 {
			l.add(fmt.Sprintf("A-%03d", i), "an@hanoi.example", fmt.Sprintf("u@x%d", i))
		}
		sizes := l.reported()
		defer l.run()()
		time.Sleep(5 * time.Minute)
		if got := sizes(); len(l.reports) != gatherJobs+10 || slices.Max(got) > gatherJobs {
			t.Errorf("%d told, in reports about %v", len(l.reports), got)
		}
		l.wantEmpty()
	})
}

// TestGatheredByTwo: two jobs that would tell of each other tell once.
func TestGatheredByTwo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, all(never))
		var b kv.Batch
		for i, domain := range []string{"x", "y", "z"} {
			l.Add(&b, &Job{ID: fmt.Sprintf("A-%d", i), ReturnPath: "an@hanoi.example", Domain: domain,
				Recipients: []Recipient{{Address: "u@" + domain, Status: never, Done: true}}})
		}
		if err := kv.Commit(t.Context(), l.kv, &b); err != nil {
			t.Fatal(err)
		}
		sizes := l.reported()
		defer l.run()()
		time.Sleep(time.Minute)
		if got := sizes(); len(l.reports) != 3 {
			t.Errorf("tries %v, told %v", got, l.reports)
		}
		l.wantEmpty()
	})
}
