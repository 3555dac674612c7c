package imapserver

import (
	"context"
	"fmt"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Status answers STATUS (RFC 9051 §6.3.11).
func (s *session) Status(ctx context.Context, c *imap.Status) error {
	box, err := s.account.Mailbox(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	return s.sayStatus(ctx, &box, c.Items)
}

// sayStatus writes a STATUS response (RFC 9051 §7.3.4).
func (s *session) sayStatus(ctx context.Context, box *mail.Mailbox, items []string) error {
	out := append(imap.AppendMailbox([]byte("* STATUS "), box.Name, s.r.UTF8), " ("...)
	for i, item := range items {
		n, err := s.statusItem(ctx, box, item)
		if err != nil {
			return err
		}
		if i > 0 {
			out = append(out, ' ')
		}
		out = fmt.Appendf(out, "%s %d", item, n)
	}
	return s.c.WriteLineBytes(append(out, ')'))
}

func (s *session) statusItem(ctx context.Context, box *mail.Mailbox, item string) (int64, error) {
	switch item {
	case "MESSAGES":
		return int64(box.Messages), nil
	case "UIDNEXT":
		return int64(box.UIDNext), nil
	case "UIDVALIDITY":
		return int64(box.UIDValidity), nil
	case "UNSEEN":
		return int64(box.Unseen), nil
	case "DELETED":
		return int64(box.DeletedCount), nil
	case "SIZE": // RFC 8438
		return box.Size, nil
	}
	return s.statusRecent(ctx, box)
}

// statusRecent counts what would be \Recent now (RFC 3501 §6.3.10).
func (s *session) statusRecent(ctx context.Context, box *mail.Mailbox) (int64, error) {
	first := s.recents.claim(recentKey{uint64(s.person.ID), box.ID}, box.UIDNext, false)
	if first >= box.UIDNext {
		return 0, nil
	}
	_, items, err := s.account.List(ctx, box.ID)
	at, _ := (&view{items: items}).find(first)
	return int64(len(items) - at), err
}
