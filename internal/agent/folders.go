package agent

import (
	"context"
	"strconv"
	"strings"

	"tem/internal/wire/imap/imapclient"
)

// Folders lists the account's mailboxes with their counts.
func (e *Env) Folders(ctx context.Context) error {
	a, err := e.account()
	if err != nil {
		return err
	}
	c, err := e.imap(ctx, a)
	if err != nil {
		return err
	}
	defer c.Logout(ctx)
	all, err := c.List(ctx, "*")
	if err != nil {
		return coded(err)
	}
	t := table{head: []string{"FOLDER", "MESSAGES", "UNSEEN", "USE"}}
	for _, m := range all {
		if m.Is(`\Noselect`) || m.Is(`\NonExistent`) {
			continue
		}
		n, err := c.Status(ctx, m.Name)
		if err != nil {
			return coded(err)
		}
		if e.JSON {
			err = e.printJSON(map[string]any{"name": m.Name, "messages": n.Messages, "unseen": n.Unseen, "attributes": m.Attrs})
		}
		if err != nil {
			return err
		}
		t.add(m.Name, strconv.Itoa(int(n.Messages)), strconv.Itoa(int(n.Unseen)), use(m))
	}
	if e.JSON {
		return nil
	}
	return t.print(e)
}

// use names the special use of a mailbox (RFC 6154 §2).
func use(m imapclient.Mailbox) string {
	for _, u := range []string{`\Sent`, `\Drafts`, `\Trash`, `\Junk`, `\Archive`, `\All`, `\Flagged`} {
		if m.Is(u) {
			return strings.ToLower(u[1:])
		}
	}
	return ""
}

// special finds the mailbox for a use, by attribute, then by name; it makes
// one called name if there is none.
func special(ctx context.Context, c *imapclient.Client, attr, name string) (string, error) {
	all, err := c.List(ctx, "*")
	if err != nil {
		return "", err
	}
	found := ""
	for _, m := range all {
		if m.Is(attr) {
			return m.Name, nil
		}
		if strings.EqualFold(m.Name, name) {
			found = m.Name
		}
	}
	if found != "" {
		return found, nil
	}
	return name, c.Create(ctx, name)
}
