package directory

import (
	"context"
	"maps"
	"slices"

	"tem/internal/address"
	"tem/internal/kv"
)

// Domains lists the domains whose mail is kept here, in order.
func (d *Directory) Domains(ctx context.Context) (names []string, err error) {
	err = d.look(ctx, func(x *index) error {
		names = slices.Sorted(maps.Keys(x.domains))
		return nil
	})
	return names, err
}

// AddDomain makes a domain ours, with the keys that sign for it.
func (d *Directory) AddDomain(ctx context.Context, name string, keys ...NewKey) error {
	name, err := domainName(name)
	if err != nil {
		return err
	}
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		if x.isLocal(name) {
			return problemf(ErrExists, "domain %s already exists", name)
		}
		b.Set(kv.Directory, rowKey(domainRow, name), []byte{})
		_, err := x.addKeys(b, name, keys, d.now())
		return err
	})
}

// RemoveDomain gives a domain up, with its keys; it is refused while the domain has accounts,
// aliases or groups.
func (d *Directory) RemoveDomain(ctx context.Context, name string) error {
	name, err := domainName(name)
	if err != nil {
		return err
	}
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		if !x.isLocal(name) {
			return noDomain(name)
		}
		if accounts, lists := x.inDomain(name); accounts+lists > 0 {
			return problemf(ErrInvalid, "domain %s is still in use (accounts: %d, aliases and groups: %d): remove them first",
				name, accounts, lists)
		}
		b.Delete(kv.Directory, rowKey(domainRow, name))
		for _, k := range x.keys[name].rows {
			b.Delete(kv.Directory, k.rowKey())
		}
		return nil
	})
}

// IsLocal reports whether a domain, however it is written, is ours.
func (d *Directory) IsLocal(ctx context.Context, domain string) (local bool, err error) {
	err = d.look(ctx, func(x *index) error {
		local = x.isLocal(domain) || x.isLocalAsWritten(domain)
		return nil
	})
	return local, err
}

// isLocalAsWritten is for a domain that may not be in lower-case A-labels.
func (x *index) isLocalAsWritten(domain string) bool {
	name, err := address.Domain(domain)
	return err == nil && x.isLocal(name) // what is no domain is no domain of ours
}

func domainName(s string) (string, error) {
	name, err := address.Domain(s)
	if err != nil {
		return "", problemf(ErrInvalid, "%v", err)
	}
	if name == "" || name[0] == '[' {
		return "", problemf(ErrInvalid, "%q is not a domain name", s)
	}
	return name, nil
}

func (x *index) inDomain(domain string) (accounts, lists int) {
	for _, a := range x.accounts {
		if a.Address.Domain == domain {
			accounts++
		}
	}
	for _, l := range x.lists {
		if l.Address.Domain == domain {
			lists++
		}
	}
	return accounts, lists
}
