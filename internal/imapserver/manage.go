package imapserver

import (
	"cmp"
	"context"
	"strings"

	"tem/internal/mail"
	"tem/internal/wire/imap"
)

// The commands that make, remove and name mailboxes.

// Create answers CREATE (RFC 9051 §6.3.4, RFC 6154 §3).
func (t *turn) Create(ctx context.Context, c *imap.Create) error {
	at, err := t.site(ctx, strings.TrimSuffix(c.Mailbox, "/"))
	if isKind(err, mail.NotFound) {
		return errNowhere
	}
	if err != nil {
		return err
	}
	if len(c.Uses) > 1 {
		return no("USEATTR", "a mailbox has at most one special use")
	}
	made, err := t.create(ctx, at, c.Uses)
	if err != nil {
		return err
	}
	p := place{at.account, at.owner, at.prefix, made, mail.AllRights}
	if p.name() != strings.TrimSuffix(c.Mailbox, "/") {
		err = t.sayRenamed(ctx, c.Mailbox, p.name())
	}
	if err != nil {
		return err
	}
	return ok(p.mailboxID(), "CREATE done")
}

// errNowhere is the same whether or not there is such an account.
var errNowhere = &reply{"NO", "CANNOT", "no mailbox can be made there"}

func (t *turn) create(ctx context.Context, at site, uses []string) (mail.Mailbox, error) {
	if at.prefix == "" {
		return at.account.Create(ctx, at.name, strings.Join(uses, ""))
	}
	if len(uses) > 0 {
		return mail.Mailbox{}, no("USEATTR", "special uses are for your own mailboxes")
	}
	above, err := t.above(ctx, at)
	if err != nil {
		return mail.Mailbox{}, err
	}
	return at.account.CreateBelow(ctx, above.box.ID, at.name)
}

// sayRenamed tells a client of IMAP4rev2 that a mailbox has another name than it
// had or was to have (RFC 9051 §6.3.9.7).
func (t *turn) sayRenamed(ctx context.Context, old, name string) error {
	if !t.enabled.rev2 {
		return nil
	}
	all, err := t.folders(ctx, true)
	if err != nil || all[name] == nil {
		return err
	}
	return t.line(append(t.appendFolder(nil, &imap.List{}, name, all[name]), t.oldName(old)...))
}

func (t *turn) oldName(old string) []byte { return imap.AppendOldName([]byte{' '}, old, t.r.UTF8) }

// above is the nearest mailbox above a name that somebody else's mailbox is to
// have; this user must be allowed to make others below it (RFC 4314 §4).
func (t *turn) above(ctx context.Context, at site) (p place, err error) {
	for name := at.name; ; {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return p, errNowhere
		}
		name = name[:i]
		if p, err = t.place(ctx, at.prefix+name, mail.RightCreate); !isKind(err, mail.NotFound) {
			return p, err
		}
		switch _, err := at.account.Mailbox(ctx, name); {
		case err == nil: // it is there, but this user may not know of it
			return p, errNowhere
		case !isKind(err, mail.NotFound):
			return p, err
		}
	}
}

// Delete answers DELETE (RFC 9051 §6.3.5).
func (t *turn) Delete(ctx context.Context, c *imap.Delete) error {
	at, err := t.place(ctx, c.Mailbox, mail.RightDelete)
	if err == nil {
		err = at.account.Delete(ctx, at.box.Name)
	}
	if err == nil {
		return t.sayDeleted(c.Mailbox, at.name())
	}
	if !isKind(err, mail.NotFound) {
		return err
	}
	if all, e := t.folders(ctx, false); e == nil && all[c.Mailbox] != nil { // RFC 9051 §6.3.5
		return no("HASCHILDREN", "%s is only the name above other mailboxes", c.Mailbox)
	}
	return err
}

// sayDeleted tells which mailbox is gone if it was called by another form of its
// name (RFC 9051 §6.3.5).
func (t *turn) sayDeleted(asked, name string) error {
	if !t.enabled.rev2 || asked == name {
		return nil
	}
	return t.line(append(t.appendFolder(nil, &imap.List{}, name, &folder{}), t.oldName(asked)...))
}

// Rename answers RENAME (RFC 9051 §6.3.6), which never leaves an account.
func (t *turn) Rename(ctx context.Context, c *imap.Rename) error {
	from, err := t.site(ctx, c.From)
	if err != nil {
		return err
	}
	at, err := t.place(ctx, c.From, mail.RightDelete)
	if isKind(err, mail.NotFound) && from.prefix == "" { // it may be only the name above others
		at, err = place{box: mail.Mailbox{Name: from.name}}, nil
	}
	if err != nil {
		return err
	}
	to, err := t.site(ctx, strings.TrimSuffix(c.To, "/"))
	if isKind(err, mail.NotFound) || err == nil && from.owner != to.owner {
		return no("CANNOT", "a mailbox can't be given to somebody else")
	}
	if err == nil && at.isShared() {
		err = t.mayMove(ctx, &at, to)
	}
	if err == nil {
		err = from.account.Rename(ctx, at.box.Name, to.name)
	}
	if err != nil {
		return err
	}
	now, err := t.place(ctx, strings.TrimSuffix(c.To, "/"), 0)
	if err != nil {
		return nil // it is done, and only its name could not be told
	}
	return t.sayRenamed(ctx, c.From, now.name())
}

// mayMove refuses to give somebody else's mailbox a name where this user may make none.
func (t *turn) mayMove(ctx context.Context, at *place, to site) error {
	if at.box.Name == "INBOX" { // which would stay, and lose its messages
		return no("CANNOT", "the INBOX of somebody else can't be renamed")
	}
	if err := t.mayMoveBelow(ctx, at); err != nil {
		return err
	}
	_, err := t.above(ctx, to)
	return err
}

// mayMoveBelow: the mailboxes below go along, so that this user must be allowed
// to rename each of them, too (RFC 4314 §4).
func (t *turn) mayMoveBelow(ctx context.Context, at *place) error {
	boxes, err := at.account.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for i := range boxes {
		if !strings.HasPrefix(boxes[i].Name, at.box.Name+"/") {
			continue
		}
		below := *at
		below.box = boxes[i]
		if rights, err := t.rightsTo(ctx, &below); err != nil || rights&mail.RightDelete == 0 {
			return cmp.Or(err, error(errNoRight))
		}
	}
	return nil
}

// Subscribe answers SUBSCRIBE and UNSUBSCRIBE; the mailbox need not exist
// (RFC 9051 §6.3.7).
func (t *turn) Subscribe(ctx context.Context, c *imap.Subscribe) error {
	name := c.Mailbox
	at, err := t.place(ctx, name, 0)
	if err == nil {
		name = at.name()
	}
	return t.account.Subscribe(ctx, name, c.On)
}

// Namespace answers NAMESPACE (RFC 2342 §5).
func (t *turn) Namespace(context.Context, *imap.Namespace) error {
	return t.say(`* NAMESPACE (("" "/")) (("%s/" "/")) NIL`, others)
}
