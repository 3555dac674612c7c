package imapserver

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// filtered are the mailboxes that filters pick (RFC 5465 §6, RFC 7377 §2.2) and
// that the user may read, each once: the selected one, then the others by name. Those that are not
// named need the right to be seen too; the rest is as if it were not there.
func (t *turn) filtered(ctx context.Context, filters []imap.MailboxFilter) (list []place, err error) {
	names := make(map[string]mail.Rights)
	for _, f := range filters {
		if f.Kind == imap.FilterSelected && t.view != nil && len(list) == 0 {
			list = append(list, t.view.place)
		}
		if err := t.filter(ctx, f, names); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		at, err := t.place(ctx, name, names[name])
		switch {
		case err == errNoRight || isKind(err, mail.NotFound) || isKind(err, mail.Invalid):
		case err != nil:
			return nil, err
		case !slices.ContainsFunc(list, at.is): // as inbox beside INBOX
			list = append(list, at)
		}
	}
	return list, nil
}

// is reports whether both are the same mailbox.
func (p place) is(other place) bool { return p.owner == other.owner && p.box.ID == other.box.ID }

// filter adds names and the rights that are needed there.
func (t *turn) filter(ctx context.Context, f imap.MailboxFilter, names map[string]mail.Rights) error {
	for _, name := range f.Names {
		names[name] = mail.RightRead
	}
	if f.Kind == imap.FilterSelected || f.Kind == imap.FilterMailboxes {
		return nil
	}
	all, err := t.folders(ctx, f.Kind == imap.FilterSubscribed)
	for name, folder := range all {
		if _, named := names[name]; !named && picks(f, name, folder) {
			names[name] = mail.RightRead | mail.RightLookup
		}
	}
	return err
}

// picks reports whether a filter takes a mailbox that it does not name. Rules may
// deliver anywhere: INBOXES is PERSONAL (RFC 5465 §6.3).
func picks(f imap.MailboxFilter, name string, folder *folder) bool {
	switch f.Kind {
	case imap.FilterSubscribed:
		return folder.sub
	case imap.FilterSubtree:
		return slices.ContainsFunc(f.Names, func(top string) bool { return strings.HasPrefix(name, top+"/") })
	case imap.FilterSubtreeOne:
		return slices.ContainsFunc(f.Names, func(top string) bool {
			below, is := strings.CutPrefix(name, top+"/")
			return is && !strings.Contains(below, "/")
		})
	}
	return folder.at != nil && !folder.at.isShared()
}
