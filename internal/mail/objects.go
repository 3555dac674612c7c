package mail

import (
	"strings"
	"time"
	"unicode"

	"tem/internal/fold"
	"tem/internal/kv"
	"tem/internal/message"
)

// Conditions about emails and threads, which are answered from the rows that
// tell where an email is, and those that look at other rows than flags and text.

// find makes a set of UIDs of a condition.
func (p *planner) find(q Query) (uids UIDs, err error) {
	switch q := q.(type) {
	case EmailIs:
		return p.instances(EmailID(q))
	case InThread:
		members, err := threadMembers(p.r, p.account, ThreadID(q))
		if err != nil || len(members) == 0 {
			return nil, err
		}
		return p.instances(members...)
	}
	return nil, nil
}

// instances are the messages here that emails are.
func (p *planner) instances(emails ...EmailID) (uids UIDs, err error) {
	asked := make(map[EmailID]bool, len(emails))
	for _, email := range emails {
		asked[email] = true
	}
	err = eachInstance(p.r, p.account, asked, func(_ EmailID, id MailboxID, uid UID) error {
		if id == p.box.ID {
			uids = append(uids, UIDRange{uid, uid})
		}
		return nil
	})
	return uids, err
}

// sharedPlan is a condition that holds for the messages whose emails are in
// another mailbox too. One pass over the emails finds them for all mailboxes:
// there may be many such conditions.
func (p *planner) sharedPlan(other MailboxID) (plan, error) {
	if p.shared == nil {
		if err := p.share(); err != nil {
			return plan{}, err
		}
	}
	_, there, err := p.r.Get(p.account, mailboxKey(other))
	if !there || err != nil {
		return p.flagsPlan(UIDs{}), err
	}
	return itemPlan(p.shared[other].has, false), nil
}

// share fills in shared.
func (p *planner) share() error {
	shared := make(map[MailboxID]UIDs)
	err := eachEmail(p.r, p.account, []byte{keyEmail}, []byte{keyEmail + 1}, func(_ EmailID, where []Instance) error {
		for _, here := range where {
			for _, i := range where {
				if here.Mailbox == p.box.ID {
					shared[i.Mailbox] = append(shared[i.Mailbox], UIDRange{here.UID, here.UID})
				}
			}
		}
		return nil
	})
	for id, uids := range shared {
		shared[id] = uids.Joined()
	}
	p.shared = shared
	return err
}

// eachEmail calls fn for every email whose rows are in a range of keys, in order,
// with its instances by mailbox and UID, which are valid only during the call.
func eachEmail(r kv.Reader, account kv.Part, lo, hi []byte, fn func(email EmailID, where []Instance) error) error {
	var last EmailID
	var where []Instance
	err := r.Scan(account, lo, hi, kv.ScanOptions{}, func(key, _ []byte) error {
		email, id, uid := instanceOf(key)
		if email != last && len(where) > 0 {
			if err := fn(last, where); err != nil {
				return err
			}
			where = where[:0]
		}
		last, where = email, append(where, Instance{id, uid})
		return nil
	})
	if err != nil || len(where) == 0 {
		return err
	}
	return fn(last, where)
}

// savedPlan compares save dates; the row of flags has them, unless the message
// was there before they were kept.
func savedPlan(q Query) plan {
	return plan{price: priceFlags, flags: true, match: func(c *candidate) (bool, error) {
		at := time.Unix(int64(c.item.Saved), 0).UTC()
		if c.item.Saved == 0 {
			if c.r == nil {
				return false, errNeedsMessage
			}
			at = c.m.Received
		}
		return savedMatches(q, day(at)), nil
	}}
}

func savedMatches(q Query, saved int) bool {
	switch q := q.(type) {
	case SavedBefore:
		return saved < day(q.T)
	case SavedOn:
		return saved == day(q.T)
	case SavedSince:
		return saved >= day(q.T)
	}
	return false
}

// filePlan looks at the names of parts.
func filePlan(q FileName) plan {
	pattern := fold.Compile(string(q))
	return plan{price: priceParts, match: func(c *candidate) (bool, error) {
		if c.r == nil {
			return false, errNeedsMessage
		}
		root, err := message.DecodePart(c.m.Parts)
		if err != nil {
			return false, err
		}
		found := false
		root.Walk(func(_ []int, p *message.Part) bool {
			name := p.Filename()
			found = found || name != "" && pattern.MatchString(name)
			return !found
		})
		return found, nil
	}}
}

// each is a condition for each word; one that has no marks is found with any.
func (w Words) each() Query {
	return eachWord(string(w), func(text string) Query { return AnyText(text) })
}

func (w FieldWords) each() Query {
	return eachWord(w.Value, func(text string) Query { return Field{w.Name, text} })
}

// eachWord makes a condition for each word of a text without its marks, or for
// all of a text that has no words.
func eachWord(text string, condition func(text string) Query) Query {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r)
	})
	if len(words) == 0 {
		return condition(text)
	}
	all := make(And, len(words))
	for n, word := range words {
		all[n] = condition(string(fold.Plain(nil, []byte(word))))
	}
	return all
}
