package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tem/internal/journey"
	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// List returns every job, oldest first.
func (q *Queue) List(ctx context.Context) ([]Job, error) {
	return q.Find(ctx, Choice{})
}

// Show returns one job by its id, or by that of its message if it is the only
// one of it. ErrNotFound if there is none.
func (q *Queue) Show(ctx context.Context, id string) (Job, error) {
	ids, err := q.expand(ctx, id)
	if err != nil {
		return Job{}, err
	}
	if len(ids) > 1 {
		return Job{}, fmt.Errorf("message %s is queued for several domains: %s", id, strings.Join(ids, " "))
	}
	s, err := q.load(ctx, ids[0])
	return s.Job, err
}

// Retry makes jobs due now, also held ones, and returns how many. Their sites
// need not rest any longer: one that is dead is probed.
func (q *Queue) Retry(ctx context.Context, c Choice) (int, error) {
	return q.alter(ctx, c, alteration{reason: "to be tried now", rested: true, change: func(j *Job, now time.Time) {
		j.Held = false
		j.dueNow(now)
	}})
}

// dueNow has a job tried, but not beside the attempt of another process.
func (j *Job) dueNow(now time.Time) {
	if j.Next = j.Claimed; !j.Claimed.After(now) {
		j.Next = now
	}
}

// Hold keeps jobs from being tried until they are released. They end when their
// time is over all the same, with a report.
func (q *Queue) Hold(ctx context.Context, c Choice) (int, error) {
	return q.alter(ctx, c, alteration{reason: journey.ReasonHeld, change: func(j *Job, _ time.Time) {
		j.Held, j.Next = true, j.heldUntil()
	}})
}

// Release has held jobs tried again: now, or when their sender wanted them to go.
func (q *Queue) Release(ctx context.Context, c Choice) (int, error) {
	c.Held = true
	return q.alter(ctx, c, alteration{reason: "released", change: func(j *Job, now time.Time) {
		j.Held = false
		if j.dueNow(now); j.Release.After(now) {
			j.Next = j.Release
		}
	}})
}

// Reroute sends jobs another way from their next attempt on, which is now
// unless they are held. See CheckRoute for route.
func (q *Queue) Reroute(ctx context.Context, c Choice, route string) (int, error) {
	if err := CheckRoute(route); err != nil {
		return 0, err
	}
	return q.alter(ctx, c, alteration{reason: journey.ReasonRerouted + cmp.Or(route, "the configured way"), change: func(j *Job, now time.Time) {
		j.Route = route
		if !j.Held && !j.Release.After(now) {
			j.dueNow(now)
		}
	}})
}

// GiveUp ends jobs as if their time were over: their senders are told.
func (q *Queue) GiveUp(ctx context.Context, c Choice) (int, error) {
	return q.alter(ctx, c, alteration{reason: journey.ReasonGivenUp, change: func(j *Job, now time.Time) {
		j.giveUp()
		j.Held = false
		j.dueNow(now)
	}})
}

// giveUp ends what is left to try.
func (j *Job) giveUp() {
	for i := range j.Recipients {
		if r := &j.Recipients[i]; !r.Done {
			r.Done, r.Status = true, givenUp(j.Last)
		}
	}
}

var codeGivenUp = dsn.Code{5, 3, 0}

// givenUp is the status of a recipient whose last one was last; "": it was not tried.
func givenUp(last string) dsn.Status {
	s := dsn.Status{Code: codeGivenUp, Text: "given up by the administrator"}
	if last != "" {
		s.Text += "; last: " + last
	}
	return s
}

// alteration is what an administrator wants of jobs.
type alteration struct {
	reason string
	rested bool // their sites are not to rest any longer
	change func(*Job, time.Time)
}

// alter changes jobs and has Run look at them, part by part.
func (q *Queue) alter(ctx context.Context, c Choice, a alteration) (int, error) {
	told := func(altered []Job) {
		for i := range altered {
			q.tellChanged(&altered[i], a.reason)
		}
		q.inform(altered, a.rested)
	}
	return q.each(ctx, c, told, func(b *kv.Batch, s stored) Job {
		j := s.Job
		j.Recipients = slices.Clone(j.Recipients)
		a.change(&j, q.o.Now())
		q.replace(b, s, &j) // one that is given up goes, if nobody wants to know
		return j
	})
}

// Drop removes jobs without a report and returns how many.
func (q *Queue) Drop(ctx context.Context, c Choice) (int, error) {
	told := func(dropped []Job) {
		for _, j := range dropped {
			q.o.Log.Info("dropped", "id", j.ID, "domain", j.Domain, "from", j.ReturnPath, "tries", j.Attempts)
			q.tellChanged(&j, journey.ReasonDropped)
		}
	}
	return q.each(ctx, c, told, func(b *kv.Batch, s stored) Job { q.remove(b, s); return s.Job })
}

// together is how many jobs are read, and changed, at a time.
const together = 500

// each commits a change to each of the jobs, part by part, and returns how
// many it was made to: a job may end meanwhile. told is called after each
// commit with the jobs as they are then. A part that is begun is ended, also
// when ctx is over: who is told is told of all that was done.
func (q *Queue) each(ctx context.Context, c Choice, told func([]Job), change func(*kv.Batch, stored) Job) (n int, err error) {
	err = q.parts(ctx, c, func(part []stored) error {
		changed, err := q.changeAll(ctx, c, part, change)
		told(changed)
		n += len(changed)
		return err
	})
	return n, err
}

// changeAll changes jobs in one commit, or one by one if an attempt was quicker.
func (q *Queue) changeAll(ctx context.Context, c Choice, part []stored, change func(*kv.Batch, stored) Job) (changed []Job, err error) {
	var b kv.Batch
	for _, s := range part {
		if s.bad == nil {
			changed = append(changed, change(&b, s))
		}
	}
	switch err := kv.Commit(context.WithoutCancel(ctx), q.o.KV, &b); {
	case err == nil:
		return changed, nil
	case !errors.Is(err, kv.ErrConflict):
		return nil, err
	}
	changed = nil
	for _, s := range part {
		switch j, err := q.change(ctx, c, s, change); {
		case err == nil:
			changed = append(changed, j)
		case !errors.Is(err, ErrNotFound):
			return changed, err
		}
	}
	return changed, nil
}

// change commits a change to one job, again if an attempt was quicker.
// ErrNotFound: it has ended, or is not among those meant any longer.
func (q *Queue) change(ctx context.Context, c Choice, s stored, change func(*kv.Batch, stored) Job) (j Job, err error) {
	for s.bad == nil && c.fits(&s.Job) {
		var b kv.Batch
		j = change(&b, s)
		if err = kv.Commit(context.WithoutCancel(ctx), q.o.KV, &b); !errors.Is(err, kv.ErrConflict) {
			return j, err
		}
		if s, err = q.load(ctx, s.ID); err != nil {
			return Job{}, err
		}
	}
	return Job{}, ErrNotFound
}
