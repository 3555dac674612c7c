package imap

import "context"

// The commands of RFC 4314. Rights are letters and digits as they were sent.
type (
	SetACL struct {
		Mailbox, Identifier string
		Op                  byte // '+', '-' or 0 to replace
		Rights              string
	}
	DeleteACL  struct{ Mailbox, Identifier string }
	GetACL     struct{ Mailbox string }
	ListRights struct{ Mailbox, Identifier string }
	MyRights   struct{ Mailbox string }
)

// ACLHandler runs the commands about access rights.
type ACLHandler interface {
	SetACL(context.Context, *SetACL) error
	DeleteACL(context.Context, *DeleteACL) error
	GetACL(context.Context, *GetACL) error
	ListRights(context.Context, *ListRights) error
	MyRights(context.Context, *MyRights) error
}

func aclRows() []Row {
	return []Row{
		row("SETACL", LoggedIn, 0, parseSetACL, Handler.SetACL),
		row("DELETEACL", LoggedIn, 0, func(d *decoder) *DeleteACL { return &DeleteACL{d.oneMailbox(), d.identifier()} }, Handler.DeleteACL),
		row("GETACL", LoggedIn, 0, func(d *decoder) *GetACL { return &GetACL{d.oneMailbox()} }, Handler.GetACL),
		row("LISTRIGHTS", LoggedIn, 0, func(d *decoder) *ListRights { return &ListRights{d.oneMailbox(), d.identifier()} }, Handler.ListRights),
		row("MYRIGHTS", LoggedIn, 0, func(d *decoder) *MyRights { return &MyRights{d.oneMailbox()} }, Handler.MyRights),
	}
}

func (d *decoder) identifier() string {
	d.sp()
	return d.astring()
}

func parseSetACL(d *decoder) *SetACL {
	c := &SetACL{Mailbox: d.oneMailbox(), Identifier: d.identifier()}
	d.sp()
	rights := d.astring()
	if rights != "" && (rights[0] == '+' || rights[0] == '-') {
		c.Op, rights = rights[0], rights[1:]
	}
	for i := range len(rights) {
		if r := rights[i]; !('a' <= r && r <= 'z') && !isDigit(r) { // RFC 4314 §2
			d.fail("rights are lower-case letters and digits")
		}
	}
	c.Rights = rights
	return c
}

// ACLEntry is what an identifier may do.
type ACLEntry struct{ Identifier, Rights string }

// AppendACL writes an ACL response without "* " (RFC 4314 §3.6).
func AppendACL(dst []byte, mailbox string, entries []ACLEntry, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "ACL "...), mailbox, utf8)
	for _, e := range entries {
		dst = AppendAString(append(dst, ' '), e.Identifier)
		dst = AppendAString(append(dst, ' '), e.Rights)
	}
	return dst
}

// AppendListRights writes a LISTRIGHTS response without "* ": the rights that
// the identifier always has, and groups of those it may be given (RFC 4314 §3.7).
func AppendListRights(dst []byte, mailbox, identifier, always string, optional []string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "LISTRIGHTS "...), mailbox, utf8)
	dst = AppendAString(append(dst, ' '), identifier)
	dst = AppendAString(append(dst, ' '), always)
	for _, o := range optional {
		dst = AppendAString(append(dst, ' '), o)
	}
	return dst
}

// AppendMyRights writes a MYRIGHTS response without "* " (RFC 4314 §3.8).
func AppendMyRights(dst []byte, mailbox, rights string, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "MYRIGHTS "...), mailbox, utf8)
	return AppendAString(append(dst, ' '), rights)
}
