package imapserver

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// Access control lists (RFC 4314). Identifiers are the addresses of accounts and
// groups, "anyone", and each of these after "-" for what is taken away. The
// owner has all rights and is in no list.

// SetACL answers SETACL (RFC 4314 §3.1).
func (t *turn) SetACL(ctx context.Context, c *imap.SetACL) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightAdminister)
	if err != nil {
		return err
	}
	rights, err := mail.ParseRights(c.Rights)
	if err != nil {
		return bad("%s", err)
	}
	g, err := t.grantee(ctx, &at, c.Identifier)
	if err != nil {
		return err
	}
	g.Rights = rights
	return at.account.ChangeGrant(ctx, at.box.ID, flagOps[c.Op], g)
}

// DeleteACL answers DELETEACL (RFC 4314 §3.2).
func (t *turn) DeleteACL(ctx context.Context, c *imap.DeleteACL) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightAdminister)
	if err != nil {
		return err
	}
	g, err := t.grantee(ctx, &at, c.Identifier)
	if err != nil {
		return err
	}
	return at.account.SetGrant(ctx, at.box.ID, g)
}

// grantee is who an identifier stands for, of those whose rights can be changed.
func (t *turn) grantee(ctx context.Context, at *place, identifier string) (g mail.Grant, err error) {
	name, negative := strings.CutPrefix(identifier, "-")
	g.Negative = negative
	if name == "" { // RFC 4314 §3
		return g, bad("an identifier is not empty")
	}
	if strings.EqualFold(name, string(mail.Anyone)) {
		g.To = mail.Anyone
		return g, nil
	}
	a, err := address.Parse(name)
	if err != nil {
		return g, no("CANNOT", "%s is neither an address nor anyone", name)
	}
	switch acc, err := t.o.Directory.Account(ctx, a); {
	case err == nil && acc.ID == at.owner:
		return g, no("CANNOT", "the owner always has all rights")
	case err == nil:
		g.To = mail.AccountGrantee(acc.ID)
		return g, nil
	case !errors.Is(err, directory.ErrNotFound):
		return g, err
	}
	group, err := t.o.Directory.Group(ctx, a)
	if errors.Is(err, directory.ErrNotFound) {
		return g, no("CANNOT", "%s is neither an account nor a group here", name)
	}
	g.To = mail.GroupGrantee(group.Address.Key())
	return g, err
}

// GetACL answers GETACL, the owner first (RFC 4314 §3.3).
func (t *turn) GetACL(ctx context.Context, c *imap.GetACL) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightAdminister)
	if err != nil {
		return err
	}
	grants, err := at.account.Grants(ctx, at.box.ID)
	if err != nil {
		return err
	}
	owner, err := t.identifier(ctx, mail.AccountGrantee(at.owner))
	entries := []imap.ACLEntry{{Identifier: owner, Rights: letters(mail.AllRights)}}
	for _, g := range grants {
		if err != nil {
			return err
		}
		var name string
		if name, err = t.identifier(ctx, g.To); name == "" { // of somebody who is no more
			continue
		}
		if g.Negative {
			name = "-" + name
		}
		entries = append(entries, imap.ACLEntry{Identifier: name, Rights: letters(g.Rights)})
	}
	if err != nil {
		return err
	}
	return t.line(imap.AppendACL([]byte("* "), at.name(), entries, t.r.UTF8))
}

// identifier is how a grantee is written, "" if there is no such account.
func (t *turn) identifier(ctx context.Context, to mail.Grantee) (string, error) {
	if group, is := strings.CutPrefix(string(to), "group:"); is {
		return group, nil
	}
	number, is := strings.CutPrefix(string(to), "account:")
	if !is {
		return string(to), nil
	}
	id, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return "", err
	}
	acc, err := t.o.Directory.AccountByID(ctx, mail.AccountID(id))
	if errors.Is(err, directory.ErrNotFound) {
		return "", nil
	}
	return acc.Address.String(), err
}

// ListRights answers LISTRIGHTS: no rights are tied together (RFC 4314 §3.4).
func (t *turn) ListRights(ctx context.Context, c *imap.ListRights) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightAdminister)
	if err != nil {
		return err
	}
	always, optional := "", strings.Split(letters(mail.AllRights), "")
	if _, err := t.grantee(ctx, &at, c.Identifier); err != nil {
		a, bad := address.Parse(c.Identifier)
		if acc, e := t.o.Directory.Account(ctx, a); bad != nil || e != nil || acc.ID != at.owner {
			return err
		}
		always, optional = letters(mail.AllRights), nil
	}
	return t.line(imap.AppendListRights([]byte("* "), at.name(), c.Identifier, always, optional, t.r.UTF8))
}

// MyRights answers MYRIGHTS (RFC 4314 §3.5).
func (t *turn) MyRights(ctx context.Context, c *imap.MyRights) error {
	at, err := t.place(ctx, c.Mailbox, 0)
	if err != nil {
		return err
	}
	return t.sayMyRights(&at)
}

func (t *turn) sayMyRights(at *place) error {
	return t.line(imap.AppendMyRights([]byte("* "), at.name(), letters(at.rights), t.r.UTF8))
}

// letters are rights with the obsolete ones that stand for some of them: c for
// k, d for any of x, t and e (RFC 4314 §2.1.1).
func letters(r mail.Rights) string {
	s, administers := strings.CutSuffix(r.String(), "a")
	if r&mail.RightCreate != 0 {
		s += "c"
	}
	if r&(mail.RightDelete|mail.RightDeleteMessage|mail.RightExpunge) != 0 {
		s += "d"
	}
	if administers {
		s += "a"
	}
	return s
}
