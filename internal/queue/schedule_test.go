package queue

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestReleaseTime: a job goes when its sender wants it to, at once if that time
// is over, and has its five days from when it could first go.
func TestReleaseTime(t *testing.T) {
	t.Parallel()
	const life = 5 * 24 * time.Hour
	for _, wait := range []time.Duration{-24 * time.Hour, 0, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, all(later))
			j := &Job{ID: "A-1", ReturnPath: "an@hanoi.example", Domain: "y", Release: l.started.Add(wait), Recipients: []Recipient{{Address: "a@y"}}}
			l.addJob(j)
			from := max(0, wait)
			if got := j.Expires.Sub(l.started); got != from+life {
				t.Errorf("%v: expires after %v", wait, got)
			}
			defer l.run()()
			time.Sleep(from + life + time.Hour)
			synctest.Wait()
			if l.attempts[0] != from {
				t.Errorf("%v: first tried after %v", wait, l.attempts[0])
			}
			l.wantEmpty()
		})
	}
}
