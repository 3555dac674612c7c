package mail

import (
	"slices"

	"tem/internal/fulltext"
)

// The prices of conditions: those of one price are tried before dearer ones.
const (
	priceFlags = iota // the flags row
	priceMeta         // the metadata row
	priceText         // the text index, else the message itself
)

// plan is a condition ready to be tried: its texts are folded and its parts in
// the order of their prices.
type plan struct {
	price int
	flags bool // the flags row is needed
	match func(c *candidate) (bool, error)
	bound func(v *textView) (bounds, error) // nil: the text index says nothing
}

// bounds are what the text index says of a condition: these messages match for
// certain, and none but those can. A nil must is no message, a nil may is all.
type bounds struct{ must, may fulltext.Docs }

func newPlan(q Query) (plan, error) {
	switch q := q.(type) {
	case And:
		return join(q, false)
	case Or:
		return join(q[:], true)
	case Not:
		p, err := newPlan(q.Q)
		return not(p), err
	case Field, BodyText, AnyText:
		return textPlan(q), nil
	case Larger, Smaller, Before, On, Since, SentBefore, SentOn, SentSince:
		return metaPlan(q), nil
	case All, UIDs:
		return flagsPlan(q, false), nil
	case HasFlag, Keyword, ModSeqSince:
		return flagsPlan(q, true), nil
	}
	return plan{}, fail(Invalid, "%T is no search condition", q)
}

func not(p plan) plan {
	n := p
	n.match = func(c *candidate) (bool, error) { ok, err := p.match(c); return !ok && err == nil, err }
	if p.bound != nil {
		n.bound = func(v *textView) (bounds, error) {
			b, err := p.bound(v)
			return bounds{v.complement(b.may), v.complement(b.must)}, err
		}
	}
	return n
}

// join tries the cheap ones first; it ends at the first that is as end.
func join(qs []Query, end bool) (plan, error) {
	var ps []plan
	all := plan{}
	for _, q := range qs {
		p, err := newPlan(q)
		if err != nil {
			return plan{}, err
		}
		ps = append(ps, p)
		all.price, all.flags = max(all.price, p.price), all.flags || p.flags
		if p.bound != nil {
			all.bound = func(v *textView) (bounds, error) { return joinBounds(v, ps, end) }
		}
	}
	slices.SortStableFunc(ps, func(x, y plan) int { return x.price - y.price })
	all.match = func(c *candidate) (bool, error) { return joinMatch(c, ps, end) }
	return all, nil
}

// joinMatch goes past a part that needs the message read: a later one may decide without it.
func joinMatch(c *candidate, ps []plan, end bool) (bool, error) {
	var needs error
	for _, p := range ps {
		switch ok, err := p.match(c); {
		case err == errNeedsMessage:
			needs = err
		case err != nil:
			return false, err
		case ok == end:
			return end, nil
		}
	}
	return !end && needs == nil, needs
}

// joinBounds joins the bounds of parts: all of them must hold (end false) or one.
func joinBounds(v *textView, ps []plan, end bool) (all bounds, err error) {
	for i, p := range ps {
		var b bounds
		if p.bound != nil {
			if b, err = p.bound(v); err != nil {
				return bounds{}, err
			}
		}
		switch {
		case i == 0:
			all = b
		case end:
			all = all.or(b)
		default:
			all = all.and(b)
		}
	}
	return all, nil
}

func (b bounds) and(c bounds) bounds {
	if b.must == nil || c.must == nil {
		b.must = nil
	} else {
		b.must = slices.Clone(b.must)
		b.must.And(c.must)
	}
	if b.may == nil {
		b.may = c.may
	} else if c.may != nil {
		b.may = slices.Clone(b.may)
		b.may.And(c.may)
	}
	return b
}

func (b bounds) or(c bounds) bounds {
	if b.must == nil {
		b.must = c.must
	} else if c.must != nil {
		b.must = slices.Clone(b.must)
		b.must.Or(c.must)
	}
	if b.may == nil || c.may == nil {
		b.may = nil
	} else {
		b.may = slices.Clone(b.may)
		b.may.Or(c.may)
	}
	return b
}

func flagsPlan(q Query, flags bool) plan {
	return plan{price: priceFlags, flags: flags, match: func(c *candidate) (bool, error) { return c.flagsMatch(q), nil }}
}

func (c *candidate) flagsMatch(q Query) bool {
	switch q := q.(type) {
	case UIDs:
		return slices.ContainsFunc(q, func(r UIDRange) bool { return r.From <= c.item.UID && c.item.UID <= r.To })
	case HasFlag:
		return c.item.Flags&Flags(q) == Flags(q)
	case Keyword:
		n := c.box.keyword(string(q))
		return n >= 0 && c.item.Flags&(1<<(FirstKeyword+n)) != 0
	case ModSeqSince:
		return c.item.ModSeq >= ModSeq(q)
	default: // All
		return true
	}
}

func metaPlan(q Query) plan {
	return plan{price: priceMeta, match: func(c *candidate) (bool, error) {
		if c.r == nil {
			return false, errNeedsMessage
		}
		return c.m.matches(q), nil
	}}
}
