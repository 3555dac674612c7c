package main

import (
	"context"
	"io"
	"strings"
	"time"

	"tem/internal/control"
)

// settingsOf runs a verb about settings and prints them as they are then.
func (f adminFlags) settingsOf(ctx context.Context, env *adminEnv, verb string, request any) error {
	var resp control.Settings
	err := f.ask(ctx, env, control.Call{Verb: verb, Request: request, Response: &resp})
	return f.show(env, err, resp, func(w io.Writer) { printSettings(w, resp) })
}

func printSettings(w io.Writer, s control.Settings) {
	tableRow(w, "address", s.Address)
	tableRow(w, "forward", forwardText(s))
	tableRow(w, "blocked", blockedText(s))
	tableRow(w, "tags", tagsText(s))
	if s.Reply == nil {
		tableRow(w, "reply", "-")
		return
	}
	tableRow(w, "reply", periodText(*s.Reply))
	if s.Reply.Subject != "" {
		tableRow(w, "", "Subject: "+s.Reply.Subject)
	}
	for line := range strings.Lines(s.Reply.Text) {
		tableRow(w, "", strings.TrimRight(line, "\r\n"))
	}
}

func forwardText(s control.Settings) string {
	switch {
	case len(s.Forward) == 0:
		return "-"
	case s.Keep:
		return strings.Join(s.Forward, ", ") + ", with a copy here"
	}
	return strings.Join(s.Forward, ", ") + ", without a copy here"
}

func blockedText(s control.Settings) string {
	if s.Refuse {
		return orDash(strings.Join(s.Blocked, ", ")) + " (refused)"
	}
	return orDash(strings.Join(s.Blocked, ", "))
}

// tagsText is where mail to the address with a +tag goes.
func tagsText(s control.Settings) string {
	if s.Tags == control.TagsMailbox {
		return "into the mailbox that a tag names"
	}
	return "INBOX"
}

// periodText is when a reply is sent, and to whom.
func periodText(r control.Reply) string {
	text := "always"
	switch {
	case r.From != nil && r.Until != nil:
		text = "from " + timeText(*r.From) + " until " + timeText(*r.Until)
	case r.From != nil:
		text = "from " + timeText(*r.From)
	case r.Until != nil:
		text = "until " + timeText(*r.Until)
	}
	if r.Ours {
		text += ", to people of our domains"
	}
	return text
}

type accountSettings struct {
	adminFlags
	Address string `arg:"" help:"The address."`
	Tags    string `enum:",inbox,mailbox" default:"" placeholder:"WHERE" help:"Where mail to ADDRESS+TAG goes from now on: inbox, or mailbox: the one that the tag names, if there is one."`
}

func (accountSettings) Help() string {
	return `Examples:
  tem account settings linh@hanoi.example
  tem account settings linh@hanoi.example --tags mailbox     linh+work@hanoi.example is for the mailbox work`
}

func (c *accountSettings) Run(ctx context.Context, env *adminEnv) error {
	if c.Tags != "" {
		return c.settingsOf(ctx, env, "settings.tags", control.TagsSet{Address: c.Address, Tags: c.Tags})
	}
	return c.settingsOf(ctx, env, "settings.show", control.Address{Address: c.Address})
}

type accountForward struct {
	adminFlags
	Address string   `arg:"" help:"The address."`
	To      []string `placeholder:"ADDRESS" sep:"," help:"Where to (may be repeated); it replaces what was there."`
	Keep    bool     `xor:"keep" help:"Keep a copy here."`
	NoKeep  bool     `xor:"keep" help:"Keep no copy here."`
	Off     bool     `help:"Forward no more."`
}

func (accountForward) Help() string {
	return `Examples:
  tem account forward linh@hanoi.example --to linh@hue.example --keep
  tem account forward linh@hanoi.example --no-keep
  tem account forward linh@hanoi.example --off`
}

func (c *accountForward) Run(ctx context.Context, env *adminEnv) error {
	req := control.ForwardSet{Address: c.Address, To: c.To, Off: c.Off}
	if c.Keep || c.NoKeep {
		req.Keep = &c.Keep
	}
	switch change := len(c.To) > 0 || req.Keep != nil; {
	case c.Off && change:
		return usagef("account forward %s: --off goes with nothing else", c.Address)
	case !c.Off && !change:
		return usagef("account forward %s: nothing to change: give --to, --keep, --no-keep or --off", c.Address)
	}
	return c.settingsOf(ctx, env, "settings.forward", req)
}

type accountBlock struct {
	adminFlags
	Address  string   `arg:"" help:"The address."`
	Action   string   `arg:"" enum:"add,remove,list,junk,refuse" help:"add or remove senders, list them, or say what becomes of their mail: junk or refuse."`
	Patterns []string `arg:"" optional:"" name:"sender" help:"Addresses, and domains, which stand for all below them."`
}

func (accountBlock) Help() string {
	return `Examples:
  tem account block linh@hanoi.example add bob@mail.example spam.example
  tem account block linh@hanoi.example remove spam.example
  tem account block linh@hanoi.example refuse     rather than put their mail to junk`
}

func (c *accountBlock) Run(ctx context.Context, env *adminEnv) error {
	req := control.BlockSet{Address: c.Address}
	takes := false
	switch c.Action {
	case "list":
		return c.settingsOf(ctx, env, "settings.show", control.Address{Address: c.Address})
	case "add":
		req.Add, takes = c.Patterns, true
	case "remove":
		req.Remove, takes = c.Patterns, true
	default:
		refuse := c.Action == "refuse"
		req.Refuse = &refuse
	}
	if takes != (len(c.Patterns) > 0) {
		return usagef("account block %s %s: senders go with add and remove, and only with them", c.Address, c.Action)
	}
	return c.settingsOf(ctx, env, "settings.block", req)
}

type accountReply struct {
	adminFlags
	Address string `arg:"" help:"The address."`
	Subject string `placeholder:"TEXT" help:"The reply's subject (default: Auto: and that of the letter)."`
	Text    string `placeholder:"TEXT" xor:"text" help:"What it says."`
	File    string `placeholder:"FILE" xor:"text" help:"Read what it says from a file; - is standard input."`
	From    string `placeholder:"DATE" help:"When it begins."`
	Until   string `placeholder:"DATE" help:"When it ends."`
	Ours    bool   `help:"Answer only people of domains that are here."`
	Off     bool   `xor:"text" help:"Answer no more."`
}

func (accountReply) Help() string {
	return `Examples:
  tem account reply linh@hanoi.example --text "Tôi đi vắng đến thứ Hai." --until 2026-11-30
  tem account reply linh@hanoi.example --file away.txt --from 2026-12-20 --until 2027-01-04
  tem account reply linh@hanoi.example --off

Each sender is answered once a week; lists, programs and junk never are.`
}

// maxReplyFile is more than a reply may have, in octets.
const maxReplyFile = 64 << 10

func (c *accountReply) Run(ctx context.Context, env *adminEnv) error {
	req := control.ReplySet{Address: c.Address}
	if !c.Off {
		var err error
		if req.Reply, err = c.reply(env); err != nil {
			return err
		}
	}
	return c.settingsOf(ctx, env, "settings.reply", req)
}

func (c *accountReply) reply(env *adminEnv) (*control.Reply, error) {
	r := &control.Reply{Subject: c.Subject, Text: c.Text, Ours: c.Ours}
	if c.File != "" {
		text, err := readInput(env, c.File, maxReplyFile)
		if err != nil {
			return nil, err
		}
		r.Text = string(text)
	}
	if r.Text == "" {
		return nil, usagef("account reply %s: what should it say? Give --text, --file, or --off", c.Address)
	}
	var err error
	if r.From, err = dateOrNil(c.From); err != nil {
		return nil, err
	}
	r.Until, err = dateOrNil(c.Until)
	return r, err
}

func dateOrNil(s string) (*time.Time, error) {
	if s == "" {
		return nil, nil
	}
	t, err := parseDate(s)
	return &t, err
}
