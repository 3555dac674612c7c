package mail

import (
	"context"
	"slices"
)

// Decide returns which of items match, by index, in order. It reads nothing: ok
// is false where UID, flags and modseq don't tell, and then Search does. The
// items must be as m is, or the flags of m's keywords are not what they seem.
func (m *Mailbox) Decide(ctx context.Context, items []Item, q Query) (at []int, ok bool, err error) {
	if !byItem(q) {
		return nil, false, nil
	}
	p, err := (&planner{box: m}).plan(q)
	if err != nil {
		return nil, false, err
	}
	var c candidate
	for i := range items {
		if i%16 == 0 && ctx.Err() != nil { // there may be many conditions
			return nil, false, ctx.Err()
		}
		c.item = items[i]
		if fits, err := p.match(&c); err != nil {
			return nil, false, err
		} else if fits {
			at = append(at, i)
		}
	}
	return at, true, nil
}

// byItem reports whether an Item is enough to decide.
func byItem(q Query) bool {
	switch q := q.(type) {
	case And:
		return !slices.ContainsFunc(q, func(q Query) bool { return !byItem(q) })
	case Or:
		return byItem(q[0]) && byItem(q[1])
	case Not:
		return byItem(q.Q)
	case All, UIDs, HasFlag, Keyword, ModSeqSince:
		return true
	}
	return false
}
