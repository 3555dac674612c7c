package queue

import (
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

	// Watch is told from time to time how many rows were looked at; nil: nobody is.
	Watch func(rows int)
}

// fits reports whether a job is among those meant, its id apart.
func (c *Choice) fits(j *Job) bool {
	switch {
	case c.Domain != "" && !c.domainFits(j.Domain),
		c.From != "" && !c.fromFits(j.ReturnPath),
		c.To != "" && !slices.ContainsFunc(j.Recipients, func(r Recipient) bool { return c.toFits(r.Address) }),
		!c.Before.IsZero() && !j.Created.Before(c.Before),
		c.Held && !j.Held:
		return false
	}
	return true
}

func (c *Choice) fromFits(path string) bool {
	if c.From == "<>" {
		return path == ""
	}
	return strings.EqualFold(c.From, path) || strings.EqualFold(c.From, path[strings.LastIndexByte(path, '@')+1:])
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
