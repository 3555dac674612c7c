package directory

import "tem/internal/address"

// POPAccess says which of an account's mail POP3 shows.
type POPAccess string

// The kinds of access; the zero value is that of rows that say nothing.
const (
	POPAll POPAccess = ""    // all of INBOX, also what was collected before
	POPNew POPAccess = "new" // what has come since it was set
	POPOff POPAccess = "off" // nothing: logins are refused
)

// POPAfter says what becomes of a message once a POP3 client has collected it.
type POPAfter string

// The ends of a collected message.
const (
	POPKeep    POPAfter = ""        // stays as it is
	POPRead    POPAfter = "read"    // stays, and is seen
	POPArchive POPAfter = "archive" // goes to the mailbox for the archive
	POPTrash   POPAfter = "trash"   // goes to the mailbox for the trash
)

// POP is how an account is read by POP3. From is, for POPNew, the first UID of
// INBOX that is shown.
type POP struct {
	Access POPAccess
	From   uint32
	After  POPAfter
}

func checkPOP(a address.Address, p POP) error {
	switch p.Access {
	case POPAll, POPNew, POPOff:
	default:
		return problemf(ErrInvalid, "%s: POP access %q is not one of all, new and off", a, p.Access)
	}
	switch p.After {
	case POPKeep, POPRead, POPArchive, POPTrash:
		return nil
	}
	return problemf(ErrInvalid, "%s: what becomes of collected mail can't be %q: it is one of keep, read, archive and trash", a, p.After)
}
