package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tem/internal/control"
)

type storeCommand struct {
	Info  storeInfo  `cmd:"" help:"Say where the store is and how much it holds."`
	Check storeCheck `cmd:"" help:"Compare everything in the store with everything else."`
}

func (storeCommand) Help() string {
	return `Examples:
  tem store info
  tem store check                            all of it; the server may run meanwhile
  tem store check --quick                    without reading every letter
  tem store check --repair                   and make right what can be made right
  tem store check --resume                   go on after Ctrl-C
  tem store check --account linh@hanoi.example`
}

type storeInfo struct{ adminFlags }

func (c *storeInfo) Run(ctx context.Context, env *adminEnv) error {
	var resp control.StoreInfo
	err := c.ask(ctx, env, control.Call{Verb: "store.info", Request: control.Nothing{}, Response: &resp})
	return c.show(env, err, resp, func(w io.Writer) { printStoreInfo(w, resp) })
}

func printStoreInfo(w io.Writer, i control.StoreInfo) {
	format := fmt.Sprint(i.Format)
	if i.Migrating {
		format += ", on its way from an older one: the running server is at it"
	}
	accounts := fmt.Sprint(i.Accounts)
	if i.Removing > 0 {
		accounts += fmt.Sprintf(", and %d being removed", i.Removing)
	}
	tableRow(w, "rows", placeText(i.Rows, i.RowsSize))
	tableRow(w, "bodies", placeText(i.Bodies, i.BodiesSize))
	tableRow(w, "format", format)
	tableRow(w, "accounts with mail", accounts)
	tableRow(w, "messages", fmt.Sprintf("%d (%s)", i.Messages, sizeText(i.Bytes)))
	tableRow(w, "removed, kept for now", fmt.Sprintf("%d (%s)", i.DeletedMessages, sizeText(i.DeletedBytes)))
}

// placeText is a place, with its size if that is known.
func placeText(place string, size int64) string {
	if size == 0 {
		return place
	}
	return fmt.Sprintf("%s (%s)", place, sizeText(size))
}

// sizeText is a number of octets for people, with one decimal place.
func sizeText(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprint(n)
	}
	v, i := float64(n)/1024, 0
	for ; v >= 999.95 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.1f%c", v, units[i])
}

type storeCheck struct {
	adminFlags
	Repair  bool   `help:"Make right what can be made again from what is there."`
	Quick   bool   `help:"Do not read the letters to compare them with their hashes."`
	Resume  bool   `xor:"part" help:"Go on where the last check was stopped."`
	Account string `xor:"part" placeholder:"ADDRESS" help:"Only the mail of this account."`
}

func (storeCheck) Help() string {
	return `Each problem is printed on a line as it is found; with --json, as one object a
line before the summary. The exit code is 0 if all is well or was repaired, and 1
if problems are left.`
}

// Run ends with 1 if there are problems that were not repaired.
func (c *storeCheck) Run(ctx context.Context, env *adminEnv) error {
	bar := &progressBar{w: env.Err, what: "messages", on: isTerminal(env.Err)}
	var sum control.StoreChecked
	err := c.ask(ctx, env, control.Call{
		Verb:     "store.check",
		Request:  control.StoreCheck{Repair: c.Repair, Quick: c.Quick, Resume: c.Resume, Account: c.Account},
		Response: &sum,
		Progress: bar.show,
		Found:    func(line json.RawMessage) { bar.clear(); c.printProblem(env, line) },
	})
	bar.clear()
	if ctx.Err() != nil {
		return c.stopped()
	}
	if err := c.say(env, err, sum, "%s", summary(sum)); err != nil {
		return err
	}
	if left := sum.Problems - sum.Repaired; left > 0 {
		return failf("problems left: %d%s", left, c.advice(sum))
	}
	return nil
}

func (c *storeCheck) stopped() error {
	if c.Account != "" {
		return failf("the check was stopped before its end")
	}
	return failf("the check was stopped before its end: --resume goes on there")
}

// advice says what can be done about the problems that are left.
func (c *storeCheck) advice(sum control.StoreChecked) string {
	switch {
	case sum.Lost == sum.Problems-sum.Repaired:
		return ": what is missing can only come from a copy of the store"
	case !c.Repair:
		return "; --repair makes right what can be made right"
	}
	return ""
}

// printProblem prints one problem: as it came for --json, else on a line.
func (c *storeCheck) printProblem(env *adminEnv, line json.RawMessage) {
	if c.JSON {
		fmt.Fprintf(env.Out, "%s\n", line)
		return
	}
	var p control.Problem
	if json.Unmarshal(line, &p) != nil {
		p.Text = "something that this version of tem does not know"
	}
	text := p.Text
	if p.Account != "" {
		text = p.Account + ": " + text
	}
	switch {
	case p.Repaired:
		text += " (repaired)"
	case p.Lost:
		text += " (lost)"
	}
	fmt.Fprintln(env.Out, cleanCell(text))
}

func summary(s control.StoreChecked) string {
	text := fmt.Sprintf("looked at: %d messages of %d accounts, %d letters read\n", s.Messages, s.Accounts, s.Bodies)
	if s.Problems == 0 {
		return text + "all is well\n"
	}
	return text + fmt.Sprintf("problems: %d, repaired: %d, lost: %d\n", s.Problems, s.Repaired, s.Lost)
}

// progressBar is one line on a terminal that says how far something is.
type progressBar struct {
	w     io.Writer
	what  string
	on    bool // the writer is a terminal
	shown bool
	last  time.Time
}

const barWidth = 30

// show says how far it is; a total of 0 is not known.
func (b *progressBar) show(done, total int) {
	now := time.Now()
	if !b.on || (total <= 0 || done < total) && now.Sub(b.last) < 100*time.Millisecond {
		return
	}
	b.last, b.shown = now, true
	if total <= 0 {
		fmt.Fprintf(b.w, "\r%d %s", done, b.what)
		return
	}
	fmt.Fprintf(b.w, "\r[%s] %d of %d %s", bar(done, total), done, total, b.what)
}

// bar is how much of total is done, as barWidth characters.
func bar(done, total int) string {
	full := int(int64(barWidth) * int64(min(done, total)) / int64(total))
	text := make([]byte, barWidth)
	for i := range text {
		text[i] = ' '
		if i < full {
			text[i] = '='
		}
	}
	return string(text)
}

// clear takes the line away, for another to stand there.
func (b *progressBar) clear() {
	if b.shown {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.shown = false
	}
}
