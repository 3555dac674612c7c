package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tem/internal/kv"
)

const (
	maxNamed  = 10000 // jobs of a domain that are sought by its rows; of more, all rows are looked at
	watchRows = 10000 // rows between two calls of Choice.Watch
)

// Find returns the jobs that are meant, in the order of their ids; of one whose
// row can't be read its id, with the reason as Last. ErrNotFound if one that is
// named is not there.
func (q *Queue) Find(ctx context.Context, c Choice) ([]Job, error) {
	var jobs []Job
	err := q.parts(ctx, c, func(part []stored) error {
		for _, s := range part {
			if s.bad != nil {
				s.Last = s.bad.Error()
			}
			jobs = append(jobs, s.Job)
		}
		return nil
	})
	return jobs, err
}

// parts calls fn with the jobs that are meant, in the order of their ids and
// not too many at a time, outside of any snapshot.
func (q *Queue) parts(ctx context.Context, c Choice, fn func([]stored) error) error {
	c.After = strings.ToUpper(c.After)
	ids, named, err := q.named(ctx, c)
	if err != nil {
		return err
	}
	s := search{Queue: q, c: c, ids: ids, named: named}
	for left := c.Limit; !s.done && (c.Limit == 0 || left > 0); {
		most := together
		if c.Limit > 0 {
			most = min(most, left)
		}
		part, err := s.next(ctx, most)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			continue
		}
		if err := fn(part); err != nil {
			return err
		}
		left -= len(part)
	}
	return nil
}

// search is how far somebody got in looking for the jobs of a choice.
type search struct {
	*Queue
	c     Choice   // After moves on
	named bool     // only ids are looked at
	ids   []string // sorted
	rows  int      // looked at
	done  bool     // there are no more
}

// next finds the next jobs, at most so many.
func (s *search) next(ctx context.Context, most int) ([]stored, error) {
	if s.named {
		n := min(len(s.ids), most)
		ids := s.ids[:n]
		s.ids = s.ids[n:]
		s.done = len(s.ids) == 0
		return s.read(ctx, ids)
	}
	part, err := s.readOn(ctx, most)
	if s.done = len(part) < most; !s.done {
		s.c.After = part[most-1].ID
	}
	return part, err
}

// readOn reads on in the rows until it has so many jobs. A row that is not
// meant costs no more than a look.
func (s *search) readOn(ctx context.Context, most int) (part []stored, err error) {
	lo := []byte{jobPrefix}
	if s.c.After != "" {
		lo = jobKey(s.c.After + "\x00")
	}
	err = s.scan(ctx, lo, []byte{jobPrefix + 1}, func(id string, val []byte) error {
		if s.rows++; s.rows%watchRows == 0 && s.c.Watch != nil {
			s.c.Watch(s.rows)
		}
		if j, ok := s.c.pick(id, val); ok {
			if part = append(part, j); len(part) == most {
				return kv.ErrStop
			}
		}
		return ctx.Err()
	})
	return part, err
}

// read reads those of some jobs that are there still and are meant.
func (s *search) read(ctx context.Context, ids []string) (part []stored, err error) {
	keys := make([][]byte, len(ids))
	for i, id := range ids {
		keys[i] = jobKey(id)
	}
	err = s.o.KV.View(ctx, func(r kv.Reader) error {
		return r.GetMulti(kv.Queue, keys, func(i int, val []byte) error {
			if j, ok := s.c.pick(ids[i], val); ok {
				part = append(part, j)
			}
			return nil
		})
	})
	return part, err
}

// named returns the ids of jobs that are named, or that stand in the rows of a
// domain, sorted; false: all rows are to be looked at.
func (q *Queue) named(ctx context.Context, c Choice) (ids []string, named bool, err error) {
	switch {
	case len(c.IDs) > 0:
		ids, err = q.expand(ctx, c.IDs...)
	case c.Domain != "":
		if ids, err = q.ofDomain(ctx, strings.ToLower(c.Domain)); len(ids) > maxNamed {
			return nil, false, err
		}
	default:
		return nil, false, nil
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id <= c.After })
	slices.Sort(ids)
	return slices.Compact(ids), true, err
}

// ofDomain returns the ids of the jobs for a domain, or of more than maxNamed of them.
func (q *Queue) ofDomain(ctx context.Context, domain string) (ids []string, err error) {
	err = q.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, domainStart(domain), domainEnd(domain), kv.ScanOptions{Limit: maxNamed + 1}, func(key, _ []byte) error {
			ids = append(ids, parseDomainKey(key, domain).id)
			return nil
		})
	})
	return ids, err
}

// expand turns ids of jobs and of messages into those of jobs.
func (q *Queue) expand(ctx context.Context, ids ...string) (jobs []string, err error) {
	collect := func(id string, _ []byte) error { jobs = append(jobs, id); return nil }
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

// scan calls fn for the job rows lo <= key < hi, until it returns kv.ErrStop.
func (q *Queue) scan(ctx context.Context, lo, hi []byte, fn func(id string, val []byte) error) error {
	return q.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, lo, hi, kv.ScanOptions{}, func(key, val []byte) error {
			return fn(string(key[1:]), val)
		})
	})
}
