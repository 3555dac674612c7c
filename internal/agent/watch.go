package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"time"

	"tem/internal/wire/imap/imapclient"
)

const pollEvery = time.Minute // where the server has no IDLE

// Watch prints each message that arrives until ctx ends; command, if any, is
// run for each with TEM_ID, TEM_FROM and TEM_SUBJECT in its environment.
func (e *Env) Watch(ctx context.Context, command string) error {
	b, err := e.folder(ctx, true)
	if err != nil {
		return err
	}
	defer b.Close()
	last, err := b.highest(ctx)
	if err != nil {
		return coded(err)
	}
	e.sayf("Watching %s of %s; Ctrl-C ends it.", b.Selected(), b.account.Address)
	for {
		if err := b.await(ctx); err != nil {
			return ended(ctx, err)
		}
		if last, err = e.arrivals(ctx, b, last, command); err != nil {
			return ended(ctx, err)
		}
	}
}

// ended makes the end that a person asked for no error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return coded(err)
}

// highest is the greatest UID in the folder, 0 if it is empty.
func (b *inbox) highest(ctx context.Context) (uint32, error) {
	uids, err := b.Search(ctx, "UID", "*")
	if err != nil || len(uids) == 0 {
		return 0, err
	}
	return uids[len(uids)-1], nil
}

// await returns when there may be news.
func (b *inbox) await(ctx context.Context) error {
	err := b.Idle(ctx)
	if !errors.Is(err, imapclient.ErrNoIdle) {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return b.Noop(ctx)
	}
}

// arrivals shows the messages above last and returns the new highest UID.
func (e *Env) arrivals(ctx context.Context, b *inbox, last uint32, command string) (uint32, error) {
	uids, err := b.Search(ctx, "UID", fmt.Sprintf("%d:*", last+1))
	if err != nil {
		return last, err
	}
	for len(uids) > 0 && uids[0] <= last { // n:* names the last message even when it is below n
		uids = uids[1:]
	}
	if len(uids) == 0 {
		return last, nil
	}
	all, err := b.summaries(ctx, uids)
	if err != nil {
		return last, err
	}
	for _, m := range all {
		if err := e.announce(ctx, m, command); err != nil {
			return last, err
		}
	}
	return uids[len(uids)-1], nil
}

func (e *Env) announce(ctx context.Context, m Listed, command string) error {
	var err error
	if e.JSON {
		err = e.printJSON(m)
	} else {
		_, err = fmt.Fprintf(e.Out, "%d\t%s\t%s\n", m.ID, visible(m.From), visible(m.Subject))
	}
	if err != nil || command == "" {
		return err
	}
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.Env = append(c.Environ(), "TEM_ID="+strconv.Itoa(int(m.ID)), "TEM_FROM="+visible(m.From), "TEM_SUBJECT="+visible(m.Subject))
	c.Stdout, c.Stderr = e.Out, e.Err
	if err := c.Run(); err != nil {
		e.sayf("--exec for message %d: %v", m.ID, err)
	}
	return nil
}

func readAll(r io.Reader) string {
	raw, _ := io.ReadAll(r) // what could be read is what there is
	return string(raw)
}
