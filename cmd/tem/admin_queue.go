package main

import (
	"context"
	"fmt"
	"io"

	"tem/internal/control"
)

type queueCommand struct {
	List  queueList  `cmd:"" help:"List what waits."`
	Show  queueShow  `cmd:"" help:"Show one entry with its recipients and their last outcome."`
	Retry queueRetry `cmd:"" help:"Try entries again now."`
	Drop  queueDrop  `cmd:"" help:"Remove entries without a report to their senders."`
}

func (queueCommand) Help() string {
	return `Examples:
  tem queue list
  tem queue retry --all
  tem queue drop 01JDCAQ5N9T3V8ZK2M7R4W6XYB-0`
}

type queueList struct{ adminFlags }

func (c *queueList) Run(ctx context.Context, env *adminEnv) error {
	var resp control.Entries
	err := c.ask(ctx, env, control.Call{Verb: "queue.list", Request: control.Nothing{}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) {
		if len(resp.Entries) == 0 {
			tableRow(w, "the queue is empty")
			return
		}
		tableRow(w, "ID", "FROM", "FOR", "OCTETS", "TRIES", "NEXT", "LAST OUTCOME")
		for _, e := range resp.Entries {
			tableRow(w, e.ID, fromText(e.From), fmt.Sprintf("%d at %s", len(e.Recipients), e.Domain),
				e.Size, e.Attempts, timeText(e.Next), orDash(e.Last))
		}
	})
}

// fromText shows the null reverse path of a report as it is written.
func fromText(from string) string {
	if from == "" {
		return "<>"
	}
	return from
}

type queueShow struct {
	adminFlags
	ID string `arg:"" name:"id" help:"The entry's id, as list shows it."`
}

func (c *queueShow) Run(ctx context.Context, env *adminEnv) error {
	var resp control.Entry
	err := c.ask(ctx, env, control.Call{Verb: "queue.show", Request: control.EntryID{ID: c.ID}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printEntry(w, resp) })
}

func printEntry(w io.Writer, e control.Entry) {
	tableRow(w, "id", e.ID)
	tableRow(w, "from", fromText(e.From))
	tableRow(w, "octets", e.Size)
	tableRow(w, "created", timeText(e.Created))
	tableRow(w, "next try", timeText(e.Next))
	tableRow(w, "given up", timeText(e.Expires))
	tableRow(w, "tries", e.Attempts)
	tableRow(w, "last", orDash(e.Last))
	for _, r := range e.Recipients {
		tableRow(w, "to", recipientText(r))
	}
}

func recipientText(r control.Recipient) string {
	s := r.Address
	if r.Original != "" && r.Original != r.Address {
		s += " (for " + r.Original + ")"
	}
	if r.Status != "" {
		s += ": " + r.Status
	}
	if r.Done {
		s += " (done)"
	}
	return s
}

// queueChoice is which entries a verb means.
type queueChoice struct {
	IDs []string `arg:"" optional:"" name:"id" help:"The entries' ids, as list shows them."`
	All bool     `help:"All entries."`
}

func (q queueChoice) request() (control.EntryIDs, error) {
	if q.All == (len(q.IDs) > 0) {
		return control.EntryIDs{}, usagef("which entries? Give their ids, or --all")
	}
	return control.EntryIDs{IDs: q.IDs, All: q.All}, nil
}

type queueRetry struct {
	adminFlags
	queueChoice
}

func (c *queueRetry) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.retry", c.queueChoice, "entries due now: %d\n")
}

type queueDrop struct {
	adminFlags
	queueChoice
}

func (c *queueDrop) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.drop", c.queueChoice, "entries dropped: %d\n")
}

func (f adminFlags) onQueue(ctx context.Context, env *adminEnv, verb string, q queueChoice, format string) error {
	req, err := q.request()
	if err != nil {
		return err
	}
	var resp control.Count
	err = f.ask(ctx, env, control.Call{Verb: verb, Request: req, Response: &resp})
	return f.say(env, err, resp, format, resp.Count)
}
