package imapserver

import (
	"context"
	"errors"
	"strings"

	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Quotas (RFC 9208). A root is an account, by its address, or the pool of
// several, by its name, which is that of their domain.

// quotaRoot is a root with what is used of it.
type quotaRoot struct {
	name string
	mail.Quota
}

// quotaUnit is that of STORAGE, in octets (RFC 9208 §5.1).
const quotaUnit = 1024

// GetQuota answers GETQUOTA, of the roots of mailboxes that the user may read
// (RFC 9208 §4.1.1, §8); an administrator's, of any.
func (t *turn) GetQuota(ctx context.Context, c *imap.GetQuota) error {
	roots, err := t.quotaRoots(ctx, t.person)
	if err != nil {
		return err
	}
	if sayQuota(t, roots, c.Root) {
		return nil
	}
	if admin, err := t.isAdmin(ctx); err != nil {
		return err
	} else if admin {
		root, err := t.anyRoot(ctx, c.Root)
		if err != nil {
			return err
		}
		return t.line(root.append([]byte("* ")))
	}
	return t.getSharedQuota(ctx, c.Root)
}

// getSharedQuota tells of a root of those who share mailboxes with the user.
func (t *turn) getSharedQuota(ctx context.Context, name string) error {
	owners, err := t.sharers(ctx)
	if err != nil {
		return err
	}
	for _, owner := range owners {
		roots, err := t.quotaRoots(ctx, owner)
		if err != nil {
			return err
		}
		if sayQuota(t, roots, name) {
			return nil
		}
	}
	return noRoot(name)
}

// sayQuota tells of the root that has this name, if it is among these.
func sayQuota(t *turn, roots []quotaRoot, name string) bool {
	for _, r := range roots {
		if strings.EqualFold(r.name, name) {
			t.line(r.append([]byte("* ")))
			return true
		}
	}
	return false
}

// sharers are those who let the user read a mailbox.
func (t *turn) sharers(ctx context.Context) (owners []directory.Account, err error) {
	all := make(map[string]*folder)
	if err := t.sharedFolders(ctx, all); err != nil {
		return nil, err
	}
	seen := make(map[mail.AccountID]bool)
	for _, f := range all {
		if f.at.rights&mail.RightRead == 0 || seen[f.at.owner] {
			continue
		}
		seen[f.at.owner] = true
		acc, err := t.o.Directory.AccountByID(ctx, f.at.owner)
		if err == nil {
			owners = append(owners, acc)
		} else if !errors.Is(err, directory.ErrNotFound) {
			return nil, err
		}
	}
	return owners, nil
}

// quotaRoots are those of an account's mailboxes.
func (t *turn) quotaRoots(ctx context.Context, owner directory.Account) ([]quotaRoot, error) {
	account := t.o.Mail.Account(owner.ID)
	quotas, err := account.Quotas(ctx)
	if err != nil {
		return nil, err
	}
	roots := []quotaRoot{{owner.Address.String(), quotas[0]}}
	pool, err := account.Pool(ctx)
	if err == nil && pool != "" && len(quotas) > 1 {
		roots = append(roots, quotaRoot{pool, quotas[1]})
	}
	return roots, err
}

// append writes a QUOTA response: of what has no limit it says nothing (RFC 9208 §4.2.1).
func (r *quotaRoot) append(dst []byte) []byte {
	var uses []imap.QuotaUse
	if r.BytesLimit > 0 {
		used := (r.Bytes + quotaUnit - 1) / quotaUnit // rounded up, so that what is full looks full
		uses = append(uses, imap.QuotaUse{QuotaLimit: imap.QuotaLimit{Resource: "STORAGE", Limit: r.BytesLimit / quotaUnit}, Used: used})
	}
	if r.MessagesLimit > 0 {
		uses = append(uses, imap.QuotaUse{QuotaLimit: imap.QuotaLimit{Resource: "MESSAGE", Limit: r.MessagesLimit}, Used: r.Messages})
	}
	return imap.AppendQuota(dst, r.name, uses)
}

// GetQuotaRoot answers GETQUOTAROOT. Of the user's own mailboxes it tells even
// what would be for one that does not exist (RFC 9208 §4.1.2).
func (t *turn) GetQuotaRoot(ctx context.Context, c *imap.GetQuotaRoot) error {
	at, err := t.site(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	owner, name := t.person, c.Mailbox
	if at.prefix != "" {
		p, err := t.place(ctx, c.Mailbox, mail.RightRead) // RFC 9208 §6
		if err != nil {
			return err
		}
		name = p.name()
		if owner, err = t.o.Directory.AccountByID(ctx, p.owner); err != nil {
			return err
		}
	}
	roots, err := t.quotaRoots(ctx, owner)
	if err != nil {
		return err
	}
	var names []string
	for _, r := range roots {
		names = append(names, r.name)
	}
	t.line(imap.AppendQuotaRoot([]byte("* "), name, names, t.r.UTF8))
	for _, r := range roots {
		t.line(r.append([]byte("* ")))
	}
	return nil
}

// deletedStorage is how many octets the messages have that EXPUNGE would remove
// (RFC 9208 §4.1.4).
func (t *turn) deletedStorage(ctx context.Context, at *place) (size int64, err error) {
	if at.box.DeletedCount == 0 {
		return 0, nil
	}
	box, items, err := at.account.List(ctx, at.box.ID)
	if err != nil {
		return 0, err
	}
	var uids []mail.UID
	for _, i := range items {
		if i.Flags&mail.Deleted != 0 {
			uids = append(uids, i.UID)
		}
	}
	err = at.account.Fetch(ctx, box.ID, uids, func(m *mail.Meta) error {
		size += m.Size
		return nil
	})
	return size, err
}
