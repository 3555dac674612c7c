package imapserver

import (
	"context"
	"strings"

	"tem/internal/wire/imap"
)

// Idle tells what happens until the client says DONE (RFC 9051 §6.3.13). While
// a second goroutine waits for that line, this one only writes.
func (s *session) Idle(ctx context.Context, _ *imap.Idle) error {
	moved, stop := s.account.Watch()
	defer stop()
	if err := s.c.WriteLine("+ idling"); err != nil {
		return err
	}
	if err := s.tellNow(ctx); err != nil {
		return err
	}
	type input struct {
		text string
		err  error
	}
	read := make(chan input, 1)
	go func() {
		text, err := s.c.ReadLine()
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
				if failed = s.tellNow(ctx); failed != nil || s.ended {
					s.c.Interrupt() // the reader is joined above
				}
			}
		}
	}
}

func (s *session) tellNow(ctx context.Context) error {
	if s.view != nil {
		if err := s.sync(ctx, true); err != nil {
			return err
		}
	}
	return s.c.Flush()
}
