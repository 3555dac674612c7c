package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tem/internal/control"
)

type accountDeleted struct {
	adminFlags
	Address string `arg:"" help:"The address."`
}

func (accountDeleted) Help() string {
	return `What was removed stays for the time that [keep] deleted in the configuration
says, 14 days if it says nothing.

Example:
  tem account deleted linh@hanoi.example`
}

func (c *accountDeleted) Run(ctx context.Context, env *adminEnv) error {
	var resp control.DeletedList
	err := c.ask(ctx, env, control.Call{
		Verb: "account.deleted", Request: control.Address{Address: c.Address}, Response: &resp,
	})
	return c.show(env, err, resp, func(w io.Writer) {
		if !resp.Kept {
			tableRow(w, "what is removed from now on is not kept: [keep] deleted is 0s")
		}
		if len(resp.Messages) == 0 {
			tableRow(w, "nothing can be brought back")
			return
		}
		tableRow(w, "ID", "REMOVED", "FROM MAILBOX", "SIZE", "FROM", "SUBJECT")
		for _, m := range resp.Messages {
			tableRow(w, m.ID, timeText(m.Removed), m.Mailbox, sizeText(m.Size), orDash(m.From), orDash(m.Subject))
		}
	})
}

type accountRestore struct {
	adminFlags
	Address string   `arg:"" help:"The address."`
	IDs     []uint64 `arg:"" optional:"" name:"id" help:"The messages' ids, as deleted shows them."`
	All     bool     `help:"All messages that can be brought back."`
	Since   string   `placeholder:"DATE" help:"All that were removed on this day or later (2026-11-23), or after a moment (2026-11-23T14:00)."`
}

func (accountRestore) Help() string {
	return `A message comes back into the mailbox it was removed from, as a new one, or into
INBOX if that mailbox is gone.

Examples:
  tem account restore linh@hanoi.example 17 18
  tem account restore linh@hanoi.example --since 2026-11-23
  tem account restore linh@hanoi.example --all`
}

func (c *accountRestore) Run(ctx context.Context, env *adminEnv) error {
	req, err := c.request()
	if err != nil {
		return err
	}
	bar := &progressBar{w: env.Err, what: "messages", on: isTerminal(env.Err)}
	var resp control.Restored
	err = c.ask(ctx, env, control.Call{Verb: "account.restore", Request: req, Response: &resp, Progress: bar.show})
	bar.clear()
	return c.say(env, err, resp, "%s", restoredText(resp))
}

// request is what is meant; exactly one of the three ways must be given.
func (c *accountRestore) request() (control.Restore, error) {
	req := control.Restore{Address: c.Address, IDs: c.IDs, All: c.All}
	ways := 0
	for _, given := range []bool{len(c.IDs) > 0, c.All, c.Since != ""} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return req, usagef("which messages? Give their ids, or --since DATE, or --all")
	}
	var err error
	if c.Since != "" {
		req.Since, err = parseDate(c.Since)
	}
	return req, err
}

// parseDate reads a day, or a moment, of the local time zone.
func parseDate(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Time{}, usagef("%q is not a date: write 2026-11-23 or 2026-11-23T14:00", s)
}

// restoredText says how many messages went into which mailboxes.
func restoredText(r control.Restored) string {
	if len(r.Messages) == 0 {
		return fmt.Sprintf("%s: there was nothing to bring back\n", r.Address)
	}
	counts := make(map[string]int)
	for _, m := range r.Messages {
		counts[m.Mailbox]++
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&text, "%s: brought back into %s: %d\n", r.Address, cleanCell(name), counts[name])
	}
	return text.String()
}
