package queue

import (
	"context"
	"errors"
	"time"

	"tem/internal/kv"
	"tem/internal/message/dsn"
)

// claimTime is how long a job stays with the process that claimed it, unless
// that says again that it is at work: after a crash the job is due that late.
const claimTime = 2 * time.Minute

// errClaimed says that another process has the job.
var errClaimed = errors.New("another process has the job")

// deliverAlone delivers a job and returns it as it is stored then. Where
// processes share the rows it claims the job first, and goes on claiming it.
func (q *Queue) deliverAlone(ctx context.Context, s stored) (stored, []dsn.Status, error) {
	if !q.o.Shared || len(s.pending()) == 0 { // nobody is asked: whose commit is first makes the report
		return s, q.deliver(ctx, &s.Job), nil
	}
	if s.Next.After(q.o.Now()) {
		return s, nil, errClaimed
	}
	s, err := q.claim(ctx, s)
	if err != nil {
		return s, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan []dsn.Status, 1)
	j := s.Job
	go func() { done <- q.deliver(ctx, &j) }()
	again := time.NewTicker(claimTime / 2)
	defer again.Stop()
	for {
		select {
		case statuses := <-done:
			return s, statuses, nil
		case <-again.C:
			if claimed, err := q.claim(ctx, s); err == nil {
				s = claimed
			} else {
				stop() // it may be another's soon; what has come of it is written down as ever
			}
		}
	}
}

// claim makes a job due again only after claimTime, so that no other process
// begins an attempt.
func (q *Queue) claim(ctx context.Context, s stored) (stored, error) {
	j := s.Job
	j.Claimed = q.o.Now().Add(claimTime).Truncate(time.Millisecond)
	j.Next = j.Claimed
	var b kv.Batch
	q.replace(&b, s, &j)
	switch err := kv.Commit(ctx, q.o.KV, &b); {
	case errors.Is(err, kv.ErrConflict):
		return s, errClaimed
	case err != nil:
		return s, err
	}
	return stored{Job: j, raw: j.encode()}, nil
}
