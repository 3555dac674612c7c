package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tem/internal/config"
	"tem/internal/control"
)

type accountImport struct {
	adminFlags
	File string `arg:"" help:"The CSV file; - is standard input."`
}

func (accountImport) Help() string {
	return `The columns are address, password, name and quota; the last two may be left out.
A first line may name the columns, then in any order. The whole file is checked
before anything is done: if one line is bad, nobody is added.

Example of a file:
  address,password,name,quota
  linh@hanoi.example,correct-horse-battery,Nguyễn Thùy Linh,2G
  minh@hanoi.example,staple-of-the-delta`
}

func (c *accountImport) Run(ctx context.Context, env *adminEnv) error {
	data, err := readInput(env, c.File, control.MaxImport)
	if err != nil {
		return err
	}
	var resp control.Imported
	err = c.ask(ctx, env, control.Call{
		Verb: "account.import", Request: control.AccountImport{CSV: data}, Response: &resp, Progress: progressLine(env),
	})
	if err != nil || len(resp.Bad) == 0 {
		return c.say(env, err, resp, "accounts added: %d\n", resp.Added)
	}
	if c.JSON {
		if err := json.NewEncoder(env.Out).Encode(resp); err != nil {
			return err
		}
	} else {
		printBad(env.Err, c.File, resp)
	}
	return failf("%s: nothing was changed: bad lines: %d", c.File, len(resp.Bad)+resp.More)
}

func printBad(w io.Writer, file string, resp control.Imported) {
	for _, b := range resp.Bad {
		where := file
		if b.Line > 0 {
			where = fmt.Sprintf("%s:%d", file, b.Line)
		}
		fmt.Fprintf(w, "%s: %s\n", where, cleanCell(b.Why))
	}
	if resp.More > 0 {
		fmt.Fprintf(w, "%s: and %d more\n", file, resp.More)
	}
}

// progressLine shows on a terminal how far a call is.
func progressLine(env *adminEnv) control.Progress {
	if !isTerminal(env.Err) {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(env.Err, "\r%d of %d passwords hashed", done, total)
		if done == total {
			fmt.Fprintln(env.Err)
		}
	}
}

// readInput reads a file, or standard input for -, of at most max bytes.
func readInput(env *adminEnv, name string, max int64) ([]byte, error) {
	r := env.In
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, failf("read %s: %w", name, err)
	}
	if int64(len(data)) > max {
		return nil, failf("%s has more than %s", name, config.Size(max))
	}
	return data, nil
}
