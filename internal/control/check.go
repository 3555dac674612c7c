package control

import (
	"context"
	"errors"
	"fmt"

	"tem/internal/kv"
	"tem/internal/mail"
	"tem/internal/queue"
)

// StoreCheck asks for a check of the store, or of the mail of one account.
type StoreCheck struct {
	Repair  bool   `json:"repair,omitempty"`
	Quick   bool   `json:"quick,omitempty"`  // do not read bodies
	Resume  bool   `json:"resume,omitempty"` // where the last check was stopped
	Account string `json:"account,omitempty"`
}

// Problem is one that a check found; store.check tells each as it finds it.
type Problem struct {
	Account  string `json:"account,omitempty"` // address, or number if nobody has it
	Text     string `json:"text"`
	Repaired bool   `json:"repaired,omitempty"`
	Lost     bool   `json:"lost,omitempty"` // can't be made again from what is there
}

// StoreChecked sums a check up.
type StoreChecked struct {
	Accounts int64 `json:"accounts"`
	Messages int64 `json:"messages"`
	Bodies   int64 `json:"bodies"` // read and compared with their hashes
	Problems int64 `json:"problems"`
	Repaired int64 `json:"repaired"`
	Lost     int64 `json:"lost"`
}

// storeCheck is one check.
type storeCheck struct {
	*Service
	watcher
	names map[kv.Part]string // addresses of accounts
	sum   StoreChecked
}

// CheckStore compares everything in the store with everything else. It may take
// hours; the store can be used meanwhile.
func (s *Service) CheckStore(ctx context.Context, r StoreCheck, w watcher) (StoreChecked, error) {
	c := &storeCheck{Service: s, watcher: w}
	if err := c.readNames(ctx); err != nil {
		return c.sum, err
	}
	o := mail.CheckOptions{Repair: r.Repair, Quick: r.Quick, Resume: r.Resume, Problem: c.mailProblem,
		Progress: func(done, total int64) { w.progress(int(done), int(total)) }}
	if r.Account != "" {
		acc, err := s.ourAccount(ctx, r.Account)
		if err != nil {
			return c.sum, err
		}
		o.Only = acc.ID
	} else if err := errors.Join(c.strangers(ctx), c.queue(ctx)); err != nil {
		return c.sum, err
	}
	result, err := s.Mail.Check(ctx, o)
	c.sum.Accounts, c.sum.Messages, c.sum.Bodies = result.Accounts, result.Messages, result.Bodies
	return c.sum, err
}

func (c *storeCheck) readNames(ctx context.Context) error {
	all, err := c.Directory.Accounts(ctx)
	c.names = make(map[kv.Part]string, len(all))
	for _, a := range all {
		c.names[a.ID] = a.Address.String()
	}
	return err
}

func (c *storeCheck) name(id kv.Part) string {
	if name, known := c.names[id]; known || id == 0 {
		return name
	}
	return fmt.Sprintf("account %d", id)
}

func (c *storeCheck) mailProblem(p mail.Problem) {
	c.tell(Problem{c.name(p.Account), p.Text, p.Repaired, p.Lost})
}

func (c *storeCheck) tell(p Problem) {
	c.sum.Problems++
	if p.Repaired {
		c.sum.Repaired++
	}
	if p.Lost {
		c.sum.Lost++
	}
	c.found(p)
}

// strangers are accounts that have mail and that the directory does not know.
// They are left as they are: what is not known to be wanted is not known to be
// unwanted either.
func (c *storeCheck) strangers(ctx context.Context) error {
	before, err := c.Mail.Registered(ctx)
	if err != nil {
		return err
	}
	if err := c.readNames(ctx); err != nil {
		return err
	}
	after, err := c.Mail.Registered(ctx) // so that accounts which come or go meanwhile are none
	still := make(map[kv.Part]bool, len(after))
	for _, g := range after {
		still[g.ID] = !g.Doomed
	}
	for _, g := range before {
		if _, known := c.names[g.ID]; !known && still[g.ID] {
			c.tell(Problem{Account: c.name(g.ID), Text: "there is mail of an account that is not in the directory"})
		}
	}
	return err
}

// queue looks whether the messages that wait to leave are there.
func (c *storeCheck) queue(ctx context.Context) error {
	jobs, err := c.Queue.List(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := c.job(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

func (c *storeCheck) job(ctx context.Context, j queue.Job) error {
	body, err := c.Mail.OpenBody(ctx, j.Body)
	if err == nil {
		body.Close()
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, gone := c.Queue.Show(ctx, j.ID); errors.Is(gone, queue.ErrNotFound) { // it has left meanwhile
		return nil
	}
	c.tell(Problem{Lost: true, Text: fmt.Sprintf("queue entry %s for %s: its message, body %s, can't be opened: %v", j.ID, j.Domain, j.Body, err)})
	return nil
}
