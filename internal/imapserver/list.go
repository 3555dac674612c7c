package imapserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// folder is one name in the answer to LIST.
type folder struct {
	at       *place // nil: only a parent, or only subscribed
	children bool
	sub      bool
	below    bool // a name below is selected
	hidden   bool // and that name does not match the pattern
}

// folders are all names there are, other people's too, with the parents that are
// only implied; with subs, also names that are only subscribed.
func (t *turn) folders(ctx context.Context, subs bool) (map[string]*folder, error) {
	all, err := t.ownFolders(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.sharedFolders(ctx, all); err != nil {
		return nil, err
	}
	for _, name := range slices.Collect(maps.Keys(all)) {
		eachParent(all, name, func(f *folder) { f.children = true })
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

func (t *turn) ownFolders(ctx context.Context) (map[string]*folder, error) {
	boxes, err := t.account.Mailboxes(ctx)
	all := make(map[string]*folder, len(boxes))
	for i := range boxes {
		if name := boxes[i].Name; !isOthers(name) { // such a name means something else now
			all[name] = &folder{at: &place{t.account, t.person.ID, "", boxes[i], mail.AllRights}, sub: boxes[i].Subscribed}
		}
	}
	return all, err
}

// sharedFolders adds the mailboxes of other people that the user may know of.
func (t *turn) sharedFolders(ctx context.Context, all map[string]*folder) error {
	who, err := t.grantees(ctx)
	if err != nil {
		return err
	}
	list, err := t.o.Mail.SharedWith(ctx, who...)
	if err != nil {
		return err
	}
	var owner directory.Account
	for _, m := range list {
		if m.Account == t.person.ID || m.Rights&mail.RightLookup == 0 {
			continue
		}
		if m.Account != owner.ID { // they come account by account
			owner, err = t.o.Directory.AccountByID(ctx, m.Account)
		}
		if errors.Is(err, directory.ErrNotFound) { // it is being removed
			continue
		}
		if err != nil {
			return err
		}
		at := &place{t.o.Mail.Account(m.Account), m.Account, prefixOf(owner), m.Mailbox, m.Rights}
		all[at.name()] = &folder{at: at}
	}
	return nil
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
	all, err := t.folders(ctx, c.LSub || c.Subscribed || c.ReturnSubscribed)
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
	if c.SpecialUse && f.specialUse() == "" {
		return false
	}
	if c.LSub || c.Subscribed {
		return f.sub
	}
	return f.at != nil || f.children
}

// specialUse is what the user has a mailbox for; those of other people have
// theirs for them.
func (f *folder) specialUse() string {
	if f.at == nil || f.at.isShared() {
		return ""
	}
	return f.at.box.SpecialUse
}

func verb(c *imap.List) string {
	if c.LSub {
		return "LSUB"
	}
	return "LIST"
}

func (t *turn) sayFolder(ctx context.Context, c *imap.List, name string, f *folder) error {
	text := t.appendFolder(nil, c, name, f)
	if c.RecursiveMatch && f.below { // RFC 9051 §6.3.9.6
		text = append(text, ` ("CHILDINFO" ("SUBSCRIBED"))`...)
	}
	if err := t.line(text); err != nil || f.at == nil || !selected(c, f) {
		return err
	}
	return t.sayMore(ctx, c, f.at)
}

// appendFolder begins a LIST response.
func (t *turn) appendFolder(dst []byte, c *imap.List, name string, f *folder) []byte {
	dst = fmt.Appendf(dst, `* %s (%s) "/" `, verb(c), strings.Join(t.attributes(c, f), " "))
	return imap.AppendMailbox(dst, name, t.r.UTF8)
}

// sayMore tells what else was asked for of a mailbox, as far as the user may
// know it (RFC 5819 §2, RFC 8440 §3, RFC 9590).
func (t *turn) sayMore(ctx context.Context, c *imap.List, at *place) error {
	if c.ReturnMyRights {
		if err := t.sayMyRights(at); err != nil {
			return err
		}
	}
	if c.ReturnMetadata != nil {
		if err := t.sayMetadata(ctx, at, c.ReturnMetadata); err != nil {
			return err
		}
	}
	if c.Status == nil || at.rights&mail.RightRead == 0 {
		return nil
	}
	return t.sayStatus(ctx, *at, c.Status)
}

// attributes are those of RFC 9051 §7.3.1. Only clients that speak LIST-EXTENDED
// know of names that don't exist; and a name that LSUB shows only for what is
// below it can't be selected (RFC 3501 §6.3.9).
func (t *turn) attributes(c *imap.List, f *folder) (attrs []string) {
	switch {
	case f.at == nil && (c.Extended || t.enabled.rev2):
		attrs = append(attrs, `\NonExistent`)
	case f.at == nil || c.LSub && !f.sub:
		attrs = append(attrs, `\Noselect`)
	case f.specialUse() != "" && !c.LSub:
		attrs = append(attrs, f.specialUse())
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
	return slices.ContainsFunc(c.Patterns, func(p string) bool { return match(inboxAs(name, c.Reference+p), name) })
}

// inboxAs writes the INBOX that a pattern begins with, in any case, as the name
// begins if that is or is below INBOX (RFC 9051 §5.1).
func inboxAs(name, pattern string) string {
	first, _, _ := strings.Cut(name, "/")
	if n := len(first); first == "INBOX" && len(pattern) > n && strings.EqualFold(pattern[:n], first) {
		return first + pattern[n:]
	}
	return pattern
}

// match takes as many steps as the square of the name's length, however long the
// pattern is: reach[i] says that the pattern so far can end after i octets of the name.
func match(pattern, name string) bool {
	reach := make([]bool, len(name)+1)
	reach[0] = true
	last := byte(0)
	for _, p := range []byte(pattern) {
		if last == '*' && p == '%' || last == p && (p == '*' || p == '%') { // adds nothing
			continue
		}
		if last = p; p == '*' || p == '%' {
			for i := range len(name) {
				reach[i+1] = reach[i+1] || reach[i] && (p == '*' || name[i] != '/')
			}
			continue
		}
		for i := len(name); i > 0; i-- {
			reach[i] = reach[i-1] && name[i-1] == p
		}
		if reach[0] = false; !slices.Contains(reach, true) {
			return false
		}
	}
	return reach[len(name)]
}
