package control

import (
	"cmp"
	"context"

	"tem/internal/directory"
)

// What people call the settings that rows leave out.
const (
	popAll  = "all"
	popKeep = "keep"
)

// popNames gives the settings of POP3 as people call them.
func popNames(p directory.POP) (access, after string) {
	return cmp.Or(string(p.Access), popAll), cmp.Or(string(p.After), popKeep)
}

// changedPOP is how POP3 reads acc after r. "new" is from this moment on, each
// time it is said: what is in INBOX by now is not shown.
func (s *Service) changedPOP(ctx context.Context, acc directory.Account, r AccountSet) (directory.POP, error) {
	p := acc.POP
	if r.POPAfter != nil {
		p.After = directory.POPAfter(*r.POPAfter)
		if *r.POPAfter == popKeep {
			p.After = directory.POPKeep
		}
	}
	if r.POP == nil {
		return p, nil
	}
	p.Access, p.From = directory.POPAccess(*r.POP), 0
	switch {
	case *r.POP == popAll:
		p.Access = directory.POPAll
	case p.Access == directory.POPNew:
		inbox, err := s.Mail.Account(acc.ID).Mailbox(ctx, "INBOX")
		if err != nil {
			return p, err
		}
		p.From = uint32(inbox.UIDNext)
	}
	return p, nil
}
