package imapserver

import (
	"context"

	"tem/internal/wire/imap"
)

// The commands that take a line or two; the others have files of their own.

func (t *turn) Noop(context.Context, *imap.Noop) error   { return nil }
func (t *turn) Check(context.Context, *imap.Check) error { return nil }

func (t *turn) Logout(context.Context, *imap.Logout) error {
	t.ended, t.view = true, nil
	return t.say("* BYE see you")
}

func (t *turn) Unselect(context.Context, *imap.Unselect) error {
	t.deselect()
	return nil
}
