package pop3server

import (
	"context"
	"errors"

	"tem/internal/directory"
	"tem/internal/mail"
)

// update carries out what was asked for: the marks of DELE (RFC 1939 §6), and
// what the account wants to become of collected messages. Both take a message
// out of the maildrop if they are to; where both speak of one, the account's
// wish says where it goes. docs/pop3.md has the table.
func (d *maildrop) update(ctx context.Context) error {
	var moved, removed, seen []mail.UID
	for i := range d.messages {
		switch m := &d.messages[i]; {
		case d.moves(m):
			moved = append(moved, m.uid)
		case m.is(deleted):
			removed = append(removed, m.uid)
		case m.is(collected) && d.account.POP.After == directory.POPRead:
			seen = append(seen, m.uid)
		}
	}
	return errors.Join(d.move(ctx, moved), d.remove(ctx, removed), d.read(ctx, seen))
}

// moves says whether a message goes to another mailbox: to the archive what was
// collected, to the trash also what was deleted unread.
func (d *maildrop) moves(m *entry) bool {
	switch d.account.POP.After {
	case directory.POPArchive:
		return m.is(collected)
	case directory.POPTrash:
		return m.is(collected | deleted)
	}
	return false
}

// leaves says whether collected messages leave the maildrop.
func leaves(p directory.POP) bool {
	return p.After == directory.POPArchive || p.After == directory.POPTrash
}

func (d *maildrop) move(ctx context.Context, uids []mail.UID) error {
	if len(uids) == 0 {
		return nil
	}
	to, err := d.target(ctx)
	if err != nil {
		return err
	}
	done, err := d.mail.Move(ctx, d.inbox.ID, uids, to)
	d.moved = len(done.From)
	return err
}

// target is the mailbox that messages go to. It is made if nobody has the use;
// a mailbox of its name without the use does as well.
func (d *maildrop) target(ctx context.Context) (string, error) {
	name, use := "Archive", `\Archive`
	if d.account.POP.After == directory.POPTrash {
		name, use = "Trash", `\Trash`
	}
	boxes, err := d.mail.Mailboxes(ctx)
	if err != nil {
		return "", err
	}
	for _, b := range boxes {
		if b.SpecialUse == use {
			return b.Name, nil
		}
	}
	_, err = d.mail.Create(ctx, name, use)
	var e *mail.Error
	if errors.As(err, &e) && e.Kind == mail.Exists {
		err = nil
	}
	return name, err
}

func (d *maildrop) remove(ctx context.Context, uids []mail.UID) error {
	if len(uids) == 0 {
		return nil
	}
	gone, err := d.mail.Remove(ctx, d.inbox.ID, uids)
	d.removed = len(gone)
	return err
}

func (d *maildrop) read(ctx context.Context, uids []mail.UID) error {
	if len(uids) == 0 {
		return nil
	}
	_, _, err := d.mail.Store(ctx, d.inbox.ID, uids, mail.AddFlags, mail.Seen, nil, 0)
	return err
}
