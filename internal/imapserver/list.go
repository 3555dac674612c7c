package imapserver

import (
	"context"
	"fmt"
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
}

// folders are all names there are, with the parents that are only implied.
func (s *session) folders(ctx context.Context) (map[string]*folder, error) {
	boxes, err := s.account.Mailboxes(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*folder, len(boxes))
	for i := range boxes {
		all[boxes[i].Name] = &folder{box: &boxes[i], sub: boxes[i].Subscribed}
	}
	for i := range boxes {
		for name := boxes[i].Name; strings.Contains(name, "/"); {
			name = name[:strings.LastIndexByte(name, '/')]
			if all[name] == nil {
				all[name] = &folder{}
			}
			all[name].children = true
		}
	}
	return all, nil
}

// list answers LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9).
func (s *session) list(ctx context.Context, c *imap.List) error {
	if len(c.Patterns) == 1 && c.Patterns[0] == "" { // asks for the delimiter
		return s.say(`* %s (\Noselect) "/" ""`, verb(c))
	}
	all, err := s.folders(ctx)
	if err != nil {
		return err
	}
	subscribed := c.LSub || c.Subscribed
	if subscribed || c.ReturnSubscribed {
		names, err := s.account.Subscriptions(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			if all[name] == nil {
				all[name] = &folder{}
			}
			all[name].sub = true
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := all[name]
		if subscribed && !f.sub || c.SpecialUse && (f.box == nil || f.box.SpecialUse == "") || !matchAny(c, name) {
			continue
		}
		s.sayFolder(c, name, f)
	}
	return nil
}

func verb(c *imap.List) string {
	if c.LSub {
		return "LSUB"
	}
	return "LIST"
}

func (s *session) sayFolder(c *imap.List, name string, f *folder) {
	var attrs []string
	if f.box == nil {
		attrs = append(attrs, `\Noselect`)
	} else if f.box.SpecialUse != "" && !c.LSub {
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
	text := fmt.Appendf(nil, `* %s (%s) "/" `, verb(c), strings.Join(attrs, " "))
	s.c.WriteLineBytes(imap.AppendMailbox(text, name, s.r.UTF8))
	if c.Status != nil && f.box != nil {
		s.sayStatus(f.box, c.Status)
	}
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

func (s *session) status(ctx context.Context, c *imap.Status) error {
	box, err := s.account.Mailbox(ctx, c.Mailbox)
	if err != nil {
		return err
	}
	return s.sayStatus(&box, c.Items)
}

// sayStatus writes a STATUS response (RFC 9051 §7.3.4).
func (s *session) sayStatus(box *mail.Mailbox, items []string) error {
	values := map[string]int64{"MESSAGES": int64(box.Messages), "RECENT": 0, "UIDNEXT": int64(box.UIDNext),
		"UIDVALIDITY": int64(box.UIDValidity), "UNSEEN": int64(box.Unseen), "DELETED": int64(box.DeletedCount), "SIZE": box.Size}
	out := append(imap.AppendMailbox([]byte("* STATUS "), box.Name, s.r.UTF8), " ("...)
	for i, item := range items {
		n, known := values[item]
		if !known {
			return bad("unknown status item")
		}
		if i > 0 {
			out = append(out, ' ')
		}
		out = fmt.Appendf(out, "%s %d", item, n)
	}
	return s.c.WriteLineBytes(append(out, ')'))
}
