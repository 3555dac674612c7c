package mail

import (
	"context"

	"tem/internal/kv"
)

// AllMetadata returns the annotations of an account and of all its mailboxes that
// user sees, by mailbox (0: the account's own) and in the order of names.
func (a *Account) AllMetadata(ctx context.Context, user AccountID) (all map[MailboxID][]Entry, err error) {
	all = make(map[MailboxID][]Entry)
	err = a.read(ctx, func(r kv.Reader) error {
		return r.Scan(a.id, []byte{keyEntry}, []byte{keyEntry + 1}, kv.ScanOptions{}, func(key, val []byte) error {
			id, n, err := entryOf(key)
			if err == nil && (n.User == 0 || n.User == user) {
				n.Value = append([]byte{}, val...)
				all[id] = append(all[id], n)
			}
			return err
		})
	})
	return all, err
}
