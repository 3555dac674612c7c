package queue

import (
	"hash/fnv"
	"strconv"
	"time"
)

// warnAfter is when a sender is told that a message is still on its way.
const warnAfter = 4 * time.Hour

// defaultRetry is the pause after each of the first attempts, then the last one
// for ever: quick for a peer that greylists or restarts, then at the pace that
// RFC 5321 §4.5.4.1 asks for.
func defaultRetry(attempt int) time.Duration {
	pauses := [...]time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour,
	}
	return pauses[min(max(attempt, 1), len(pauses))-1]
}

// pause is how long to wait after a job's last attempt.
func (q *Queue) pause(j *Job) time.Duration {
	if q.o.Retry != nil {
		return q.o.Retry(j.Attempts)
	}
	d := defaultRetry(j.Attempts)
	return d + time.Duration(float64(d)/10*spread(j.ID, j.Attempts))
}

// spread is a number in [0,1) that differs from job to job, so that what
// failed together is not tried together for five days, yet is always the same.
func spread(id string, attempt int) float64 {
	h := fnv.New32a()
	h.Write([]byte(id))
	h.Write([]byte(strconv.Itoa(attempt)))
	return float64(h.Sum32()) / (1 << 32)
}

// next is when a job is due after an attempt at now: after its pause, but
// neither beyond the moment of the delay report nor beyond the last attempt.
func (q *Queue) next(j *Job, now time.Time) time.Time {
	next := now.Add(q.pause(j))
	for _, stop := range []time.Time{j.Created.Add(warnAfter), j.Expires} {
		if stop.After(now) && stop.Before(next) {
			next = stop
		}
	}
	return next
}
