package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tem/internal/kv"
)

// List returns every job, oldest first.
func (q *Queue) List(ctx context.Context) ([]Job, error) {
	var jobs []Job
	err := q.scan(ctx, []byte{jobPrefix}, []byte{jobPrefix + 1}, func(_ string, val []byte) error {
		s, err := decode(val)
		jobs = append(jobs, s.Job)
		return err
	})
	return jobs, err
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

// Retry makes jobs due now and returns how many; without ids, all of them. An
// id is that of a job, or of a message for all of its jobs.
func (q *Queue) Retry(ctx context.Context, ids ...string) (int, error) {
	defer q.Wake()
	changed, err := q.each(ctx, ids, func(b *kv.Batch, s stored) {
		j := s.Job
		if now := q.o.Now(); !j.Claimed.After(now) { // else it is being tried just now
			j.Next = now
		}
		q.replace(b, s, &j)
	})
	return len(changed), err
}

// Drop removes jobs without a report and returns how many; ids are as with Retry.
func (q *Queue) Drop(ctx context.Context, ids ...string) (int, error) {
	dropped, err := q.each(ctx, ids, q.remove)
	for _, s := range dropped {
		q.o.Log.Info("dropped", "id", s.ID, "domain", s.Domain, "from", s.ReturnPath, "tries", s.Attempts)
	}
	return len(dropped), err
}

// each commits a change to each of the jobs, one by one, and returns those it
// was made to: a job may end meanwhile.
func (q *Queue) each(ctx context.Context, ids []string, change func(*kv.Batch, stored)) (changed []stored, err error) {
	ids, err = q.expand(ctx, ids...)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		switch s, err := q.change(ctx, id, change); {
		case err == nil:
			changed = append(changed, s)
		case !errors.Is(err, ErrNotFound):
			return changed, err
		}
	}
	return changed, nil
}

// change commits a change to one job, again if an attempt was quicker.
func (q *Queue) change(ctx context.Context, id string, change func(*kv.Batch, stored)) (stored, error) {
	for {
		s, err := q.load(ctx, id)
		if err != nil {
			return s, err
		}
		var b kv.Batch
		change(&b, s)
		if err := kv.Commit(ctx, q.o.KV, &b); !errors.Is(err, kv.ErrConflict) {
			return s, err
		}
	}
}

// expand turns ids of jobs and of messages into those of jobs; none means all.
func (q *Queue) expand(ctx context.Context, ids ...string) (jobs []string, err error) {
	collect := func(id string, _ []byte) error { jobs = append(jobs, id); return nil }
	if len(ids) == 0 {
		return jobs, q.scan(ctx, []byte{jobPrefix}, []byte{jobPrefix + 1}, collect)
	}
	for _, id := range ids {
		before := len(jobs)
		id = strings.ToUpper(id)
		lo, hi := jobKey(id), jobKey(id+"\x00")
		if !strings.Contains(id, "-") { // a message's: all of its jobs
			lo, hi = jobKey(id+"-"), jobKey(id+".")
		}
		if err := q.scan(ctx, lo, hi, collect); err != nil {
			return nil, err
		}
		if len(jobs) == before {
			return nil, fmt.Errorf("job %s: %w", id, ErrNotFound)
		}
	}
	return jobs, nil
}

// scan calls fn for the job rows lo <= key < hi.
func (q *Queue) scan(ctx context.Context, lo, hi []byte, fn func(id string, val []byte) error) error {
	return q.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, lo, hi, kv.ScanOptions{}, func(key, val []byte) error {
			return fn(string(key[1:]), val)
		})
	})
}
