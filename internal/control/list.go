package control

import (
	"context"
	"errors"
	"slices"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
)

// List is an alias or a group.
type List struct {
	Address string   `json:"address"`
	Members []string `json:"members"`
	Group   bool     `json:"group"`
}

// ListKind asks for the aliases, or for the groups.
type ListKind struct {
	Group bool `json:"group"`
}

// Lists is the answer to list.list.
type Lists struct {
	Lists []List `json:"lists"`
}

// ListRemove names the alias or group to remove.
type ListRemove struct {
	Address string `json:"address"`
	Group   bool   `json:"group"`
}

// ListMembers adds members to a list and removes others; with neither it only shows.
type ListMembers struct {
	Address string   `json:"address"`
	Group   bool     `json:"group"`
	Add     []string `json:"add,omitempty"`
	Remove  []string `json:"remove,omitempty"`
}

func toList(l directory.List) List {
	return List{showAddress(l.Address), showAddresses(l.Members), l.Group}
}

func kindName(group bool) string {
	if group {
		return "group"
	}
	return "alias"
}

// AddList makes an alias or a group.
func (s *Service) AddList(ctx context.Context, r List) (List, error) {
	a, err := parseListAddress(r.Address)
	if err != nil {
		return List{}, err
	}
	members, err := s.parseMembers(ctx, a, r.Members)
	if err != nil {
		return List{}, err
	}
	l := directory.List{Address: a, Members: members, Group: r.Group}
	if err := s.Directory.AddList(ctx, l); err != nil {
		return List{}, s.hint(ctx, a, err)
	}
	return toList(l), nil
}

// parseMembers reads members; one of a domain of ours must be somebody, or it is
// likely a slip of the pen.
func (s *Service) parseMembers(ctx context.Context, list address.Address, names []string) ([]address.Address, error) {
	out := make([]address.Address, 0, len(names))
	for _, name := range names {
		m, err := parseAddress(name)
		if err != nil {
			return nil, err
		}
		if _, err := s.Directory.Resolve(ctx, m); errors.Is(err, directory.ErrNotFound) {
			return nil, errorf(NotFound, "%s: the member %s does not exist", showAddress(list), m)
		} else if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// ListLists lists the aliases, or the groups.
func (s *Service) ListLists(ctx context.Context, r ListKind) (Lists, error) {
	all, err := s.Directory.Lists(ctx)
	out := Lists{[]List{}}
	for _, l := range all {
		if l.Group == r.Group {
			out.Lists = append(out.Lists, toList(l))
		}
	}
	return out, err
}

// find returns the alias or the group of an address.
func (s *Service) find(ctx context.Context, name string, group bool) (directory.List, error) {
	a, err := parseListAddress(name)
	if err != nil {
		return directory.List{}, err
	}
	all, err := s.Directory.Lists(ctx)
	if err != nil {
		return directory.List{}, err
	}
	i := slices.IndexFunc(all, func(l directory.List) bool { return l.Group == group && sameAddress(l.Address, a) })
	if i < 0 {
		return directory.List{}, errorf(NotFound, "%s: no such %s", showAddress(a), kindName(group))
	}
	return all[i], nil
}

func sameAddress(a, b address.Address) bool {
	if a.Local == "" || b.Local == "" {
		return a == b
	}
	return a.Key() == b.Key()
}

// RemoveList removes an alias or a group, and what was shared with the group; its members stay.
func (s *Service) RemoveList(ctx context.Context, r ListRemove) (List, error) {
	l, err := s.find(ctx, r.Address, r.Group)
	if err != nil {
		return List{}, err
	}
	if err := s.Directory.RemoveList(ctx, l.Address); err != nil || !l.Group {
		return toList(l), err
	}
	return toList(l), s.Mail.Forget(ctx, mail.GroupGrantee(l.Address.Key()))
}

// ChangeMembers adds and removes members and returns the list as it is then.
func (s *Service) ChangeMembers(ctx context.Context, r ListMembers) (List, error) {
	l, err := s.find(ctx, r.Address, r.Group)
	if err != nil || len(r.Add)+len(r.Remove) == 0 {
		return toList(l), err
	}
	if err := s.editMembers(ctx, &l, r); err != nil {
		return List{}, err
	}
	return toList(l), s.Directory.SetMembers(ctx, l.Address, l.Members)
}

func (s *Service) editMembers(ctx context.Context, l *directory.List, r ListMembers) error {
	for _, name := range r.Remove {
		m, err := parseAddress(name)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(l.Members, func(have address.Address) bool { return sameAddress(have, m) })
		if i < 0 {
			return errorf(NotFound, "%s: %s is not a member", showAddress(l.Address), m)
		}
		l.Members = slices.Delete(l.Members, i, i+1)
	}
	add, err := s.parseMembers(ctx, l.Address, r.Add)
	for _, m := range add {
		if !slices.ContainsFunc(l.Members, func(have address.Address) bool { return sameAddress(have, m) }) {
			l.Members = append(l.Members, m)
		}
	}
	return err
}
