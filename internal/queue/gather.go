package queue

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"tem/internal/kv"
)

const (
	gatherTime = time.Minute // that a report waits for other attempts at the same message
	gatherJobs = 100         // of a message that has more, each job is reported on by itself
)

// companions are the other jobs of a message that one report may tell of with
// j: they go back to the same sender, on the same terms.
func (q *Queue) companions(ctx context.Context, j *Job) (list []stored, err error) {
	message := j.ID[:strings.LastIndexByte(j.ID, '-')+1]
	if message == "" {
		return nil, nil
	}
	rows := 0
	lo := jobKey(message)
	err = q.scan(ctx, lo, append(bytes.Clone(lo), 0xff), func(id string, val []byte) error {
		if rows++; rows > gatherJobs {
			list = nil
			return kv.ErrStop
		}
		if s, err := decode(val); err == nil && id != j.ID && s.goesWith(j) {
			list = append(list, s)
		}
		return nil
	})
	return list, err
}

// goesWith reports whether one report may tell of both jobs of a message.
func (j *Job) goesWith(other *Job) bool {
	return j.ReturnPath == other.ReturnPath && j.Body == other.Body && j.Skip == other.Skip && j.Unverified == other.Unverified &&
		j.EnvID == other.EnvID && j.Return == other.Return && j.Binary == other.Binary && (j.Domain == "") == (other.Domain == "")
}

// isDue reports whether an attempt at a job is about to begin.
func (j *Job) isDue(now time.Time) bool {
	return !j.Held && !j.Next.After(now) && len(j.pending()) > 0
}

func (q *Queue) setTrying(id string, now bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now {
		q.trying[id] = true
	} else {
		delete(q.trying, id)
	}
}

func (q *Queue) isTrying(id string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.trying[id]
}

// reportFirst makes the report that a job owes before recipients of its are
// tried, which may take long, and returns it as it is stored then.
func (q *Queue) reportFirst(ctx context.Context, s stored, now time.Time) (stored, error) {
	if len(s.pending()) == 0 || len(s.only(s.owes)) == 0 {
		return s, nil
	}
	j := s.Job
	if err := q.settle(context.WithoutCancel(ctx), s, &j, now, false); err != nil && !errors.Is(err, kv.ErrConflict) {
		return s, err
	}
	return q.load(ctx, s.ID)
}

// gather returns the companions of a job that owe their sender a report, too;
// wait: others may do so in a moment. A job waits once.
func (q *Queue) gather(ctx context.Context, old stored, j *Job, now time.Time) (owing []stored, wait bool) {
	if j.ReturnPath == "" || j.Unverified {
		return nil, false // nobody is told
	}
	all, err := q.companions(ctx, j)
	if err != nil {
		return nil, false // it is reported on by itself
	}
	for _, s := range all {
		tried := s.Claimed.After(now) || q.isTrying(s.ID)
		if !tried && len(s.only(s.owes)) > 0 {
			owing = append(owing, s) // what an attempt under way comes to is not known yet
		}
		wait = wait || tried || s.isDue(now)
	}
	return owing, wait && len(old.only(old.owes)) == 0
}
