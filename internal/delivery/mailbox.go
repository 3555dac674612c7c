package delivery

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"tem/internal/fold"
	"tem/internal/mail"
)

// choose finds the mailboxes for what does not go to INBOX: what is not wanted,
// and then what is filed by the tag of its address.
func (d *Delivery) choose(ctx context.Context, p *plan) (err error) {
	for i := range p.local {
		l := &p.local[i]
		switch account := d.o.Mail.Account(l.account.ID); {
		case l.junk:
			l.mailbox, err = d.junk(ctx, account)
		case l.tag != "":
			l.mailbox, err = filedIn(ctx, account, l.tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// filedIn is the name of the mailbox that a tag names; "": there is none. Strangers
// write tags, so nothing is made for one, and only the account's own are looked at.
func filedIn(ctx context.Context, account *mail.Account, tag string) (string, error) {
	boxes, err := account.Mailboxes(ctx)
	return filedAmong(boxes, tag), err
}

// filedAmong leaves out those that are not for what comes, and what is below them.
func filedAmong(boxes []mail.Mailbox, tag string) string {
	name := boxNamed(boxes, tag)
	if slices.ContainsFunc(boxes, func(m mail.Mailbox) bool { return hasRole(m) && within(name, m.Name) }) {
		return ""
	}
	return name
}

// unfile lets what was to be filed go to INBOX after all, if err says that the
// mailbox was removed or renamed since it was chosen.
func (p *plan) unfile(err error) bool {
	var problem *mail.Error
	if !errors.As(err, &problem) || problem.Kind != mail.NotFound {
		return false
	}
	i := slices.IndexFunc(p.local, func(l local) bool { return l.account.ID == problem.Account && l.tag != "" && !l.junk })
	if i < 0 {
		return false
	}
	p.local[i].tag, p.local[i].mailbox = "", ""
	return true
}

// boxNamed finds the mailbox that has this name or, if none has, the only one of
// which the name is the same but for upper and lower case: others write addresses as they like.
func boxNamed(boxes []mail.Mailbox, tag string) string {
	want, alike := fold.Kept(nil, []byte(tag)), []string(nil)
	for _, m := range boxes {
		if m.Name == tag {
			return tag
		}
		if bytes.Equal(fold.Kept(nil, []byte(m.Name)), want) {
			alike = append(alike, m.Name)
		}
	}
	if len(alike) != 1 {
		return ""
	}
	return alike[0]
}

// hasRole says that a mailbox is not for what comes: it has a special use, or
// the name of one that mail programs know by its name.
func hasRole(m mail.Mailbox) bool {
	return m.SpecialUse != "" || slices.ContainsFunc([]string{"Drafts", junkName, "Sent", "Trash"}, func(name string) bool { return strings.EqualFold(m.Name, name) })
}

// within says that a mailbox is another one, or below it.
func within(name, above string) bool {
	return name == above || strings.HasPrefix(name, above+"/")
}
