package control

import (
	"context"
	"time"

	"tem/internal/queue"
)

// Entry is one message that waits to leave for one domain.
type Entry struct {
	ID         string      `json:"id"`
	From       string      `json:"from"` // "": a report
	Domain     string      `json:"domain"`
	Size       int64       `json:"size"`
	Recipients []Recipient `json:"recipients"`
	Created    time.Time   `json:"created"`
	Expires    time.Time   `json:"expires"`
	Next       time.Time   `json:"next"`
	Attempts   int         `json:"attempts"`
	Last       string      `json:"last,omitempty"`
	Held       bool        `json:"held,omitempty"`
	Release    time.Time   `json:"release,omitzero"` // its sender wants it to wait until then
	Route      string      `json:"route,omitempty"`
	Priority   int         `json:"priority,omitempty"`
	By         time.Time   `json:"by,omitzero"` // its sender's own time limit
}

// Recipient is one address of an Entry.
type Recipient struct {
	Address  string `json:"address"`
	Original string `json:"original,omitempty"`
	Status   string `json:"status,omitempty"`
	Done     bool   `json:"done,omitempty"`
}

// Entries is the answer to queue.list.
type Entries struct {
	Entries []Entry `json:"entries"`
}

// EntryID names one entry.
type EntryID struct {
	ID string `json:"id"`
}

// Choice names entries: those that fit all that it says.
type Choice struct {
	IDs    []string  `json:"ids,omitempty"` // of entries, or of messages
	All    bool      `json:"all,omitempty"`
	Domain string    `json:"domain,omitempty"`
	From   string    `json:"from,omitempty"` // an address or its domain; "<>" for reports
	To     string    `json:"to,omitempty"`
	Before time.Time `json:"before,omitzero"` // made before then
	Held   bool      `json:"held,omitempty"`
	After  string    `json:"after,omitempty"` // only entries after this one, in the order of ids
	Limit  int       `json:"limit,omitempty"`
	Route  string    `json:"route,omitempty"` // of queue.reroute; "": as configured
}

// DomainStat counts the entries for one domain.
type DomainStat struct {
	Domain string    `json:"domain"`
	Count  int       `json:"count"`
	Due    int       `json:"due"`
	Next   time.Time `json:"next"`
}

// QueueStats is the answer to queue.stats.
type QueueStats struct {
	Domains []DomainStat `json:"domains"`
}

// Count says how many entries something was done to.
type Count struct {
	Count int `json:"count"`
}

func toEntry(j queue.Job) Entry {
	e := Entry{ID: j.ID, From: j.ReturnPath, Domain: j.Domain, Size: j.Size, Recipients: []Recipient{},
		Created: j.Created, Expires: j.Expires, Next: j.Next, Attempts: j.Attempts, Last: j.Last,
		Held: j.Held, Release: j.Release, Route: j.Route, Priority: j.Priority, By: j.By.Time}
	for _, r := range j.Recipients {
		to := Recipient{Address: r.Address, Original: r.Original, Done: r.Done}
		if r.Status.Reply != 0 || !r.Status.Code.IsZero() {
			to.Status = r.Status.String()
		}
		e.Recipients = append(e.Recipients, to)
	}
	return e
}

// choice is how the queue has a choice; w is told how many entries were looked at.
func (c *Choice) choice(w watcher) queue.Choice {
	return queue.Choice{IDs: c.IDs, Domain: c.Domain, From: c.From, To: c.To, Before: c.Before, Held: c.Held, After: c.After, Limit: c.Limit,
		Watch: func(rows int) { w.progress(rows, 0) }}
}

// all reports that nothing is said that an entry must fit.
func (c *Choice) all() bool {
	return len(c.IDs) == 0 && c.Domain == "" && c.From == "" && c.To == "" && c.Before.IsZero() && !c.Held
}

// ListQueue lists what waits, at most Limit entries.
func (s *Service) ListQueue(ctx context.Context, c Choice, w watcher) (Entries, error) {
	jobs, err := s.Queue.Find(ctx, c.choice(w))
	out := Entries{[]Entry{}}
	for _, j := range jobs {
		out.Entries = append(out.Entries, toEntry(j))
	}
	return out, err
}

// QueueStats counts the entries by domain, the most first, at most Limit domains.
func (s *Service) QueueStats(ctx context.Context, c Choice) (QueueStats, error) {
	stats, err := s.Queue.Stats(ctx)
	if c.Limit > 0 {
		stats = stats[:min(c.Limit, len(stats))]
	}
	out := QueueStats{[]DomainStat{}}
	for _, d := range stats {
		out.Domains = append(out.Domains, DomainStat{d.Domain, d.Jobs, d.Due, d.Next})
	}
	return out, err
}

// ShowQueue shows one entry.
func (s *Service) ShowQueue(ctx context.Context, r EntryID) (Entry, error) {
	j, err := s.Queue.Show(ctx, r.ID)
	return toEntry(j), err
}

// RetryQueue makes entries due now.
func (s *Service) RetryQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	return s.each(ctx, c, w, s.Queue.Retry)
}

// HoldQueue keeps entries from being tried.
func (s *Service) HoldQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	return s.each(ctx, c, w, s.Queue.Hold)
}

// ReleaseQueue has held entries tried again.
func (s *Service) ReleaseQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	return s.each(ctx, c, w, s.Queue.Release)
}

// BounceQueue gives entries up, and tells their senders.
func (s *Service) BounceQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	return s.each(ctx, c, w, s.Queue.GiveUp)
}

// RerouteQueue sends entries another way.
func (s *Service) RerouteQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	if err := queue.CheckRoute(c.Route); err != nil {
		return Count{}, errorf(Invalid, "%v", err)
	}
	if s.Route != nil {
		if err := s.Route(c.Route); err != nil {
			return Count{}, errorf(Invalid, "%v", err)
		}
	}
	return s.each(ctx, c, w, func(ctx context.Context, which queue.Choice) (int, error) {
		return s.Queue.Reroute(ctx, which, c.Route)
	})
}

// DropQueue removes entries without a word to their senders.
func (s *Service) DropQueue(ctx context.Context, c Choice, w watcher) (Count, error) {
	return s.each(ctx, c, w, s.Queue.Drop)
}

func (s *Service) each(ctx context.Context, c Choice, w watcher, do func(context.Context, queue.Choice) (int, error)) (Count, error) {
	if c.All != c.all() {
		return Count{}, errorf(Invalid, "say which queue entries: by their ids, domain, sender, recipient or age, or all")
	}
	n, err := do(ctx, c.choice(w))
	if err != nil && n > 0 {
		err = errorf(asError(err).Kind, "%d entries done, then: %v", n, err)
	}
	return Count{n}, err
}
