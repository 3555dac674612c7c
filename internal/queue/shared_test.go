package queue

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/message/dsn"
)

// TestShared: two processes on the same rows send each message once.
func TestShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent := make(map[string]int)
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status {
			mu.Lock()
			sent[j.ID]++
			n := len(sent)
			mu.Unlock()
			time.Sleep(time.Duration(1+n%7) * time.Minute) // of the bubble: both processes look meanwhile
			return []dsn.Status{{Code: dsn.Code{2, 0, 0}}}
		})
		l.o.Shared = true
		other := New(l.o)
		other.refer, other.release = l.refer, l.release
		stop := l.run()
		mine := l.Queue
		l.Queue = other
		stopOther := l.run()
		l.Queue = mine
		for n := range 60 {
			l.add(fmt.Sprintf("A%d-1", n), "a@x.example", fmt.Sprintf("b@y%d.example", n%7))
			other.Wake()
		}
		time.Sleep(2 * time.Hour)
		stop()
		stopOther()
		if len(sent) != 60 || l.rows() != 0 {
			t.Errorf("%d messages sent, %d rows left", len(sent), l.rows())
		}
		for id, n := range sent {
			if n != 1 {
				t.Errorf("%s was sent %d times", id, n)
			}
		}
	})
}

// TestClaimRunsOut: a job that a process took and died with is another's after a while.
func TestClaimRunsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(j *Job, to []Recipient) []dsn.Status { return []dsn.Status{{Code: dsn.Code{2, 0, 0}}} })
		l.o.Shared = true
		l.add("A-1", "a@x.example", "b@y.example")
		s, err := l.load(t.Context(), "A-1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.claim(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if _, err := l.claim(t.Context(), s); err != errClaimed {
			t.Errorf("claimed twice: %v", err)
		}
		if _, err := l.Retry(t.Context(), Choice{IDs: []string{"A-1"}}); err != nil {
			t.Fatal(err) // it does not make a claimed job due
		}
		stop := l.run()
		time.Sleep(claimTime - time.Second)
		l.wantAttempts(0) // another process has it
		time.Sleep(time.Minute)
		stop()
		l.wantAttempts(1)
		l.wantEmpty()
	})
}
