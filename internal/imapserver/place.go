package imapserver

import (
	"context"
	"errors"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/mail"
)

// others is the level below which other people's mailboxes are: "Other Users/",
// the owner's address, and the name that they have there (RFC 2342 §5).
const others = "Other Users"

// site is the account that a name is in, whether or not there is such a mailbox.
type site struct {
	account *mail.Account
	owner   mail.AccountID
	prefix  string // of the names of this account, as this user sees them; "": they are this user's own
	name    string // that it has in the account
}

// place is a mailbox that a name stands for, and what this user may do there.
type place struct {
	account *mail.Account // whose it is
	owner   mail.AccountID
	prefix  string
	box     mail.Mailbox // with the name that it has in the account
	rights  mail.Rights
}

// name is the mailbox's name as this user knows it.
func (p *place) name() string { return p.prefix + p.box.Name }

// isShared reports a mailbox of somebody else.
func (p *place) isShared() bool { return p.prefix != "" }

// isOthers: the name is not one of the user's own mailboxes.
func isOthers(name string) bool { return strings.HasPrefix(name+"/", others+"/") }

// site finds the account that a name is in.
func (s *session) site(ctx context.Context, name string) (site, error) {
	if !isOthers(name) {
		return site{s.account, s.person.ID, "", name}, nil
	}
	owner, rest, err := cutOwner(strings.TrimPrefix(name, others+"/"))
	if err != nil {
		return site{}, noMailbox(name)
	}
	acc, err := s.o.Directory.Account(ctx, owner)
	if errors.Is(err, directory.ErrNotFound) || err == nil && acc.ID == s.person.ID {
		return site{}, noMailbox(name)
	}
	return site{s.o.Mail.Account(acc.ID), acc.ID, prefixOf(acc), rest}, err
}

func prefixOf(owner directory.Account) string { return others + "/" + owner.Address.String() + "/" }

// cutOwner divides what is below others: a domain has no "/" in it.
func cutOwner(rest string) (owner address.Address, name string, err error) {
	at := strings.IndexByte(rest, '@') + 1
	end := strings.IndexByte(rest[at:], '/')
	if at == 0 || end < 0 {
		return owner, "", errors.New("no address and name")
	}
	owner, err = address.Parse(rest[:at+end])
	return owner, rest[at+end+1:], err
}

// noMailbox is the same for what does not exist and for what this user may not
// know of (RFC 4314 §6).
func noMailbox(name string) error {
	return &mail.Error{Kind: mail.NotFound, Text: "there is no mailbox " + name}
}

// place finds a mailbox by name. It is not found if the user may not know of
// it, and NOPERM if they lack a right that is needed (RFC 4314 §4).
func (s *session) place(ctx context.Context, name string, need mail.Rights) (place, error) {
	at, err := s.site(ctx, name)
	if err != nil {
		return place{}, err
	}
	box, err := at.account.Mailbox(ctx, at.name)
	p := place{at.account, at.owner, at.prefix, box, mail.AllRights}
	if p.isShared() && err == nil {
		p.rights, err = s.rightsTo(ctx, &p)
	}
	switch {
	case isKind(err, mail.NotFound) || err == nil && p.rights&mail.RightLookup == 0:
		return place{}, noMailbox(name)
	case err == nil && p.rights&need != need:
		return p, errNoRight
	}
	return p, err
}

var errNoRight = &reply{"NO", "NOPERM", "you may not do this with the mailbox"}

// rightsTo are this user's rights to somebody else's mailbox.
func (s *session) rightsTo(ctx context.Context, p *place) (mail.Rights, error) {
	who, err := s.grantees(ctx)
	if err != nil {
		return 0, err
	}
	return p.account.Rights(ctx, p.box.ID, who...)
}

// grantees are the names under which this user may have been given rights.
func (s *session) grantees(ctx context.Context) ([]mail.Grantee, error) {
	groups, err := s.o.Directory.GroupsOf(ctx, s.person.Address)
	who := []mail.Grantee{mail.AccountGrantee(s.person.ID), mail.Anyone}
	for _, g := range groups {
		who = append(who, mail.GroupGrantee(g.Key()))
	}
	return who, err
}
