package mail

import (
	"cmp"
	"slices"
)

// Joined is the same set in order, ranges that touch being one.
func (u UIDs) Joined() UIDs {
	in := slices.DeleteFunc(slices.Clone(u), func(r UIDRange) bool { return r.From > r.To })
	slices.SortFunc(in, func(x, y UIDRange) int { return cmp.Compare(x.From, y.From) })
	var out UIDs
	for _, r := range in {
		out = extend(out, r)
	}
	return out
}

// Contain reports whether a UID is in a set that is joined.
func (u UIDs) Contain(uid UID) bool {
	_, found := slices.BinarySearchFunc(u, uid, func(r UIDRange, uid UID) int {
		switch {
		case r.To < uid:
			return -1
		case r.From > uid:
			return 1
		}
		return 0
	})
	return found
}

func (u UIDs) has(i Item) bool { return u.Contain(i.UID) }
