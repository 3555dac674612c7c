package directory

import (
	"context"
	"maps"
	"slices"

	"tem/internal/address"
	"tem/internal/kv"
)

// maxResults bounds the members of one list, and what one address resolves to.
const maxResults = 10_000

// Lists gives all aliases and groups, by address.
func (d *Directory) Lists(ctx context.Context) (all []List, err error) {
	err = d.look(ctx, func(x *index) error {
		all = slices.Collect(maps.Values(x.lists))
		return nil
	})
	for i := range all {
		all[i].Members = slices.Clone(all[i].Members)
	}
	slices.SortFunc(all, func(a, b List) int { return compare(a.Address, b.Address) })
	return all, err
}

// AddList makes an alias or a group. Its members need not exist.
func (d *Directory) AddList(ctx context.Context, l List) error {
	members, err := checkMembers(l.Address, l.Members)
	if err != nil {
		return err
	}
	if len(members) == 0 && !l.Group {
		return problemf(ErrInvalid, "%s: an alias must stand for at least one address", show(l.Address))
	}
	l.Members = members
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		if err := x.free(l.Address); err != nil {
			return err
		}
		b.Set(kv.Directory, rowKey(listRow, key(l.Address)), encodeList(l))
		return nil
	})
}

// SetMembers replaces what an alias or a group stands for.
func (d *Directory) SetMembers(ctx context.Context, a address.Address, members []address.Address) error {
	members, err := checkMembers(a, members)
	if err != nil {
		return err
	}
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		l, err := x.list(a)
		if err != nil {
			return err
		}
		if len(members) == 0 && !l.Group {
			return problemf(ErrInvalid, "%s: an alias must stand for at least one address", show(a))
		}
		l.Members = members
		b.Set(kv.Directory, rowKey(listRow, key(a)), encodeList(l))
		return nil
	})
}

// RemoveList forgets an alias or a group; its members stay what they are.
func (d *Directory) RemoveList(ctx context.Context, a address.Address) error {
	return d.change(ctx, func(x *index, b *kv.Batch) error {
		if _, err := x.list(a); err != nil {
			return err
		}
		b.Delete(kv.Directory, rowKey(listRow, key(a)))
		return nil
	})
}

// checkMembers returns the members, each once, in the order given.
func checkMembers(list address.Address, members []address.Address) ([]address.Address, error) {
	if len(members) > maxResults {
		return nil, problemf(ErrInvalid, "%s: %d members are more than %d", show(list), len(members), maxResults)
	}
	seen, kept := make(map[string]bool, len(members)), make([]address.Address, 0, len(members))
	for _, m := range members {
		switch {
		case m.Local == "" || m.Domain == "":
			return nil, problemf(ErrInvalid, "%s: the member %q is not a mailbox", show(list), show(m))
		case seen[m.String()]:
			continue
		}
		seen[m.String()] = true
		kept = append(kept, m)
	}
	return kept, nil
}
