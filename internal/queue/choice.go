package queue

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tem/internal/kv"
)

// Choice says which jobs are meant: those that fit all of it. The zero value is all.
type Choice struct {
	IDs    []string  // of jobs, or of messages for all of their jobs
	Domain string    // they are for
	From   string    // return path, or the domain of it; "<>" for reports
	To     string    // one of the recipients
	Before time.Time // made before then
	Held   bool      // only those that are held
	After  string    // only those with ids after this one
	Limit  int       // at most so many; 0: all
}

// fits reports whether a job is among those meant, its id apart.
func (c *Choice) fits(j *Job) bool {
	switch {
	case c.Domain != "" && !strings.EqualFold(c.Domain, j.Domain),
		c.From != "" && !c.fromFits(j.ReturnPath),
		c.To != "" && !slices.ContainsFunc(j.Recipients, func(r Recipient) bool { return strings.EqualFold(r.Address, c.To) }),
		!c.Before.IsZero() && !j.Created.Before(c.Before),
		c.Held && !j.Held:
		return false
	}
	return true
}

// mayFit reports false of a row that is seen not to fit without reading it: a
// million are looked through in a second or two.
func (c *Choice) mayFit(val []byte) bool {
	if c.From == "" && c.To == "" && !c.Held {
		return true
	}
	low := bytes.ToLower(val)
	for _, text := range []string{c.From, c.To} {
		if !strings.ContainsAny(text, "<>&\"\\") && !bytes.Contains(low, []byte(strings.ToLower(text))) {
			return false
		}
	}
	return !c.Held || bytes.Contains(low, []byte(`"held":true`))
}

func (c *Choice) fromFits(path string) bool {
	if c.From == "<>" {
		return path == ""
	}
	return strings.EqualFold(c.From, path) || strings.EqualFold(c.From, path[strings.LastIndexByte(path, '@')+1:])
}

// Find returns the jobs that are meant, in the order of their ids. ErrNotFound
// if one that is named is not there.
func (q *Queue) Find(ctx context.Context, c Choice) ([]Job, error) {
	var jobs []Job
	err := q.find(ctx, c, func(s stored) { jobs = append(jobs, s.Job) })
	return jobs, err
}

// find calls fn for each job that is meant.
func (q *Queue) find(ctx context.Context, c Choice, fn func(stored)) error {
	if len(c.IDs) > 0 || c.Domain != "" {
		return q.findByID(ctx, c, fn)
	}
	lo, n := []byte{jobPrefix}, 0
	if c.After != "" {
		lo = jobKey(strings.ToUpper(c.After) + "\x00")
	}
	return q.scan(ctx, lo, []byte{jobPrefix + 1}, func(_ string, val []byte) error {
		if !c.mayFit(val) {
			return nil
		}
		s, err := decode(val)
		if err == nil && c.fits(&s.Job) {
			fn(s)
			if n++; n == c.Limit {
				return kv.ErrStop
			}
		}
		return err
	})
}

// findByID finds jobs that are named, or that stand in the rows of a domain.
func (q *Queue) findByID(ctx context.Context, c Choice, fn func(stored)) error {
	var ids []string
	var err error
	if len(c.IDs) > 0 {
		ids, err = q.expand(ctx, c.IDs...)
	} else {
		ids, err = q.ofDomain(ctx, strings.ToLower(c.Domain))
	}
	if err != nil {
		return err
	}
	n := 0
	for _, id := range ids {
		if c.After != "" && id <= strings.ToUpper(c.After) {
			continue
		}
		s, err := q.load(ctx, id)
		if err != nil || !c.fits(&s.Job) {
			continue // it has ended meanwhile
		}
		fn(s)
		if n++; n == c.Limit {
			break
		}
	}
	return nil
}

// ofDomain returns the ids of the jobs for a domain, sorted.
func (q *Queue) ofDomain(ctx context.Context, domain string) (ids []string, err error) {
	err = q.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, domainStart(domain), domainEnd(domain), kv.ScanOptions{}, func(key, _ []byte) error {
			ids = append(ids, parseDomainKey(key, domain).id)
			return nil
		})
	})
	slices.Sort(ids)
	return ids, err
}

// Stat counts the jobs for one domain.
type Stat struct {
	Domain string
	Jobs   int
	Due    int       // of them, now
	Next   time.Time // when the first is tried next
}

// Stats counts the jobs by domain, the most first. It reads no job.
func (q *Queue) Stats(ctx context.Context) ([]Stat, error) {
	byDomain, now := make(map[string]*Stat), q.o.Now()
	err := q.o.KV.View(ctx, func(r kv.Reader) error {
		return r.Scan(kv.Queue, []byte{timePrefix}, []byte{timePrefix + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			h, ok := parseTimeKey(key)
			if !ok {
				return nil
			}
			domain, _ := parseTimeVal(val)
			s := byDomain[domain]
			if s == nil {
				s = &Stat{Domain: domain, Next: h.next}
				byDomain[domain] = s
			}
			s.Jobs++
			if !h.next.After(now) {
				s.Due++
			}
			return nil
		})
	})
	list := make([]Stat, 0, len(byDomain))
	for _, s := range byDomain {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Stat) int {
		if a.Jobs != b.Jobs {
			return b.Jobs - a.Jobs
		}
		return strings.Compare(a.Domain, b.Domain)
	})
	return list, err
}

// CheckRoute says what is wrong with an administrator's choice of relay:
// "" is as configured, "mx" the mail exchangers, else host or host:port.
func CheckRoute(route string) error {
	if strings.ContainsAny(route, " \t\r\n/@<>\x00") || len(route) > 260 {
		return fmt.Errorf("%q is no way out: give mx, the name of a relay, or host:port", route)
	}
	return nil
}
