package directory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tem/internal/address"
	"tem/internal/kv"
)

// NewAccount is what AddAccounts is told of one person.
type NewAccount struct {
	Address  address.Address
	Name     string
	Password string
	Quota    int64 // bytes; 0: none
}

// Accounts lists everybody, by address.
func (d *Directory) Accounts(ctx context.Context) (all []Account, err error) {
	err = d.look(ctx, func(x *index) error {
		all = slices.Collect(maps.Values(x.accounts))
		return nil
	})
	slices.SortFunc(all, func(a, b Account) int { return compare(a.Address, b.Address) })
	return all, err
}

// compare sorts addresses by domain, then by local part.
func compare(a, b address.Address) int {
	return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Local, b.Local))
}

// Account returns the account of exactly this address, or ErrNotFound.
func (d *Directory) Account(ctx context.Context, a address.Address) (acc Account, err error) {
	err = d.look(ctx, func(x *index) error {
		acc, err = x.account(a)
		return err
	})
	return acc, err
}

// AddAccount makes an account with an id that no account had before.
func (d *Directory) AddAccount(ctx context.Context, a address.Address, name, password string, quota int64) (Account, error) {
	added, err := d.AddAccounts(ctx, []NewAccount{{a, name, password, quota}}, nil)
	if err != nil {
		return Account{}, err
	}
	return added[0], nil
}

// AddAccounts makes all of the accounts, in one commit, or none. progress (nil:
// none) is told, from one goroutine at a time, how many passwords are hashed:
// that is what takes long.
func (d *Directory) AddAccounts(ctx context.Context, people []NewAccount, progress func(done int)) ([]Account, error) {
	for _, p := range people {
		if err := d.CheckNew(ctx, p); err != nil {
			return nil, err
		}
	}
	credentials, err := d.deriveAll(ctx, people, progress)
	if err != nil {
		return nil, err
	}
	var added []Account
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		added, err = x.addAccounts(b, people, credentials, Account{Created: d.now()})
		return err
	})
	return added, err
}

// CheckNew reports why AddAccounts would refuse p; it does not quote the password.
func (d *Directory) CheckNew(ctx context.Context, p NewAccount) error {
	if p.Address.Local == "" {
		return problemf(ErrInvalid, "%s: an account's address needs a local part", show(p.Address))
	}
	if err := checkPerson(p.Address, p.Name, p.Quota); err != nil {
		return err
	}
	if _, err := acceptable(p.Password); err != nil {
		return problemf(ErrInvalid, "%s: %v", p.Address, err)
	}
	return d.look(ctx, func(x *index) error { return x.free(p.Address) })
}

// addAccounts numbers the people from the next free id on.
func (x *index) addAccounts(b *kv.Batch, people []NewAccount, credentials []credentialValue, like Account) ([]Account, error) {
	id, err := x.next()
	if err != nil {
		return nil, err
	}
	added, taken := make([]Account, len(people)), make(map[string]bool, len(people))
	for i, p := range people {
		k := key(p.Address)
		if taken[k] {
			return nil, problemf(ErrExists, "%s is there twice", p.Address)
		}
		if err := x.free(p.Address); err != nil {
			return nil, err
		}
		taken[k] = true
		a := Account{ID: id + kv.Part(i), Address: p.Address, Name: p.Name, Quota: p.Quota, Created: like.Created, secretSince: x.version + 1}
		b.Set(kv.Directory, rowKey(accountRow, k), encodeAccount(a))
		b.Set(kv.Directory, rowKey(credentialRow, k), encode(credentials[i]))
		added[i] = a
	}
	b.Set(kv.Directory, nextKey, encodeNumber(uint64(id)+uint64(len(people))))
	return added, nil
}

// SetPassword replaces an account's credentials, and ends its sessions.
func (d *Directory) SetPassword(ctx context.Context, a address.Address, password string) error {
	if _, err := d.Account(ctx, a); err != nil {
		return err
	}
	c, err := d.derive(ctx, password)
	if err != nil {
		return err
	}
	defer d.verified.forget(key(a))
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		acc, err := x.account(a)
		if err != nil {
			return err
		}
		acc.secretSince = x.version + 1
		b.Set(kv.Directory, rowKey(accountRow, key(a)), encodeAccount(acc))
		b.Set(kv.Directory, rowKey(credentialRow, key(a)), encode(c))
		return nil
	})
}

// SetAccount changes the name, the quotas, POP and whether the account that has
// acc.Address is disabled or an administrator's; all else of acc is ignored.
func (d *Directory) SetAccount(ctx context.Context, acc Account) error {
	if err := checkPerson(acc.Address, acc.Name, min(acc.Quota, acc.Messages)); err != nil {
		return err
	}
	if err := checkPOP(acc.Address, acc.POP); err != nil {
		return err
	}
	defer d.verified.forget(key(acc.Address))
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		old, err := x.account(acc.Address)
		if err != nil {
			return err
		}
		old.Name, old.Quota, old.Messages, old.Disabled = acc.Name, acc.Quota, acc.Messages, acc.Disabled
		old.POP, old.Admin = acc.POP, acc.Admin
		b.Set(kv.Directory, rowKey(accountRow, key(acc.Address)), encodeAccount(old))
		return nil
	})
}

// RemoveAccount forgets an account, its credentials and settings, and returns what it
// was. Its mail is for the caller to delete: also (nil: nothing) adds to the
// same commit; it may be called more than once, each time with a fresh batch.
func (d *Directory) RemoveAccount(ctx context.Context, a address.Address, also func(b *kv.Batch, gone Account)) (gone Account, err error) {
	defer d.verified.forget(key(a))
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		gone, err = x.account(a)
		if err != nil {
			return err
		}
		b.Delete(kv.Directory, rowKey(accountRow, key(a)))
		for _, row := range []byte{credentialRow, settingsRow, replyRow} {
			b.Delete(kv.Directory, rowKey(row, key(a)))
		}
		if also != nil {
			also(b, gone)
		}
		return nil
	})
	return gone, err
}

// maxName bounds a person's name, in bytes.
const maxName = 256

func checkPerson(a address.Address, name string, quota int64) error {
	switch {
	case len(name) > maxName:
		return problemf(ErrInvalid, "%s: the name is longer than %d bytes", a, maxName)
	case !utf8.ValidString(name):
		return problemf(ErrInvalid, "%s: the name is not UTF-8", a)
	case strings.ContainsFunc(name, unicode.IsControl):
		return problemf(ErrInvalid, "%s: the name has a control character", a)
	case quota < 0:
		return problemf(ErrInvalid, "%s: the quota is negative", a)
	}
	return nil
}
