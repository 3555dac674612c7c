package directory

import (
	"context"
	"strings"

	"tem/internal/address"
	"tem/internal/kv"
)

// maxDepth bounds how long a chain of aliases and groups is followed.
const maxDepth = 32

// Resolved is what an address stands for after aliases, groups and
// plus-addresses are followed (loops are cut, each result is given once).
type Resolved struct {
	Accounts []Account             // local people
	Remote   []address.Address     // addresses elsewhere
	Local    bool                  // the address's domain is ours
	Group    bool                  // it is a group's, or leads through one
	Settings map[kv.Part]*Settings // of those of Accounts who have some; not to be changed
	Tags     map[kv.Part]string    // the +tags that led to those of Accounts who want their mail filed by them
}

// add adds an account with what it wants, and the tag of the address that led to it.
func (r *Resolved) add(x *index, a Account, tag string) {
	r.Accounts = append(r.Accounts, a)
	s := x.settings[key(a.Address)]
	if s == nil {
		return
	}
	if r.Settings == nil {
		r.Settings = map[kv.Part]*Settings{}
	}
	r.Settings[a.ID] = s
	if s.Filed && tag != "" {
		if r.Tags == nil {
			r.Tags = map[kv.Part]string{}
		}
		r.Tags[a.ID] = tag
	}
}

// Resolve returns ErrNotFound for an unknown user of a local domain. A
// postmaster@ that nobody has is resolved to the domain's first account
// (RFC 5321 §4.5.1). The order is: the address itself, the address without
// its +tag, the domain's catch-all. Members of a list that no longer exist
// are passed over.
func (d *Directory) Resolve(ctx context.Context, a address.Address) (r Resolved, err error) {
	err = d.look(ctx, func(x *index) error {
		r, err = x.resolve(a)
		return err
	})
	return r, err
}

func (x *index) resolve(a address.Address) (Resolved, error) {
	if !x.isLocal(a.Domain) {
		return Resolved{Remote: []address.Address{a}}, nil
	}
	acc, l, tag, ok := x.find(a)
	if !ok {
		return Resolved{Local: true}, problemf(ErrNotFound, "%s: no such user", show(a))
	}
	if l == nil {
		r := Resolved{Local: true}
		r.add(x, acc, tag)
		return r, nil
	}
	w := walk{x: x, lists: map[string]bool{}, accounts: map[kv.Part]bool{}, remote: map[address.Address]bool{}}
	w.Local = true
	if err := w.list(*l, 1); err != nil {
		return Resolved{Local: true}, err
	}
	if len(w.Accounts)+len(w.Remote) == 0 {
		return Resolved{Local: true}, problemf(ErrNotFound, "%s: %s without members that exist", show(a), l.kind())
	}
	return w.Resolved, nil
}

// find looks one local address up: an account, or else a list; and the tag
// without which it was found.
func (x *index) find(a address.Address) (acc Account, l *List, tag string, ok bool) {
	if acc, l, ok = x.exact(key(a)); ok {
		return acc, l, "", true
	}
	if user, tag, tagged := strings.Cut(a.Local, "+"); tagged && user != "" {
		if acc, l, ok = x.exact(key(address.Address{Local: user, Domain: a.Domain})); ok {
			return acc, l, tag, true
		}
	}
	if _, l, ok = x.exact("@" + a.Domain); ok {
		return Account{}, l, "", true
	}
	if strings.EqualFold(a.Local, "postmaster") {
		acc, ok = x.first[a.Domain]
	}
	return acc, nil, "", ok
}

func (x *index) exact(k string) (Account, *List, bool) {
	if acc, ok := x.accounts[k]; ok {
		return acc, nil, true
	}
	if l, ok := x.lists[k]; ok {
		return Account{}, &l, true
	}
	return Account{}, nil, false
}

// walk gathers the members of nested lists.
type walk struct {
	Resolved
	x        *index
	lists    map[string]bool
	accounts map[kv.Part]bool
	remote   map[address.Address]bool
}

func (w *walk) list(l List, depth int) error {
	k := key(l.Address)
	if w.lists[k] {
		return nil // a loop, or a second way to the same list
	}
	w.lists[k] = true
	w.Group = w.Group || l.Group
	if depth > maxDepth {
		return problemf(ErrInvalid, "%s: aliases and groups are nested more than %d deep", show(l.Address), maxDepth)
	}
	for _, m := range l.Members {
		if err := w.member(m, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) member(m address.Address, depth int) error {
	if !w.x.isLocal(m.Domain) {
		if !w.remote[m] {
			w.remote[m] = true
			w.Remote = append(w.Remote, m)
		}
	} else if acc, l, tag, ok := w.x.find(m); ok && l != nil {
		return w.list(*l, depth+1)
	} else if ok && !w.accounts[acc.ID] {
		w.accounts[acc.ID] = true
		w.add(w.x, acc, tag)
	}
	if n := len(w.Accounts) + len(w.Remote); n > maxResults {
		return problemf(ErrInvalid, "%s stands for more than %d addresses", show(m), maxResults)
	}
	return nil
}
