package mail

import (
	"slices"

	"tem/internal/fulltext"
	"tem/internal/kv"
)

// The prices of conditions: those of one price are tried before dearer ones.
const (
	priceFlags = iota // the flags row
	priceMeta         // the metadata row
	priceParts        // the structure in it
	priceText         // the text index, else the message itself
)

// plan is a condition ready to be tried: its texts are folded and its parts in
// the order of their prices.
type plan struct {
	price int
	flags bool // the flags row is needed
	match func(c *candidate) (bool, error)
	bound func(v *textView) (bounds, error) // nil: the text index says nothing

	behind bool // the text index lacks much of what it was asked about
}

// bounds are what the text index says of a condition: these messages match for
// certain, and none but those can. A nil must is no message, a nil may is all.
type bounds struct{ must, may fulltext.Docs }

// planner makes the plan of one search in the snapshot that the search begins in.
type planner struct {
	r       kv.Reader
	account kv.Part
	box     *Mailbox
	shared  map[MailboxID]UIDs // for InMailbox: the messages whose emails are there, too, joined; nil: not looked for yet
	texts   int                // how many texts are looked for
	sought  soughtTexts
}

func (p *planner) plan(q Query) (plan, error) {
	switch q := q.(type) {
	case And:
		return p.join(parts(q, false), false)
	case Or:
		return p.join(p.merge(parts(q, true)), true)
	case Not:
		return p.not(q)
	case Words:
		return p.plan(q.each())
	case FieldWords:
		return p.plan(q.each())
	case Field, BodyText, AnyText:
		return p.textPlan(q), nil
	case Larger, Smaller, Before, On, Since, SentBefore, SentOn, SentSince, ReceivedBefore, ReceivedSince, Attached:
		return metaPlan(q), nil
	case FileName:
		return filePlan(q), nil
	case InMailbox:
		return p.sharedPlan(MailboxID(q))
	case EmailIs, InThread:
		uids, err := p.find(q)
		return p.flagsPlan(uids), err
	case SavedBefore, SavedOn, SavedSince:
		return savedPlan(q), nil
	case All, UIDs, HasFlag, Keyword, ModSeqSince:
		return p.flagsPlan(q), nil
	}
	return plan{}, fail(Invalid, "%T is no search condition", q)
}

// parts are the conditions that nested Ors or Ands join, in order: what is tried
// for each message is one list, however deep they are nested.
func parts(q Query, or bool) (list []Query) {
	for left := []Query{q}; len(left) > 0; {
		last := len(left) - 1
		q, left = left[last], left[:last]
		inside, joins := []Query(nil), false
		switch c := q.(type) {
		case And:
			inside, joins = c, !or
		case Or:
			inside, joins = c[:], or
		}
		if !joins {
			list = append(list, q)
			continue
		}
		for _, c := range slices.Backward(inside) {
			left = append(left, c)
		}
	}
	return list
}

// merge makes one condition of all the sets of UIDs among alternatives.
func (p *planner) merge(list []Query) []Query {
	var uids UIDs
	rest := list[:0:0]
	for _, q := range list {
		if set, ok := q.(UIDs); ok {
			uids = append(uids, set...)
		} else {
			rest = append(rest, q)
		}
	}
	if uids == nil {
		return rest
	}
	return append(rest, uids)
}

// not is the contrary of a condition; Nots in a row undo each other.
func (p *planner) not(q Not) (plan, error) {
	odd, in := true, q.Q
	for n, again := in.(Not); again; n, again = in.(Not) {
		odd, in = !odd, n.Q
	}
	inner, err := p.plan(in)
	if !odd || err != nil {
		return inner, err
	}
	n := inner
	n.match = func(c *candidate) (bool, error) { ok, err := inner.match(c); return !ok && err == nil, err }
	if inner.bound != nil {
		n.bound = func(v *textView) (bounds, error) {
			b, err := inner.bound(v)
			return bounds{v.complement(b.may), v.complement(b.must)}, err
		}
	}
	return n, nil
}

// join tries the cheap ones first; it ends at the first that is as end.
func (p *planner) join(qs []Query, end bool) (plan, error) {
	ps := make([]plan, 0, len(qs))
	all := plan{}
	for _, q := range qs {
		part, err := p.plan(q)
		if err != nil {
			return plan{}, err
		}
		ps = append(ps, part)
		all.price, all.flags = max(all.price, part.price), all.flags || part.flags
		if part.bound != nil {
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
	for i := range ps {
		switch ok, err := ps[i].match(c); {
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

// flagsPlan is a condition that UID, flags and modseq decide.
func (p *planner) flagsPlan(q Query) plan {
	return itemPlan(p.fits(q))
}

func itemPlan(fits func(Item) bool, flags bool) plan {
	return plan{price: priceFlags, flags: flags, match: func(c *candidate) (bool, error) { return fits(c.item), nil }}
}

// fits makes the test; flags says that it looks at more than the UID.
func (p *planner) fits(q Query) (fits func(Item) bool, flags bool) {
	switch q := q.(type) {
	case UIDs:
		return q.Joined().has, false
	case HasFlag:
		return func(i Item) bool { return i.Flags&Flags(q) == Flags(q) }, true
	case Keyword:
		n := p.box.keyword(string(q))
		if n < 0 {
			return func(Item) bool { return false }, false
		}
		return func(i Item) bool { return i.Flags&(1<<(FirstKeyword+n)) != 0 }, true
	case ModSeqSince:
		return func(i Item) bool { return i.ModSeq >= ModSeq(q) }, true
	}
	return func(Item) bool { return true }, false // All
}

func metaPlan(q Query) plan {
	asked := askedDay(q)
	return plan{price: priceMeta, match: func(c *candidate) (bool, error) {
		if c.r == nil {
			return false, errNeedsMessage
		}
		return c.m.matches(q, asked), nil
	}}
}
