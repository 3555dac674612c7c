package imapserver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// folder is one name in the answer to LIST.
type folder struct {
	box      *mail.Mailbox // nil: only a parent, or only subscribed
	children bool
	sub      bool
	below    bool // a name below is selected
	hidden   bool // and that name does not match the pattern
}

// folders are all names there are, with the parents that are only implied;
// with subs, also names that are only subscribed.
func (t *turn) folders(ctx context.Context, subs bool) (map[string]*folder, error) {
	boxes, err := t.account.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*folder, len(boxes))
	for i := range boxes {
		all[boxes[i].Name] = &folder{box: &boxes[i], sub: boxes[i].Subscribed}
	}
	for i := range boxes {
		eachParent(all, boxes[i].Name, func(f *folder) { f.children = true })
	}
	if !subs {
		return all, nil
	}
	names, err := t.account.Subscriptions(ctx)
	for _, name := range names {
		if all[name] == nil {
			all[name] = &folder{}
		}
		all[name].sub = true
	}
	return all, err
}

// eachParent calls fn for every name above name, making those that are missing.
func eachParent(all map[string]*folder, name string, fn func(*folder)) {
	for at := strings.LastIndexByte(name, '/'); at >= 0; at = strings.LastIndexByte(name, '/') {
		name = name[:at]
		if all[name] == nil {
			all[name] = &folder{}
		}
		fn(all[name])
	}
}

// List answers LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9).
func (t *turn) List(ctx context.Context, c *imap.List) error {
	if !c.Extended && c.Patterns[0] == "" { // asks for the delimiter
		return t.say(`* %s (\Noselect) "/" ""`, verb(c))
	}
	all, err := t.folders(ctx, c.LSub || c.Subscribed)
	if err != nil {
		return err
	}
	for _, name := range slices.Collect(maps.Keys(all)) {
		if selected(c, all[name]) {
			matches := matchAny(c, name)
			eachParent(all, name, func(f *folder) { f.below, f.hidden = true, f.hidden || !matches })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		if (selected(c, f) || (c.RecursiveMatch || c.LSub) && f.hidden) && matchAny(c, name) {
			if err := t.sayFolder(ctx, c, name, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// selected reports whether a name meets the selection options (RFC 9051 §6.3.9.1).
func selected(c *imap.List, f *folder) bool {
	if c.SpecialUse && (f.box == nil || f.box.SpecialUse == "") {
		return false
	}
	if c.LSub || c.Subscribed {
		return f.sub
	}
	return f.box != nil || f.children
}

func verb(c *imap.List) string {
	if c.LSub {
		return "LSUB"
	}
	return "LIST"
}

func (t *turn) sayFolder(ctx context.Context, c *imap.List, name string, f *folder) error {
	text := fmt.Appendf(nil, `* %s (%s) "/" `, verb(c), strings.Join(t.attributes(c, f), " "))
	text = imap.AppendMailbox(text, name, t.r.UTF8)
	if c.RecursiveMatch && f.below { // RFC 9051 §6.3.9.6
		text = append(text, ` ("CHILDINFO" ("SUBSCRIBED"))`...)
	}
	if err := t.line(text); err != nil || c.Status == nil || f.box == nil {
		return err
	}
	return t.sayStatus(ctx, place{t.account, t.person.ID, *f.box, mail.AllRights}, c.Status)
}

// attributes are those of RFC 9051 §7.3.1. Only clients that speak LIST-EXTENDED
// know of names that don't exist; and a name that LSUB shows only for what is
// below it can't be selected (RFC 3501 §6.3.9).
func (t *turn) attributes(c *imap.List, f *folder) (attrs []string) {
	switch {
	case f.box == nil && (c.Extended || t.enabled.rev2):
		attrs = append(attrs, `\NonExistent`)
	case f.box == nil || c.LSub && !f.sub:
		attrs = append(attrs, `\Noselect`)
	case f.box.SpecialUse != "" && !c.LSub:
		attrs = append(attrs, f.box.SpecialUse)
	}
	if f.children {
		attrs = append(attrs, `\HasChildren`)
	} else {
		attrs = append(attrs, `\HasNoChildren`)
	}
	if f.sub && (c.Subscribed || c.ReturnSubscribed) {
		attrs = append(attrs, `\Subscribed`)
	}
	return attrs
}

func matchAny(c *imap.List, name string) bool {
	return slices.ContainsFunc(c.Patterns, func(p string) bool { return match(c.Reference+p, name) })
}

// match is linear in each of both: reach[i] says that the pattern so far can
// end after i octets of the name.
func match(pattern, name string) bool {
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for _, p := range []byte(pattern) {
		if p == '*' || p == '%' {
			for i := range len(name) {
				reach[i+1] = reach[i+1] || reach[i] && (p == '*' || name[i] != '/')
			}
			continue
		}
		for i := len(name); i > 0; i-- {
			reach[i] = reach[i-1] && name[i-1] == p
		}
		reach[0] = false
	}
	return reach[len(name)]
}
