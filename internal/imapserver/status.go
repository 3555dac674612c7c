package imapserver

import (
	"context"
	"fmt"
	"slices"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Status answers STATUS (RFC 9051 §6.3.11).
func (t *turn) Status(ctx context.Context, c *imap.Status) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightRead)
	if err != nil {
		return err
	}
	return t.sayStatus(ctx, at, c.Items)
}

// sayStatus answers what a client asks for.
func (t *turn) sayStatus(ctx context.Context, at place, items []string) error {
	if slices.Contains(items, "HIGHESTMODSEQ") { // RFC 7162 §3.1.7
		t.wantModSeq()
	}
	return t.sayCounts(ctx, at, items)
}

// sayCounts writes a STATUS response (RFC 9051 §7.3.4).
func (t *turn) sayCounts(ctx context.Context, at place, items []string) error {
	out := append(imap.AppendMailbox([]byte("* STATUS "), at.name(), t.r.UTF8), " ("...)
	for i, item := range items {
		if i > 0 {
			out = append(out, ' ')
		}
		if item == "MAILBOXID" { // RFC 8474 §4.3
			out = append(out, at.mailboxID()...)
			continue
		}
		n, err := t.statusItem(ctx, at, item)
		if err != nil {
			return err
		}
		out = fmt.Appendf(out, "%s %d", item, n)
	}
	return t.line(append(out, ')'))
}

func (t *turn) statusItem(ctx context.Context, at place, item string) (int64, error) {
	box := &at.box
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
	case "HIGHESTMODSEQ":
		return int64(box.HighestModSeq), nil
	case "DELETED-STORAGE": // RFC 9208 §4.1.4
		return t.deletedStorage(ctx, &at)
	case "APPENDLIMIT": // RFC 7889 §3
		return t.o.MaxMessage, nil
	case "SIZE": // RFC 8438
		return box.Size, nil
	}
	return t.statusRecent(ctx, at)
}

// statusRecent counts what would be \Recent now (RFC 3501 §6.3.10).
func (t *turn) statusRecent(ctx context.Context, at place) (int64, error) {
	first := t.recents.claim(recentKey{uint64(at.owner), at.box.ID}, at.box.UIDNext, false)
	if first >= at.box.UIDNext {
		return 0, nil
	}
	_, items, err := at.account.List(ctx, at.box.ID)
	i, _ := (&view{items: items}).find(first)
	return int64(len(items) - i), err
}
