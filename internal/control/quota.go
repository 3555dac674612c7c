package control

import (
	"context"
	"strings"
)

// SetQuota sets all limits of a quota root (RFC 9208 §3.2): of an account, by its
// address, or of a domain. 0 is no limit. It does what account.set and domain.set do.
func (s *Service) SetQuota(ctx context.Context, root string, bytes, messages int64) error {
	if strings.Contains(root, "@") {
		_, err := s.SetAccount(ctx, AccountSet{Address: root, Quota: &bytes, Messages: &messages})
		return err
	}
	quiet := watcher{progress: func(int, int) {}, found: func(any) {}}
	_, err := s.SetDomain(ctx, DomainSet{Name: root, Bytes: &bytes, Messages: &messages}, quiet)
	return err
}
