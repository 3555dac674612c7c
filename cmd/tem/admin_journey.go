package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tem/internal/config"
	"tem/internal/control"
)

type journeyCommand struct {
	adminFlags
	What     string          `arg:"" help:"The message's id (\"queued as\"), an address, a Message-ID, or a session."`
	Since    config.Duration `placeholder:"2d" help:"Nothing older: 90m, 12h, 2d (default: all that is remembered)."`
	Limit    int             `default:"20" help:"At most so many messages, the newest."`
	Dialogue bool            `help:"Show every dialogue, not only of what failed."`
	Lang     string          `enum:"en,vi" default:"en" help:"Language of the answers: en or vi."`
}

func (journeyCommand) Help() string {
	return `Examples:
  tem journey 01JDCAQ5N9T3V8ZK2M7R4W6XYB
  tem journey an@hanoi.example --since 2d
  tem journey "<CAMcHxi3Z@mail.hanoi.example>" --dialogue --lang vi

Exit code 3: nothing is remembered of that.`
}

func (c *journeyCommand) Run(ctx context.Context, env *adminEnv) error {
	if c.Limit < 1 {
		return usagef("--limit %d: it must be at least 1", c.Limit)
	}
	q := control.JourneyQuery{Text: c.What, Limit: c.Limit, Lang: c.Lang}
	if c.Since > 0 {
		q.Since = time.Now().Add(-time.Duration(c.Since))
	}
	var resp control.Journeys
	err := c.ask(ctx, env, control.Call{Verb: "journey", Request: q, Response: &resp})
	if err != nil || c.JSON {
		return c.say(env, err, resp, "")
	}
	out := bufio.NewWriter(env.Out)
	p := journeyPrinter{out, journeyWordsIn(c.Lang), c.Dialogue}
	for i := range resp.Trips {
		p.trip(&resp.Trips[i])
	}
	if resp.Lost > 0 {
		p.line(p.lost, resp.Lost)
	}
	return out.Flush()
}

// journeyPrinter writes journeys for people. What others said is cleaned of
// what a terminal obeys.
type journeyPrinter struct {
	w io.Writer
	journeyWords
	dialogues bool
}

// journeyWords are the words around a journey in one language.
type journeyWords struct{ why, reply, turn, next, until, lost string }

func journeyWordsIn(lang string) journeyWords {
	if lang == "vi" {
		return journeyWords{"Vì sao:", "Phản hồi:", "Đến lượt:", "Việc cần làm:", "Thử lại lúc:", "Có %d sự kiện không kịp ghi lại: nhật ký có chỗ trống."}
	}
	return journeyWords{"Why:", "Reply:", "Whose move:", "What to do:", "Tried again:", "%d events could not be written down: there are gaps."}
}

// line writes one line, cleaned.
func (p journeyPrinter) line(format string, args ...any) {
	io.WriteString(p.w, cleanCell(fmt.Sprintf(format, args...))+"\n")
}

func (p journeyPrinter) trip(t *control.JourneyTrip) {
	p.line("%s  %s -> %s  %s", cmp.Or(t.ID, "session "+t.Session), fromText(t.From), strings.Join(t.To, ", "), t.MessageID)
	for i := range t.Answers {
		p.answer(&t.Answers[i])
	}
	for i := range t.Events {
		p.event(&t.Events[i], t.Events[0].Time)
	}
	if len(t.Links) > 0 {
		p.line("  see also %s", strings.Join(t.Links, " "))
	}
	p.line("")
}

func (p journeyPrinter) answer(a *control.JourneyAnswer) {
	p.line("  %s: %s", cmp.Or(a.To, "-"), a.What)
	p.labelled(p.why, a.Why)
	if a.State != "delivered" {
		p.labelled(p.reply, a.Reply)
	}
	p.labelled(p.turn, a.Whose)
	p.labelled(p.next, a.Next)
	if !a.Until.IsZero() {
		p.labelled(p.until, timeText(a.Until))
	}
}

func (p journeyPrinter) labelled(label, text string) {
	if text != "" {
		p.line("    %s %s", label, text)
	}
}

// event writes one step, with the time since the first.
func (p journeyPrinter) event(e *control.JourneyEvent, start time.Time) {
	at := sinceText(e.Time.Sub(start))
	if e.Time.Equal(start) {
		at = e.Time.Local().Format("2006-01-02 15:04:05")
	}
	p.line("  %-19s  %-9s %s", at, e.Kind, strings.Join(eventParts(e), "  "))
	for l := range strings.Lines(e.Verdict) {
		p.line("%32s| %s", "", strings.TrimRight(l, "\r\n"))
	}
	failed := []string{"refused", "deferred", "failed"}
	bad := slices.Contains(failed, e.Kind) || e.Kind == "attempted" && !strings.HasPrefix(e.Reply, "2")
	if p.dialogues || bad {
		for l := range strings.Lines(e.Dialogue) {
			p.line("      %s", strings.TrimRight(l, "\r\n"))
		}
	}
}

// eventParts are what is known of a step.
func eventParts(e *control.JourneyEvent) (parts []string) {
	add := func(format, text string) {
		if text != "" {
			parts = append(parts, fmt.Sprintf(format, text))
		}
	}
	add("%s", e.Remote)
	add("(%s)", e.Hello)
	add("login %s", e.Login)
	add("to %s", strings.Join(e.To, ", "))
	add("in %s", e.Mailbox)
	add("%s", e.TLS)
	add("policy %s", e.Policy)
	if e.Size > 0 {
		add("%s octets", fmt.Sprint(e.Size))
	}
	if e.Took > 0 {
		add("took %s", e.Took.Round(time.Millisecond).String())
	}
	add("%s", e.Reply)
	if !strings.Contains(e.Reply, e.Reason) {
		add("(%s)", e.Reason)
	}
	if !e.Next.IsZero() {
		add("next %s", timeText(e.Next))
	}
	add("-> %s", e.Link)
	return parts
}

// sinceText is a time after the first event: +0.3 s, +12 min, +2 h 5 min, +3 d 4 h.
func sinceText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("+%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("+%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("+%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("+%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}
