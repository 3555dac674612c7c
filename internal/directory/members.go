package directory

import (
	"context"
	"slices"

	"tem/internal/address"
	"tem/internal/kv"
)

// AccountByID returns the account that has an id, or ErrNotFound.
func (d *Directory) AccountByID(ctx context.Context, id kv.Part) (acc Account, err error) {
	err = d.look(ctx, func(x *index) error {
		var there bool
		if acc, there = x.byID[id]; !there {
			return problemf(ErrNotFound, "no account has the number %d", id)
		}
		return nil
	})
	return acc, err
}

// Group returns the group of exactly this address, or ErrNotFound; an alias is none.
func (d *Directory) Group(ctx context.Context, a address.Address) (l List, err error) {
	err = d.look(ctx, func(x *index) error {
		if l, err = x.list(a); err == nil && !l.Group {
			err = problemf(ErrNotFound, "%s: is %s, not a group", show(a), l.kind())
		}
		return err
	})
	l.Members = slices.Clone(l.Members)
	return l, err
}

// GroupsOf lists the groups that an address is a member of, itself or through
// aliases and other groups, in order. An address that gets a group's mail only
// by a +tag or from a catch-all is no member.
func (d *Directory) GroupsOf(ctx context.Context, a address.Address) (groups []address.Address, err error) {
	err = d.look(ctx, func(x *index) error {
		groups = x.groupsOf(key(a))
		return nil
	})
	slices.SortFunc(groups, compare)
	return groups, err
}

// groupsOf looks at each list once, however they name each other.
func (x *index) groupsOf(member string) (groups []address.Address) {
	seen := map[string]bool{}
	for next := []string{member}; len(next) > 0; next = next[1:] {
		for _, name := range x.memberOf[next[0]] {
			if seen[name] {
				continue
			}
			seen[name] = true
			next = append(next, name)
			if l := x.lists[name]; l.Group {
				groups = append(groups, l.Address)
			}
		}
	}
	return groups
}

func (x *index) setList(name string, val []byte) error {
	l, err := decodeList(val)
	if err != nil {
		return err
	}
	x.removeList(name)
	x.lists[name] = l
	for _, m := range l.Members {
		x.memberOf[key(m)] = append(x.memberOf[key(m)], name)
	}
	return nil
}

func (x *index) removeList(name string) {
	for _, m := range x.lists[name].Members {
		left := slices.DeleteFunc(x.memberOf[key(m)], func(list string) bool { return list == name })
		if x.memberOf[key(m)] = left; len(left) == 0 {
			delete(x.memberOf, key(m))
		}
	}
	delete(x.lists, name)
}
