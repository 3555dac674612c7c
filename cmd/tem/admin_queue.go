package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"tem/internal/control"
)

type queueCommand struct {
	List    queueList    `cmd:"" help:"List what waits."`
	Show    queueShow    `cmd:"" help:"Show one entry with its recipients and their last outcome."`
	Stats   queueStats   `cmd:"" help:"Count what waits, by domain."`
	Retry   queueRetry   `cmd:"" help:"Try entries again now, also held ones."`
	Hold    queueHold    `cmd:"" help:"Do not try entries until they are released. Their time runs on."`
	Release queueRelease `cmd:"" help:"Try held entries again."`
	Reroute queueReroute `cmd:"" help:"Send entries another way."`
	Bounce  queueBounce  `cmd:"" help:"Give entries up now and tell their senders."`
	Drop    queueDrop    `cmd:"" help:"Remove entries without a report to their senders."`
}

func (queueCommand) Help() string {
	return `Examples:
  tem queue list --domain example.com --older 2h
  tem queue stats
  tem queue retry --all
  tem queue hold --from someone@example.org
  tem queue reroute --domain example.com --way relay.example.net:25
  tem queue drop 01JDCAQ5N9T3V8ZK2M7R4W6XYB-0`
}

type queueList struct {
	adminFlags
	queueFilter
	After string `help:"Only entries after the one with this id." placeholder:"ID"`
	Limit int    `help:"At most so many; 0 for all." default:"1000"`
}

func (c *queueList) Run(ctx context.Context, env *adminEnv) error {
	req := c.choice()
	req.After, req.Limit = c.After, c.Limit
	var resp control.Entries
	err := c.look(ctx, env, control.Call{Verb: "queue.list", Request: req, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) {
		if len(resp.Entries) == 0 {
			tableRow(w, "the queue is empty")
			return
		}
		tableRow(w, "ID", "FROM", "FOR", "OCTETS", "TRIES", "NEXT", "LAST OUTCOME")
		for _, e := range resp.Entries {
			tableRow(w, e.ID, fromText(e.From), forText(e),
				e.Size, e.Attempts, nextText(e), orDash(e.Last))
		}
		if n := len(resp.Entries); n == c.Limit {
			tableRow(w, "there may be more: --after "+resp.Entries[n-1].ID)
		}
	})
}

// forText is how many recipients an entry has, and where they are.
func forText(e control.Entry) string {
	if e.Domain == "" {
		return fmt.Sprintf("%d here", len(e.Recipients))
	}
	return fmt.Sprintf("%d at %s", len(e.Recipients), e.Domain)
}

// nextText is when an entry is tried next.
func nextText(e control.Entry) string {
	if e.Held {
		return "held"
	}
	return timeText(e.Next)
}

type queueStats struct {
	adminFlags
	Limit int `help:"At most so many domains; 0 for all." default:"50"`
}

func (c *queueStats) Run(ctx context.Context, env *adminEnv) error {
	var resp control.QueueStats
	err := c.ask(ctx, env, control.Call{Verb: "queue.stats", Request: control.Choice{Limit: c.Limit}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) {
		tableRow(w, "DOMAIN", "ENTRIES", "DUE", "NEXT")
		for _, d := range resp.Domains {
			tableRow(w, orDash(d.Domain), d.Count, d.Due, timeText(d.Next))
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
	tableRow(w, "next try", nextText(e))
	tableRow(w, "given up", timeText(e.Expires))
	tableRow(w, "tries", e.Attempts)
	tableRow(w, "last", orDash(e.Last))
	if e.Route != "" {
		tableRow(w, "by way of", e.Route)
	}
	if e.Priority != 0 {
		tableRow(w, "priority", e.Priority)
	}
	if !e.By.IsZero() {
		tableRow(w, "wanted by", timeText(e.By))
	}
	if !e.Release.IsZero() {
		tableRow(w, "not before", timeText(e.Release))
	}
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

// queueFilter is what entries must have in common.
type queueFilter struct {
	Domain string        `help:"Those for this domain."`
	From   string        `help:"Those from this address, or domain; <> for reports." placeholder:"ADDRESS"`
	To     string        `help:"Those with this recipient." placeholder:"ADDRESS"`
	Older  time.Duration `help:"Those that have waited for so long: 2h30m." placeholder:"TIME"`
	Held   bool          `help:"Those that are held."`
}

func (f *queueFilter) choice() control.Choice {
	c := control.Choice{Domain: f.Domain, From: f.From, To: f.To, Held: f.Held}
	if f.Older > 0 {
		c.Before = time.Now().Add(-f.Older)
	}
	return c
}

// queueChoice is which entries a verb means.
type queueChoice struct {
	queueFilter
	IDs []string `arg:"" optional:"" name:"id" help:"The entries' ids, as list shows them."`
	All bool     `help:"All entries."`
}

func (q *queueChoice) request() (control.Choice, error) {
	c := q.choice()
	c.IDs, c.All = q.IDs, q.All
	if some := len(q.IDs) > 0 || q.queueFilter != (queueFilter{}); q.All == some {
		return c, usagef("which entries? Give their ids, or what they have in common (--domain, --from, --to, --older, --held), or --all")
	}
	return c, nil
}

type queueRetry struct {
	adminFlags
	queueChoice
}

func (c *queueRetry) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.retry", c.queueChoice, "", "entries due now: %d\n")
}

type queueHold struct {
	adminFlags
	queueChoice
}

func (c *queueHold) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.hold", c.queueChoice, "", "entries held: %d\n")
}

type queueRelease struct {
	adminFlags
	queueChoice
}

func (c *queueRelease) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.release", c.queueChoice, "", "entries released: %d\n")
}

type queueBounce struct {
	adminFlags
	queueChoice
}

func (c *queueBounce) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.bounce", c.queueChoice, "", "entries given up: %d\n")
}

type queueDrop struct {
	adminFlags
	queueChoice
}

func (c *queueDrop) Run(ctx context.Context, env *adminEnv) error {
	return c.onQueue(ctx, env, "queue.drop", c.queueChoice, "", "entries dropped: %d\n")
}

type queueReroute struct {
	adminFlags
	queueChoice
	Way string `required:"" help:"A relay of the configuration, HOST:PORT, mx for the domain's own servers, or configured." placeholder:"WAY"`
}

func (c *queueReroute) Run(ctx context.Context, env *adminEnv) error {
	way := c.Way
	if way == "configured" {
		way = ""
	}
	return c.onQueue(ctx, env, "queue.reroute", c.queueChoice, way, "entries rerouted: %d\n")
}

func (f adminFlags) onQueue(ctx context.Context, env *adminEnv, verb string, q queueChoice, route, format string) error {
	req, err := q.request()
	if err != nil {
		return err
	}
	req.Route = route
	var resp control.Count
	err = f.look(ctx, env, control.Call{Verb: verb, Request: req, Response: &resp})
	return f.say(env, err, resp, format, resp.Count)
}

// look asks for what may have to look at each entry; what takes more than a
// second says on a terminal how many it was.
func (f adminFlags) look(ctx context.Context, env *adminEnv, call control.Call) error {
	bar := &progressBar{w: env.Err, what: "entries looked at", on: isTerminal(env.Err), last: time.Now().Add(time.Second)}
	defer bar.clear()
	call.Progress = bar.show
	return f.ask(ctx, env, call)
}
