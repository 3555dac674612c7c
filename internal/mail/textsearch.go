package mail

import (
	"context"
	"io"
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
		p.behind = int(v.size-v.Next()) >= ix.batch
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
	may, sure, err := v.Find(q, classes)
	if err != nil {
		return b, err
	}
	b.may = v.grow(may)
	if q.Exact() {
		b.must = v.grow(sure)
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
	c := p.textCondition(q)
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

// soughtTexts are the patterns that a search looks for in bodies and in headers.
type soughtTexts struct{ body, heads []*fold.Pattern }

// textCondition is Field, BodyText or AnyText.
type textCondition struct {
	pattern *fold.Pattern
	name    string          // of a Field
	class   *fulltext.Class // of a Field
	inBody  int             // number among the patterns looked for in bodies
	inHeads int             // in headers; -1: not there
}

func (p *planner) textCondition(q Query) textCondition {
	switch q := q.(type) {
	case Field:
		class := classOf(q.Name)
		return textCondition{pattern: fold.Compile(q.Value), name: q.Name, class: &class}
	case BodyText:
		c := textCondition{pattern: fold.Compile(string(q)), inBody: len(p.sought.body), inHeads: -1}
		p.sought.body = append(p.sought.body, c.pattern)
		return c
	default:
		c := textCondition{pattern: fold.Compile(string(q.(AnyText))), inBody: len(p.sought.body), inHeads: len(p.sought.heads)}
		p.sought.body, p.sought.heads = append(p.sought.body, c.pattern), append(p.sought.heads, c.pattern)
		return c
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
	case c.class == nil && c.inHeads < 0:
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
	if c.class != nil {
		return m.fieldContains(c.name, c.pattern)
	}
	if c.inHeads >= 0 {
		if ok, err := m.headersContain(c.inHeads); ok || err != nil {
			return ok, err
		}
	}
	return m.bodyContains(c.inBody)
}

func (c *candidate) fieldContains(name string, p *fold.Pattern) (found bool, err error) {
	if err := c.readHeader(); err != nil {
		return false, err
	}
	c.buf = c.buf[:0]
	c.header.Fields(func(n string, value, _ []byte) bool {
		if strings.EqualFold(n, name) {
			found = true
			c.buf = append(message.AppendValue(c.buf, value), 0)
		}
		return true
	})
	c.field.Reset(c.buf)
	return found && p.Match(&c.field), nil
}

// soughtText is the headers or the body of a candidate, which is read once for
// all that is looked for in it.
type soughtText struct {
	search *fold.Search
	read   bool
}

// headersContain looks at the fields of the message and of its parts.
func (c *candidate) headersContain(pattern int) (bool, error) {
	return c.heads.contains(c.ctx, pattern, func(w io.Writer) error {
		if err := c.readHeader(); err != nil {
			return err
		}
		c.buf = message.AppendHeader(c.buf[:0], c.header)
		if _, err := w.Write(c.buf); err != nil {
			return err
		}
		return c.text.WritePartHeaders(w)
	})
}

// bodyContains looks at the text of the body.
func (c *candidate) bodyContains(pattern int) (bool, error) {
	return c.body.contains(c.ctx, pattern, c.text.WriteBody)
}

func (t *soughtText) contains(ctx context.Context, pattern int, write func(io.Writer) error) (bool, error) {
	if !t.read {
		t.search.Reset()
		if err := t.search.End(write(whileWanted{ctx, t.search})); err != nil {
			return false, err
		}
		t.read = true
	}
	return t.search.Found(pattern), nil
}

// whileWanted ends the reading of a text, which may be long, with ctx.
type whileWanted struct {
	ctx context.Context
	io.Writer
}

// Write implements io.Writer.
func (w whileWanted) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(p)
}
