package main

import (
	"fmt"
	"time"

	"tem/internal/mail"
)

// edited is how many messages are flagged, moved and expunged at once.
const edited = 10000

// some is the first n messages.
func (m *measured) some(n int) []mail.UID { return m.uids[:min(n, len(m.uids))] }

// wrote is took for a change: the floor is its commit appended and synced.
func (m *measured) wrote(what string, n int, fn func() error) error {
	before := m.engine.octets.Load()
	return m.took(what, n, func() (int64, error) { return 0, fn() }, func(int64) (time.Duration, error) {
		return m.bench.syncOnce(m.engine.octets.Load() - before)
	})
}

// flags gives and takes a flag.
func (m *measured) flags() error {
	uids := m.some(edited)
	for _, op := range []struct {
		what string
		op   mail.FlagOp
	}{{"flag", mail.AddFlags}, {"unflag", mail.RemoveFlags}} {
		err := m.wrote(fmt.Sprintf("%s %d", op.what, len(uids)), len(uids), func() error { return m.flag(uids, op.op) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *measured) flag(uids []mail.UID, op mail.FlagOp) error {
	changed, _, err := m.a.Store(m.bench.ctx, m.id, uids, op, mail.Flagged, nil, 0)
	if err == nil && len(changed) != len(uids) {
		err = fmt.Errorf("%d messages have other flags, not %d", len(changed), len(uids))
	}
	return err
}

// changes asks for what is new when nothing is, and after small and large edits.
func (m *measured) changes() error {
	box, _, err := m.a.List(m.bench.ctx, m.id)
	if err != nil {
		return err
	}
	if err := m.since("changes: none, 1000 times", 1000, box.HighestModSeq, 0); err != nil {
		return err
	}
	for _, uids := range [][]mail.UID{m.some(100), m.some(edited)} {
		if err := m.flag(uids, mail.AddFlags); err != nil {
			return err
		}
		if err := m.since(fmt.Sprintf("changes: %d", len(uids)), 1, box.HighestModSeq, len(uids)); err != nil {
			return err
		}
		if err := m.flag(uids, mail.RemoveFlags); err != nil {
			return err
		}
		if box, err = m.a.MailboxByID(m.bench.ctx, m.id); err != nil {
			return err
		}
	}
	return nil
}

// since asks times times; want is how many changes there are.
func (m *measured) since(what string, times int, since mail.ModSeq, want int) error {
	return m.took(what, max(times, want), func() (int64, error) {
		for range times {
			d, err := m.a.Changes(m.bench.ctx, m.id, since)
			if err != nil {
				return 0, err
			}
			if len(d.Changed) != want {
				return 0, fmt.Errorf("%d changes, not %d", len(d.Changed), want)
			}
		}
		return 0, nil
	}, nil)
}

// transfers copies messages, moves the copies on and takes these away.
func (m *measured) transfers() error {
	boxes, err := m.a.Mailboxes(m.bench.ctx)
	if err != nil {
		return err
	}
	var copied, moved mail.Copied
	uids := m.some(edited)
	err = m.wrote(fmt.Sprintf("copy %d", len(uids)), len(uids), func() (err error) {
		copied, err = m.a.Copy(m.bench.ctx, m.id, uids, "Archive")
		return err
	})
	if err != nil {
		return err
	}
	err = m.wrote(fmt.Sprintf("move %d", len(uids)), len(uids), func() (err error) {
		moved, err = m.a.Move(m.bench.ctx, numbered(boxes, "Archive"), copied.To, "Junk")
		return err
	})
	if err != nil {
		return err
	}
	return m.wrote(fmt.Sprintf("expunge %d copies", len(uids)), len(uids), func() error {
		return m.remove(numbered(boxes, "Junk"), moved.To)
	})
}

func (m *measured) remove(id mail.MailboxID, uids []mail.UID) error {
	gone, err := m.a.Remove(m.bench.ctx, id, uids)
	if err == nil && len(gone) != len(uids) {
		err = fmt.Errorf("%d messages are gone, not %d", len(gone), len(uids))
	}
	return err
}

// expunge takes away messages that are nowhere else, new ones each time.
func (m *measured) expunge() error {
	n := min(edited, len(m.uids))
	if err := m.pour(m.account, n, m.size, mail.Target{Mailbox: "Trash", Flags: mail.Deleted}); err != nil {
		return err
	}
	boxes, err := m.a.Mailboxes(m.bench.ctx)
	if err != nil {
		return err
	}
	return m.wrote(fmt.Sprintf("expunge %d", n), n, func() error {
		gone, err := m.a.Expunge(m.bench.ctx, numbered(boxes, "Trash"), nil)
		if err == nil && len(gone) != n {
			err = fmt.Errorf("%d messages are gone, not %d", len(gone), n)
		}
		return err
	})
}
