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

// EntryIDs names entries, or all of them.
type EntryIDs struct {
	IDs []string `json:"ids,omitempty"`
	All bool     `json:"all,omitempty"`
}

// Count says how many entries something was done to.
type Count struct {
	Count int `json:"count"`
}

func toEntry(j queue.Job) Entry {
	e := Entry{ID: j.ID, From: j.ReturnPath, Domain: j.Domain, Size: j.Size, Recipients: []Recipient{},
		Created: j.Created, Expires: j.Expires, Next: j.Next, Attempts: j.Attempts, Last: j.Last}
	for _, r := range j.Recipients {
		to := Recipient{Address: r.Address, Original: r.Original, Done: r.Done}
		if r.Status.Reply != 0 || !r.Status.Code.IsZero() {
			to.Status = r.Status.String()
		}
		e.Recipients = append(e.Recipients, to)
	}
	return e
}

// ListQueue lists what waits.
func (s *Service) ListQueue(ctx context.Context, _ Nothing) (Entries, error) {
	jobs, err := s.Queue.List(ctx)
	out := Entries{[]Entry{}}
	for _, j := range jobs {
		out.Entries = append(out.Entries, toEntry(j))
	}
	return out, err
}

// ShowQueue shows one entry.
func (s *Service) ShowQueue(ctx context.Context, r EntryID) (Entry, error) {
	j, err := s.Queue.Show(ctx, r.ID)
	return toEntry(j), err
}

// RetryQueue makes entries due now.
func (s *Service) RetryQueue(ctx context.Context, r EntryIDs) (Count, error) {
	return s.each(ctx, r, s.Queue.Retry)
}

// DropQueue removes entries without a word to their senders.
func (s *Service) DropQueue(ctx context.Context, r EntryIDs) (Count, error) {
	return s.each(ctx, r, s.Queue.Drop)
}

func (s *Service) each(ctx context.Context, r EntryIDs, do func(context.Context, ...string) (int, error)) (Count, error) {
	if r.All == (len(r.IDs) > 0) {
		return Count{}, errorf(Invalid, "say which queue entries: either their ids, or all")
	}
	n, err := do(ctx, r.IDs...)
	return Count{n}, err
}
