package mail

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"tem/internal/blob"
	"tem/internal/kv"
	"tem/internal/message"
)

// maxSearchText bounds how much text of one message is searched, in octets.
const maxSearchText = 16 << 20

// Search returns the UIDs of a mailbox that match, in order; progress and cancellation by ctx.
func (a *Account) Search(ctx context.Context, id MailboxID, q Query) (uids []UID, err error) {
	var box Mailbox
	err = a.read(ctx, func(r kv.Reader) error {
		if box, err = readMailbox(r, a.id, id); err != nil {
			return err
		}
		p, err := newPlan(q)
		if err != nil {
			return err
		}
		return scanItems(r, a.id, id, func(i Item) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			c := candidate{ctx: ctx, s: a.s, r: r, account: a.id, box: &box, item: i}
			defer c.close()
			ok, err := p.match(&c)
			if ok {
				uids = append(uids, i.UID)
			}
			return err
		})
	})
	return uids, err
}

// The prices of conditions: those of one price are tried before dearer ones.
const (
	priceFlags = iota // the flags row
	priceMeta         // the metadata row
	priceBody         // the message itself
)

// plan is a condition ready to be tried: its texts are folded and its parts in
// the order of their prices.
type plan struct {
	price int
	match func(c *candidate) (bool, error)
}

func newPlan(q Query) (plan, error) {
	switch q := q.(type) {
	case And:
		return join(q, false)
	case Or:
		return join(q[:], true)
	case Not:
		p, err := newPlan(q.Q)
		return plan{p.price, func(c *candidate) (bool, error) { ok, err := p.match(c); return !ok && err == nil, err }}, err
	case Field, BodyText, AnyText:
		return textPlan(q), nil
	case Larger, Smaller, Before, On, Since, SentBefore, SentOn, SentSince:
		return metaPlan(q), nil
	case All, UIDs, HasFlag, Keyword, ModSeqSince:
		return flagsPlan(q), nil
	}
	return plan{}, fail(Invalid, "%T is no search condition", q)
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
		all.price = max(all.price, p.price)
	}
	slices.SortStableFunc(ps, func(x, y plan) int { return x.price - y.price })
	all.match = func(c *candidate) (bool, error) {
		for _, p := range ps {
			if ok, err := p.match(c); ok == end || err != nil {
				return ok && err == nil, err
			}
		}
		return !end, nil
	}
	return all, nil
}

func flagsPlan(q Query) plan {
	return plan{priceFlags, func(c *candidate) (bool, error) { return c.flagsMatch(q), nil }}
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
	return plan{priceMeta, func(c *candidate) (bool, error) {
		m, err := c.meta()
		return err == nil && m.matches(q), err
	}}
}

func (m *Meta) matches(q Query) bool {
	switch q := q.(type) {
	case Larger:
		return m.Size > int64(q)
	case Smaller:
		return m.Size < int64(q)
	case Before:
		return day(m.Received) < day(q.T)
	case On:
		return day(m.Received) == day(q.T)
	case Since:
		return day(m.Received) >= day(q.T)
	case SentBefore:
		return day(m.sent()) < day(q.T)
	case SentOn:
		return day(m.sent()) == day(q.T)
	case SentSince:
		return day(m.sent()) >= day(q.T)
	}
	return false
}

// sent is the Date field, or the internal date where that is of no use.
func (m *Meta) sent() time.Time {
	if m.Sent.IsZero() {
		return m.Received
	}
	return m.Sent
}

// day is the date as written, time and zone left out (RFC 9051 §6.4.4).
func day(t time.Time) int {
	y, m, d := t.Date()
	return (y*12+int(m))*31 + d
}

func textPlan(q Query) plan {
	return plan{priceBody, func(c *candidate) (bool, error) { return c.textMatches(q) }}
}

func (c *candidate) textMatches(q Query) (bool, error) {
	if err := c.openBody(); err != nil {
		return false, err
	}
	switch q := q.(type) {
	case Field:
		return c.fieldContains(q.Name, fold(q.Value))
	case BodyText:
		return c.bodyContains(fold(string(q)))
	case AnyText:
		want := fold(string(q))
		if ok, err := c.headerContains(want); ok || err != nil {
			return ok, err
		}
		return c.bodyContains(want)
	}
	return false, nil
}

// candidate is one message that is tried; what a condition needs of it is read once.
type candidate struct {
	ctx     context.Context
	s       *Store
	r       kv.Reader
	account kv.Part
	box     *Mailbox
	item    Item

	m      *Meta
	body   blob.Reader
	root   *message.Part
	header message.Header
	text   *string // of the body, folded
}

func (c *candidate) close() {
	if c.body != nil {
		c.body.Close()
	}
}

func (c *candidate) meta() (*Meta, error) {
	if c.m != nil {
		return c.m, nil
	}
	key := messageKey(keyMeta, c.box.ID, c.item.UID)
	err := c.r.GetMulti(c.account, [][]byte{key}, func(_ int, row []byte) error {
		c.m = new(Meta)
		return c.m.decode(c.item.UID, bytes.Clone(row))
	})
	if err == nil && c.m == nil {
		err = fmt.Errorf("mailbox %d: no metadata of uid %d", c.box.ID, c.item.UID)
	}
	return c.m, err
}

// openBody opens the message and reads its header.
func (c *candidate) openBody() error {
	if c.body != nil {
		return nil
	}
	m, err := c.meta()
	if err != nil {
		return err
	}
	if c.root, err = message.DecodePart(m.Parts); err != nil {
		return err
	}
	if c.body, err = c.s.OpenBody(c.ctx, m.Body); err != nil {
		return err
	}
	c.header = make([]byte, min(c.root.Body-c.root.Start, message.MaxHeader))
	_, err = c.body.ReadAt(c.header, c.root.Start)
	if err == io.EOF {
		err = nil
	}
	return err
}

func (c *candidate) fieldContains(name, want string) (found bool, err error) {
	c.header.Fields(func(n string, value, _ []byte) bool {
		found = strings.EqualFold(n, name) && (want == "" || strings.Contains(foldHeader(value), want))
		return !found
	})
	return found, nil
}

// headerContains looks at the fields of the message and of its parts.
func (c *candidate) headerContains(want string) (found bool, err error) {
	c.header.Fields(func(n string, value, _ []byte) bool {
		found = strings.Contains(fold(n+": ")+foldHeader(value), want)
		return !found
	})
	return found, nil
}

func foldHeader(value []byte) string {
	return fold(message.DecodeWords(strings.Join(strings.Fields(string(value)), " ")))
}

// bodyContains looks at the text of all text parts.
func (c *candidate) bodyContains(want string) (bool, error) {
	if c.text == nil {
		text, err := c.readText()
		if err != nil {
			return false, err
		}
		text = fold(text)
		c.text = &text
	}
	return strings.Contains(*c.text, want), nil
}

func (c *candidate) readText() (string, error) {
	var b strings.Builder
	var err error
	c.root.Walk(func(_ []int, p *message.Part) bool {
		if p.Type != "text" || b.Len() > maxSearchText {
			return true
		}
		_, err = io.Copy(&b, io.LimitReader(message.Text(c.body, p), maxSearchText))
		b.WriteByte('\n')
		return err == nil
	})
	return b.String(), err
}

// fold makes texts that differ in case or composition only the same
// (i;unicode-casemap, RFC 5051, by full case folding and NFKC).
func fold(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}
