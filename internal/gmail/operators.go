package gmail

import (
	"strings"

	"tem/internal/fold"
	"tem/internal/mail"
)

// operator makes a condition of what stands behind it, which is not empty; nil:
// that makes no sense.
type operator func(s *Setting, value string) mail.Query

// operators by name; the table never changes.
var operators = map[string]operator{
	"from": person("From"), "to": person("To", "Cc", "Bcc"), "cc": person("Cc"), "bcc": person("Bcc"),
	"deliveredto": person("Delivered-To"), "subject": field("Subject"), "list": list, "rfc822msgid": messageID,
	"filename": func(_ *Setting, name string) mail.Query { return mail.FileName(name) },
	"has":      has, "is": place, "in": place, "label": place, "category": category,
	"after": after, "newer": after, "before": before, "older": before, "newer_than": newerThan, "older_than": olderThan,
	"larger": larger, "size": larger, "smaller": smaller,
}

// none matches nothing.
var none = mail.UIDs{}

func field(name string) operator {
	return func(_ *Setting, value string) mail.Query { return mail.Field{Name: name, Value: value} }
}

// person looks in several fields for a name or an address, or for oneself.
func person(fields ...string) operator {
	return func(s *Setting, value string) mail.Query {
		if strings.EqualFold(value, "me") && s.Me != "" {
			value = s.Me
		}
		return inFields(value, fields...)
	}
}

func inFields(value string, fields ...string) mail.Query {
	list := make([]mail.Query, len(fields))
	for i, name := range fields {
		list[i] = mail.Field{Name: name, Value: value}
	}
	return anyOf(list)
}

// list looks for a mailing list by its id (RFC 2919), which is often its address
// with a dot for the @, or by its address (RFC 2369).
func list(_ *Setting, value string) mail.Query {
	q := inFields(value, "List-Id", "List-Post")
	if id := strings.Replace(value, "@", ".", 1); id != value {
		return mail.Or{q, mail.Field{Name: "List-Id", Value: id}}
	}
	return q
}

func messageID(_ *Setting, value string) mail.Query {
	return mail.Field{Name: "Message-ID", Value: strings.Trim(value, "<>")}
}

// category: nothing is sorted into any.
func category(*Setting, string) mail.Query { return none }

// links are what has: looks for in the text, for things that are elsewhere; the
// table never changes.
var links = map[string][]string{
	"drive": {"drive.google.com", "docs.google.com"}, "document": {"docs.google.com/document"},
	"spreadsheet": {"docs.google.com/spreadsheets"}, "presentation": {"docs.google.com/presentation"},
	"youtube": {"youtube.com", "youtu.be"},
}

func has(s *Setting, value string) mail.Query {
	switch value = strings.ToLower(value); value {
	case "attachment":
		return mail.Attached(true)
	case "userlabels":
		return s.inAny(s.isUsers)
	case "nouserlabels":
		return mail.Not{Q: s.inAny(s.isUsers)}
	}
	var found []mail.Query
	for _, link := range links[value] {
		found = append(found, mail.BodyText(link))
	}
	return anyOf(found)
}

// isUsers reports a mailbox that is a label somebody made.
func (s *Setting) isUsers(i int) bool {
	return s.Mailboxes[i].Name != "INBOX" && s.Mailboxes[i].SpecialUse == ""
}

// inAny finds emails that are in one of some mailboxes.
func (s *Setting) inAny(some func(i int) bool) mail.Query {
	var found []mail.Query
	for i := range s.Mailboxes {
		if some(i) {
			found = append(found, mail.InMailbox(s.Mailboxes[i].ID))
		}
	}
	if len(found) == 0 {
		return none
	}
	return anyOf(found)
}

// place is in:, is: and label:, which Gmail lets stand for each other: a state,
// or the mailboxes that are called so.
func place(s *Setting, value string) mail.Query {
	called := s.called(value)
	q := state(value)
	if l, found := Find(s.Mailboxes, `\`+strings.TrimPrefix(value, `\`)); found && q == nil {
		q = l.Query()
	}
	switch in, one := called.(mail.InMailbox); {
	case q == nil || one && q == in:
		return called
	case isNone(called):
		return q
	}
	return mail.Or{q, called}
}

func isNone(q mail.Query) bool {
	u, is := q.(mail.UIDs)
	return is && len(u) == 0
}

// state is what is not a mailbox but is looked for like one; nil: no such thing.
func state(value string) mail.Query {
	switch strings.ToLower(value) {
	case "anywhere":
		return mail.All{}
	case "unread":
		return mail.Not{Q: mail.HasFlag(mail.Seen)}
	case "read":
		return mail.HasFlag(mail.Seen)
	}
	return nil
}

// called finds the mailboxes of a name as it is typed: whatever its case and
// marks, and with dashes for what else is between words, as Gmail has it.
func (s *Setting) called(value string) mail.Query {
	if s.names == nil {
		for i := range s.Mailboxes {
			s.names = append(s.names, dashed(s.Mailboxes[i].Name))
		}
	}
	value = dashed(value)
	return s.inAny(func(i int) bool { return s.names[i] == value })
}

func dashed(name string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(" /&()\"|{}", c) {
			return '-'
		}
		return c
	}, string(fold.Plain(nil, []byte(name))))
}
