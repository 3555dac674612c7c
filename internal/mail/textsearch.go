package mail

import (
	"math"
	"strings"

	"tem/internal/fold"
	"tem/internal/fulltext"
	"tem/internal/kv"
	"tem/internal/message"
)

// textView is the text index in one snapshot, over all messages of an account.
type textView struct {
	*fulltext.View
	size   uint32        // numbers of messages are below
	unsure fulltext.Docs // messages that are not or not wholly indexed
}

// maxDocs is how many messages an account has had at most for its index to be used.
const maxDocs = math.MaxInt32

// bounds asks the text index; ok is false if it can't say anything. One that is
// damaged is handed over to be made again.
func (a *Account) bounds(r kv.Reader, p *plan) (b bounds, ok bool, err error) {
	ix := a.s.textIndex()
	v, err := ix.viewOf(r, a.id)
	if err == nil && v != nil {
		if int(v.size-v.Next()) >= ix.batch {
			ix.note(a.id)
		}
		b, err = p.bound(v)
	}
	if fulltext.IsDamaged(err) {
		ix.reportDamage(a.id, err)
		return bounds{}, false, nil
	}
	return b, err == nil && v != nil, err
}

func (ix *indexer) viewOf(r kv.Reader, account kv.Part) (*textView, error) {
	st, err := readState(r, account)
	if err != nil || st.nextEmail > maxDocs {
		return nil, err
	}
	view, err := ix.text.View(r, account)
	if err != nil {
		return nil, err
	}
	v := &textView{View: view, size: uint32(st.nextEmail)}
	if v.Next() > v.size {
		return nil, fulltext.ErrDamaged
	}
	partly, err := v.Partly()
	v.unsure = v.grow(partly)
	v.unsure.AddRange(v.Next(), v.size)
	return v, err
}

// grow makes a set long enough for all messages.
func (v *textView) grow(set fulltext.Docs) fulltext.Docs {
	all := fulltext.NewDocs(v.size + 64)
	copy(all, set)
	return all
}

// complement is every message that is not in set, a nil set being none or all
// as its place in bounds has it: then nothing is known.
func (v *textView) complement(set fulltext.Docs) fulltext.Docs {
	if set == nil {
		return nil
	}
	all := v.grow(nil)
	all.AddRange(0, v.size)
	all.AndNot(set)
	return all
}

// ask asks for a pattern in texts of some classes.
func (v *textView) ask(p *fold.Pattern, classes fulltext.Classes) (b bounds, err error) {
	q := fulltext.NewQuery(p)
	found, err := v.Find(q, classes)
	if err != nil {
		return b, err
	}
	b.may = v.grow(found)
	if q.Exact() {
		b.must = v.grow(found)
	}
	b.may.Or(v.unsure)
	return b, nil
}

// knownMost is how many bits a search keeps of what the index has said of each
// of its texts, twice over. Beyond it only the messages that can match because
// of all of them together are known, and are read.
const knownMost = 1 << 29

// textPlan looks for a text. What the index has said is known when messages are tried.
func (p *planner) textPlan(q Query) plan {
	c := newTextCondition(q)
	if c.class == nil && c.pattern.Empty() {
		return p.flagsPlan(All{})
	}
	p.texts++
	var known bounds
	return plan{
		price: priceText,
		bound: func(v *textView) (b bounds, err error) {
			if b, err = c.bound(v); int64(p.texts)*int64(v.size) <= knownMost {
				known = b
			}
			return b, err
		},
		match: func(m *candidate) (bool, error) {
			switch {
			case m.doc == 0 || known.may == nil: // not indexed
			case known.must.Has(m.doc):
				return true, nil
			case !known.may.Has(m.doc):
				return false, nil
			}
			if err := m.open(); err != nil {
				return false, err
			}
			return c.match(m)
		},
	}
}

// textCondition is Field, BodyText or AnyText.
type textCondition struct {
	pattern *fold.Pattern
	name    string          // of a Field
	class   *fulltext.Class // of a Field
	body    bool            // BodyText
}

func newTextCondition(q Query) textCondition {
	switch q := q.(type) {
	case Field:
		class := classOf(q.Name)
		return textCondition{pattern: fold.Compile(q.Value), name: q.Name, class: &class}
	case BodyText:
		return textCondition{pattern: fold.Compile(string(q)), body: true}
	default:
		return textCondition{pattern: fold.Compile(string(q.(AnyText)))}
	}
}

// classOf is the class that the value of a field is indexed in.
func classOf(name string) fulltext.Class {
	switch strings.ToLower(name) {
	case "subject":
		return fulltext.Subject
	case "from":
		return fulltext.From
	case "to":
		return fulltext.To
	case "cc":
		return fulltext.Cc
	case "bcc":
		return fulltext.Bcc
	}
	return fulltext.Header
}

func (c *textCondition) bound(v *textView) (bounds, error) {
	switch {
	case c.body:
		return v.ask(c.pattern, fulltext.Body.In())
	case c.class == nil:
		return v.ask(c.pattern, fulltext.AllClasses)
	case *c.class != fulltext.Header && !c.pattern.Empty():
		return v.ask(c.pattern, c.class.In())
	}
	// Which field a word stands in is not indexed: it has to be looked up.
	b, err := v.ask(fold.Compile(c.name+":"), fulltext.Header.In())
	if err == nil && !c.pattern.Empty() && !message.IsNoise(c.name) {
		var value bounds
		value, err = v.ask(c.pattern, fulltext.Header.In())
		b.may.And(value.may)
	}
	b.must = nil
	return b, err
}

func (c *textCondition) match(m *candidate) (bool, error) {
	switch {
	case c.class != nil:
		return m.fieldContains(c.name, c.pattern), nil
	case c.body:
		return m.bodyContains(c.pattern)
	}
	if ok, err := m.headersContain(c.pattern); ok || err != nil {
		return ok, err
	}
	return m.bodyContains(c.pattern)
}

func (c *candidate) fieldContains(name string, p *fold.Pattern) (found bool) {
	c.buf[0] = c.buf[0][:0]
	c.header.Fields(func(n string, value, _ []byte) bool {
		if strings.EqualFold(n, name) {
			found = true
			c.buf[0] = append(message.AppendValue(c.buf[0], value), 0)
		}
		return true
	})
	c.field.Reset(c.buf[0])
	return found && p.Match(&c.field)
}

// headersContain looks at the fields of the message and of its parts.
func (c *candidate) headersContain(p *fold.Pattern) (_ bool, err error) {
	if !c.has {
		c.buf[1], err = c.text.AppendPartHeaders(message.AppendHeader(c.buf[1][:0], c.header))
		if err != nil {
			return false, err
		}
		c.heads.Reset(c.buf[1])
		c.has = true
	}
	return p.Match(&c.heads), nil
}

// bodyContains looks at the text of the body.
func (c *candidate) bodyContains(p *fold.Pattern) (_ bool, err error) {
	if !c.hasBody {
		if c.buf[2], err = c.text.AppendBody(c.buf[2][:0]); err != nil {
			return false, err
		}
		c.body.Reset(c.buf[2])
		c.hasBody = true
	}
	return p.Match(&c.body), nil
}
