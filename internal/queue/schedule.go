package queue

import (
	"hash/fnv"
	"strconv"
	"time"

	"tem/internal/message/dsn"
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
	if j.Held {
		return j.heldUntil()
	}
	for _, stop := range []time.Time{j.begun().Add(warnAfter), j.Expires, j.By.Time} {
		if stop.After(now) && stop.Before(next) {
			next = stop
		}
	}
	return next
}

// begun is when a job could first be tried.
func (j *Job) begun() time.Time {
	if j.Release.After(j.Created) {
		return j.Release
	}
	return j.Created
}

// heldUntil is when the time of a held job is over: it is not tried, but ends
// like any other.
func (j *Job) heldUntil() time.Time {
	if j.By.Return && !j.By.Time.IsZero() && j.By.Time.Before(j.Expires) {
		return j.By.Time
	}
	return j.Expires
}

// excuse is the status of a job that is due but must not be tried; nil if it
// may. skip is why nothing is tried at its site.
func (j *Job) excuse(now time.Time, skip *dsn.Status) *dsn.Status {
	switch {
	case j.By.Return && j.overBy(now): // RFC 2852 §4.1.4
		return &dsn.Status{Code: dsn.Code{5, 4, 7}, Text: "the sender's time limit is over; last: " + j.Last}
	case j.Held:
		return &dsn.Status{Code: dsn.Code{4, 3, 2}, Text: "held by the administrator"}
	case skip != nil:
		return &dsn.Status{Reply: skip.Reply, Code: skip.Code, Text: "not tried, since its server does not answer: " + skip.Text, Remote: skip.Remote}
	}
	return nil
}
