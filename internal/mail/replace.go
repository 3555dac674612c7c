package mail

import (
	"context"
	"slices"
)

// Replace puts a letter into its one target and takes a message of this account
// out of a mailbox, in one commit (RFC 8508 §3). What is taken out goes the way
// of all that is removed: into the vault if it is nowhere else. Quotas see the
// net use (RFC 8508 §3.4). NotFound if uid is no more: nothing is stored then.
func (a *Account) Replace(ctx context.Context, from MailboxID, uid UID, letter Letter) (Placed, error) {
	if len(letter.To) != 1 {
		return Placed{}, fail(Invalid, "a message is replaced by one in one mailbox")
	}
	placed, err := a.s.deliver(ctx, []Letter{letter}, func(edits []*edit) error {
		mine := slices.IndexFunc(edits, func(e *edit) bool { return e.a.id == a.id })
		return edits[mine].replaced(ctx, from, uid)
	}, nil, a.id)
	if err != nil {
		return Placed{}, err
	}
	return placed[0][0], nil
}

// replaced removes one message that must be there.
func (e *edit) replaced(ctx context.Context, from MailboxID, uid UID) error {
	box, err := e.mailbox(ctx, from)
	if err != nil {
		return err
	}
	var items []Item
	if err := e.eachItem(ctx, from, []UID{uid}, func(i Item) { items = append(items, i) }); err != nil {
		return err
	}
	if len(items) == 0 {
		return &Error{Kind: NotFound, Text: "the message to be replaced is no longer there", Account: e.a.id}
	}
	victims, err := e.victims(ctx, box, items)
	if err != nil {
		return err
	}
	return e.removeAll(ctx, removal{e.box(from), victims})
}
