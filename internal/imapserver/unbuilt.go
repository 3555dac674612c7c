package imapserver

import (
	"context"

	"tem/internal/wire/imap"
)

// What the wire understands and this server does not do yet. None of it is
// advertised.

var errUnbuilt = bad("not available yet")

// unbuilt refuses a command that is known, for what it asks beyond what the server does.
func unbuilt(args any) error {
	asks := false
	switch c := args.(type) {
	case *imap.Search:
		asks = unbuiltReturn(c.Return)
	case *imap.Sort:
		asks = unbuiltReturn(c.Return)
	case *imap.ESearch:
		asks = unbuiltReturn(c.Return)
	}
	if asks {
		return errUnbuilt
	}
	return nil
}

func unbuiltReturn(r *imap.Return) bool { return r != nil && r.UpdateItems != nil }

func (t *turn) Notify(context.Context, *imap.Notify) error { return errUnbuilt }
