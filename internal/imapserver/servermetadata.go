package imapserver

import (
	"context"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// setServerMetadata sets annotations of the server: private ones for the user,
// shared ones for everybody. They lie in different places, so that the store
// refuses both in one command, of which all is done or nothing.
func (t *turn) setServerMetadata(ctx context.Context, values []imap.Metadata) error {
	var entries []mail.Entry
	shared := false
	for _, m := range values {
		if err := checkLength(m); err != nil {
			return err
		}
		if err := checkFilter(m); err != nil {
			return err
		}
		shared = shared || isSharedEntry(m.Name)
		entries = append(entries, t.entry(m))
	}
	if !shared {
		return tooMany(t.account.SetMetadata(ctx, 0, entries))
	}
	if admin, err := t.isAdmin(ctx); err != nil {
		return err
	} else if !admin {
		return no("NOPERM", "what the server shares is set by administrators")
	}
	return tooMany(t.o.Mail.SetServerMetadata(ctx, entries))
}
