package imapserver

import (
	"context"
	"strings"

	"tem/internal/wire/imap"
)

// Idle tells what happens until the client says DONE (RFC 9051 §6.3.13). While
// a second goroutine waits for that line, this one only writes.
func (t *turn) Idle(ctx context.Context, _ *imap.Idle) error {
	moved, stop := t.account.Watch()
	defer stop()
	if err := t.c.WriteLine("+ idling"); err != nil {
		return err
	}
	if err := t.tellNow(ctx); err != nil {
		return err
	}
	type input struct {
		text string
		err  error
	}
	read := make(chan input, 1)
	go func() {
		text, err := t.c.ReadLine()
		read <- input{string(text), err}
	}()
	var failed error
	for {
		select {
		case in := <-read:
			if in.err != nil {
				return in.err
			}
			if failed == nil && !strings.EqualFold(in.text, "DONE") {
				failed = bad("expected DONE")
			}
			return failed
		case <-moved:
			if failed == nil {
				if failed = t.tellNow(ctx); failed != nil || t.ended {
					t.c.Interrupt() // the reader is joined above
				}
			}
		}
	}
}

func (t *turn) tellNow(ctx context.Context) error {
	if t.view != nil {
		if err := t.sync(ctx, true); err != nil {
			return err
		}
	}
	return t.c.Flush()
}
