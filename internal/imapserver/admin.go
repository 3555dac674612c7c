package imapserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/wire/imap"
)

// What administrators may do over IMAP: look at every quota root and set its
// limits, and set what the server shares with everybody (metadata.go).

// isAdmin reports whether the user is an administrator now; that it was so at
// login is not enough.
func (t *turn) isAdmin(ctx context.Context) (bool, error) {
	acc, err := t.o.Directory.AccountByID(ctx, t.person.ID)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return acc.Admin && !acc.Disabled, err
}

// setsQuotas: QUOTASET is there for the user (RFC 9208 §3.1.2).
func (s *session) setsQuotas() bool { return s.person.Admin && s.o.SetQuota != nil }

// SetQuota answers SETQUOTA: limits that are not named are no more (RFC 9208 §4.1.3).
func (t *turn) SetQuota(ctx context.Context, c *imap.SetQuota) error {
	admin, err := t.isAdmin(ctx)
	if err != nil {
		return err
	}
	if !admin || t.o.SetQuota == nil {
		return no("NOPERM", "quotas are set by administrators")
	}
	bytes, messages, err := limitsOf(c.Limits)
	if err != nil {
		return err
	}
	root, err := t.anyRoot(ctx, c.Root)
	if err != nil {
		return err
	}
	if err := t.o.SetQuota(ctx, root.name, bytes, messages); err != nil {
		return fmt.Errorf("set the quota of %s: %w", root.name, err)
	}
	t.log.Info("quota set", "user", t.user, "root", root.name, "bytes", bytes, "messages", messages)
	if root, err = t.anyRoot(ctx, root.name); err != nil {
		return err
	}
	return t.line(root.append([]byte("* ")))
}

// limitsOf turns limits into octets and messages; 0 is no limit. One that
// forbids everything (RFC 9208 §3.1.2) can't be kept.
func limitsOf(limits []imap.QuotaLimit) (bytes, messages int64, err error) {
	for _, l := range limits {
		to, unit := &messages, int64(1)
		switch l.Resource {
		case "STORAGE":
			to, unit = &bytes, quotaUnit
		case "MESSAGE":
		default:
			return 0, 0, no("CANNOT", "%s has no limits here", l.Resource)
		}
		switch {
		case *to != 0:
			return 0, 0, bad("%s is there twice", l.Resource)
		case l.Limit == 0:
			return 0, 0, no("CANNOT", "%s can't be forbidden; what is not named has no limit", l.Resource)
		case l.Limit > math.MaxInt64/unit:
			return 0, 0, no("CANNOT", "%s %d is too large", l.Resource, l.Limit)
		}
		*to = l.Limit * unit
	}
	return bytes, messages, nil
}

// anyRoot is the quota root of this name, whoever's it is: a domain is one even
// if it has no limit.
func (t *turn) anyRoot(ctx context.Context, name string) (quotaRoot, error) {
	if strings.Contains(name, "@") {
		return t.accountRoot(ctx, name)
	}
	domain, err := address.Domain(name)
	if err != nil || domain == "" {
		return quotaRoot{}, noRoot(name)
	}
	if local, err := t.o.Directory.IsLocal(ctx, domain); err != nil {
		return quotaRoot{}, err
	} else if !local {
		return quotaRoot{}, noRoot(name)
	}
	q, err := t.o.Mail.Pool(ctx, domain)
	return quotaRoot{domain, q}, err
}

func (t *turn) accountRoot(ctx context.Context, name string) (quotaRoot, error) {
	a, err := address.Parse(name)
	if err != nil {
		return quotaRoot{}, noRoot(name)
	}
	acc, err := t.o.Directory.Account(ctx, a)
	if errors.Is(err, directory.ErrNotFound) {
		return quotaRoot{}, noRoot(name)
	} else if err != nil {
		return quotaRoot{}, err
	}
	q, err := t.o.Mail.Account(acc.ID).Quota(ctx)
	return quotaRoot{acc.Address.String(), q}, err
}

func noRoot(name string) error { return no("NONEXISTENT", "there is no quota root %s", name) }
