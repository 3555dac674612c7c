// Package gmail knows how Gmail names things: the labels that a message has, and
// the language of its search field.
//
// A label is a mailbox that an email is in, or a mark on a message. A query
// becomes a mail.Query, whatever is typed: what makes no sense to the language
// is looked for as text, as Gmail does, so that there are no errors.
//
// Where Tem has no counterpart: there is no mailbox of all mail, so that what is
// archived is in the mailbox for that, and in:anywhere stays where the search
// is; nothing has a category; AROUND asks for both texts, however far apart.
//
// The package keeps no state and starts no goroutines.
package gmail

import (
	"strings"

	"tem/internal/mail"
)

// Important is the keyword of what Gmail marks so (RFC 8457 §2); \Starred is \Flagged.
const Important = "$Important"

// Label is what a label stands for: one of these is set.
type Label struct {
	Mailbox mail.MailboxID
	Flag    mail.Flags
	Keyword string
}

// Query finds what has the label.
func (l Label) Query() mail.Query {
	switch {
	case l.Flag != 0:
		return mail.HasFlag(l.Flag)
	case l.Keyword != "":
		return mail.Keyword(l.Keyword)
	}
	return mail.InMailbox(l.Mailbox)
}

// Name is the label of a mailbox: its name, or what Gmail calls one of that use.
func Name(m *mail.Mailbox) string {
	switch {
	case m.Name == "INBOX":
		return `\Inbox`
	case m.SpecialUse == `\Drafts`:
		return `\Draft`
	case m.SpecialUse == `\Junk`:
		return `\Spam`
	case m.SpecialUse == `\Sent` || m.SpecialUse == `\Trash`:
		return m.SpecialUse
	}
	return m.Name
}

// Find returns what a label stands for. The labels of the system come before
// mailboxes of the same name, as they do at Gmail.
func Find(boxes []mail.Mailbox, label string) (l Label, found bool) {
	switch use := systemUse(label); use {
	case "":
	case `\starred`, `\flagged`:
		return Label{Flag: mail.Flagged}, true
	case `\important`:
		return Label{Keyword: Important}, true
	default:
		for i := range boxes {
			if use == `\inbox` && boxes[i].Name == "INBOX" || strings.EqualFold(boxes[i].SpecialUse, use) {
				return Label{Mailbox: boxes[i].ID}, true
			}
		}
	}
	for i := range boxes {
		if boxes[i].Name == label {
			return Label{Mailbox: boxes[i].ID}, true
		}
	}
	return Label{}, false
}

// IsSystem reports a label that is not for people to make.
func IsSystem(label string) bool { return strings.HasPrefix(label, `\`) }

// systemUse is the special use, in small letters, that a label of the system means.
func systemUse(label string) string {
	if !IsSystem(label) {
		return ""
	}
	switch use := strings.ToLower(label); use {
	case `\draft`:
		return `\drafts`
	case `\spam`:
		return `\junk`
	case `\bin`:
		return `\trash`
	default:
		return use
	}
}
