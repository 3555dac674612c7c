package imapserver

import (
	"context"

	"tem/internal/mail"
)

// place is a mailbox that a name stands for, and what this user may do there.
type place struct {
	account *mail.Account // whose it is
	owner   mail.AccountID
	box     mail.Mailbox
	rights  mail.Rights
}

// place finds a mailbox by name. It is not found if the user may not know of
// it, and NOPERM if they lack a right that is needed (RFC 4314 §4).
func (s *session) place(ctx context.Context, name string, need mail.Rights) (place, error) {
	box, err := s.account.Mailbox(ctx, name)
	p := place{s.account, s.person.ID, box, mail.AllRights}
	if err == nil && p.rights&need != need {
		return p, errNoRight
	}
	return p, err
}

var errNoRight = &reply{"NO", "NOPERM", "you may not do this with the mailbox"}
