package imapserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tem/internal/wire/imap"
)

// A command that takes long tells now and then how far it is (RFC 9585). A
// client that has gone is noticed by that, and what it asked for ends.

// progressEvery is how often.
const progressEvery = 10 * time.Second

// pulse says from time to time that a command is at work.
type pulse struct {
	t     *turn
	lost  context.CancelCauseFunc
	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

// lasting runs what may take long.
func (t *turn) lasting(ctx context.Context, run func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &pulse{t: t, lost: cancel}
	p.mu.Lock()
	p.timer = time.AfterFunc(progressEvery, p.beat)
	p.mu.Unlock()
	err := run(ctx)
	p.stop()
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errLost) {
		return cause
	}
	return err
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if err := p.t.sayProgress(); err != nil {
		p.lost(fmt.Errorf("%w: %w", errLost, err))
		return
	}
	p.timer.Reset(progressEvery)
}

// stop ends the pulse; when it returns nothing more is said.
func (p *pulse) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.timer.Stop()
}

// progressed notes that so many of total are done (mail.SearchOptions.Progress).
func (t *turn) progressed(done, total int) {
	t.done.Store(int64(done))
	t.total.Store(int64(total))
}

// sayProgress tells how far the command is, if that is known, and sends it.
func (t *turn) sayProgress() error {
	tag := "NIL"
	if !strings.Contains(t.cmd.Tag, "]") { // which would end the response code for many a client
		tag = string(imap.AppendString(nil, t.cmd.Tag))
	}
	done, total := t.done.Load(), t.total.Load()
	state, text := "NIL NIL", "still at work"
	if done < total { // what follows is of unknown length
		state, text = fmt.Sprintf("%d %d", done, total), fmt.Sprintf("%d of %d", done, total)
	}
	if err := t.say("* OK [INPROGRESS (%s %s)] %s", tag, state, text); err != nil {
		return err
	}
	return t.flush()
}

// lasts reports whether a command can take long without a word of its own.
func lasts(args any) bool {
	switch args.(type) {
	case *imap.Search, *imap.ESearch, *imap.Sort, *imap.Thread, *imap.Fetch, *imap.Store, *imap.Copy, *imap.Expunge:
		return true
	}
	return false
}
