package directory

import (
	"context"
	"fmt"

	"tem/internal/address"
	"tem/internal/kv"
)

// index is the directory in memory, credentials aside. Its entries are
// replaced, never changed, so that they may be handed out.
type index struct {
	version    uint64
	versionVal []byte // as stored; nil: the row does not exist yet
	nextVal    []byte
	domains    map[string]struct{}
	accounts   map[string]Account
	keys       map[string]keySet // of each domain that has some
	lists      map[string]List
	byID       map[kv.Part]Account
	memberOf   map[string][]string // keys of the lists that name an address
	settings   map[string]*Settings
	returnKeys []returnKey
	first      map[string]Account // of each domain: the one with the lowest id
}

func newIndex() *index {
	return &index{
		domains:  map[string]struct{}{},
		accounts: map[string]Account{},
		keys:     map[string]keySet{},
		lists:    map[string]List{},
		byID:     map[kv.Part]Account{},
		memberOf: map[string][]string{},
		settings: map[string]*Settings{},
		first:    map[string]Account{},
	}
}

// load reads everything before the credentials, and the version, of one snapshot.
func load(ctx context.Context, e kv.Engine) (*index, error) {
	x := newIndex()
	err := e.View(ctx, func(r kv.Reader) error {
		if val, ok, err := r.Get(kv.Directory, versionKey); err != nil {
			return err
		} else if ok {
			if err := x.set(versionKey, val); err != nil {
				return err
			}
		}
		return r.Scan(kv.Directory, nil, []byte{credentialRow}, kv.ScanOptions{}, x.set)
	})
	return x, err
}

// readVersion is what one look-up costs when nothing has changed.
func readVersion(ctx context.Context, e kv.Engine) (version uint64, err error) {
	err = e.View(ctx, func(r kv.Reader) error {
		val, ok, err := r.Get(kv.Directory, versionKey)
		if err != nil || !ok {
			return err
		}
		version, err = decodeNumber(val)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read the directory's version: %w", err)
	}
	return version, nil
}

// bump makes a batch the change that follows the index.
func (x *index) bump(b *kv.Batch) {
	b.Assert(kv.Directory, versionKey, x.versionVal)
	b.Set(kv.Directory, versionKey, encodeNumber(x.version+1))
}

// apply repeats in memory what a batch did on disk.
func (x *index) apply(ops []kv.Op) error {
	for _, op := range ops {
		if op.Part != kv.Directory {
			continue
		}
		if op.Kind == kv.OpDelete {
			x.remove(op.Key)
		} else if err := x.set(op.Key, op.Val); err != nil {
			return err
		}
	}
	return nil
}

// set takes over one row.
func (x *index) set(k, val []byte) error {
	if len(k) == 0 {
		return fmt.Errorf("directory row with an empty key")
	}
	name := string(k[1:])
	var err error
	switch k[0] {
	case domainRow:
		x.domains[name] = struct{}{}
	case accountRow:
		err = x.setAccount(name, val)
	case returnKeysRow:
		err = x.setReturnKeys(val)
	case settingsRow:
		err = x.setSettings(name, val)
	case keyRowLetter:
		err = x.setKey(name, val)
	case listRow:
		err = x.setList(name, val)
	case nextRow:
		x.nextVal = append([]byte(nil), val...)
	case versionRow:
		x.versionVal = append([]byte(nil), val...)
		x.version, err = decodeNumber(val)
	}
	if err != nil {
		return fmt.Errorf("directory row %q: %w", k, err)
	}
	return nil
}

func (x *index) setAccount(name string, val []byte) error {
	a, err := decodeAccount(val)
	if err != nil {
		return err
	}
	x.accounts[name], x.byID[a.ID] = a, a
	if f, ok := x.first[a.Address.Domain]; !ok || a.ID <= f.ID {
		x.first[a.Address.Domain] = a
	}
	return nil
}

// remove forgets one row.
func (x *index) remove(k []byte) {
	name := string(k[1:])
	switch k[0] {
	case domainRow:
		delete(x.domains, name)
	case settingsRow:
		delete(x.settings, name)
	case keyRowLetter:
		x.removeKey(name)
	case listRow:
		x.removeList(name)
	case accountRow:
		x.removeAccount(name)
	}
}

func (x *index) removeAccount(name string) {
	gone, domain := x.accounts[name], x.accounts[name].Address.Domain
	delete(x.accounts, name)
	delete(x.byID, gone.ID)
	if x.first[domain].ID != gone.ID {
		return
	}
	delete(x.first, domain)
	for _, a := range x.accounts {
		if f, ok := x.first[domain]; a.Address.Domain == domain && (!ok || a.ID < f.ID) {
			x.first[domain] = a
		}
	}
}

// next is the id that the next new account gets.
func (x *index) next() (kv.Part, error) {
	if x.nextVal == nil {
		return kv.FirstAccount, nil
	}
	n, err := decodeNumber(x.nextVal)
	return max(kv.Part(n), kv.FirstAccount), err
}

func (x *index) isLocal(domain string) bool {
	_, ok := x.domains[domain]
	return ok
}

// free reports why an address cannot be given to something new.
func (x *index) free(a address.Address) error {
	if !x.isLocal(a.Domain) {
		return problemf(ErrNotFound, "%s: the domain %s is not here", show(a), a.Domain)
	}
	if _, ok := x.accounts[key(a)]; ok {
		return problemf(ErrExists, "%s already exists: it is an account", show(a))
	}
	if l, ok := x.lists[key(a)]; ok {
		return problemf(ErrExists, "%s already exists: it is %s", show(a), l.kind())
	}
	return nil
}

func (x *index) account(a address.Address) (Account, error) {
	acc, ok := x.accounts[key(a)]
	if !ok {
		return Account{}, problemf(ErrNotFound, "%s: no such account", show(a))
	}
	return acc, nil
}

func (x *index) list(a address.Address) (List, error) {
	l, ok := x.lists[key(a)]
	if !ok {
		return List{}, problemf(ErrNotFound, "%s: no such alias or group", show(a))
	}
	return l, nil
}

// show is an address as people write it, catch-alls too.
func show(a address.Address) string {
	if a.Local == "" {
		return "@" + a.Domain
	}
	return a.String()
}

func (l List) kind() string {
	switch {
	case l.Group:
		return "a group"
	case l.Address.Local == "":
		return "a catch-all"
	}
	return "an alias"
}
