package control

import (
	"context"
	"fmt"

	"tem/internal/directory"
	"tem/internal/kv"
	"tem/internal/mail"
)

// Domain names one domain.
type Domain struct {
	Name string `json:"name"`
}

// Domains is the answer to domain.list. Quotas has those that have one.
type Domains struct {
	Domains []string      `json:"domains"`
	Quotas  []DomainQuota `json:"quotas,omitempty"`
}

// DomainQuota is what the accounts of a domain use together, in octets and
// messages, and may use; 0 is no limit.
type DomainQuota struct {
	Domain        string `json:"domain"`
	Bytes         int64  `json:"bytes"`
	BytesLimit    int64  `json:"bytes_limit,omitempty"`
	Messages      int64  `json:"messages"`
	MessagesLimit int64  `json:"messages_limit,omitempty"`
}

func toDomainQuota(domain string, q mail.Quota) DomainQuota {
	return DomainQuota{domain, q.Bytes, q.BytesLimit, q.Messages, q.MessagesLimit}
}

// DomainSet changes what is not nil.
type DomainSet struct {
	Name     string `json:"name"`
	Bytes    *int64 `json:"bytes_limit,omitempty"`
	Messages *int64 `json:"messages_limit,omitempty"`
}

// AddDomain makes a domain ours, with keys that sign for it from now on.
func (s *Service) AddDomain(ctx context.Context, r Domain) (Keys, error) {
	keys, err := newKeys(directory.KeyActive)
	if err != nil {
		return Keys{}, err
	}
	if err := s.Directory.AddDomain(ctx, r.Name, keys...); err != nil {
		return Keys{}, err
	}
	return s.ListKeys(ctx, r)
}

// ListDomains lists the domains, and the quotas of those that have one.
func (s *Service) ListDomains(ctx context.Context, _ Nothing) (Domains, error) {
	names, err := s.Directory.Domains(ctx)
	if err != nil {
		return Domains{}, err
	}
	out := Domains{Domains: append([]string{}, names...)}
	limits, err := s.Mail.PoolLimits(ctx)
	if err != nil {
		return Domains{}, err
	}
	for _, name := range names {
		if _, limited := limits[name]; !limited {
			continue
		}
		q, err := s.Mail.Pool(ctx, name)
		if err != nil {
			return Domains{}, fmt.Errorf("the quota of domain %s: %w", name, err)
		}
		out.Quotas = append(out.Quotas, toDomainQuota(name, q))
	}
	return out, nil
}

// RemoveDomain gives a domain up that has nobody left, and its quota.
func (s *Service) RemoveDomain(ctx context.Context, r Domain) (Nothing, error) {
	if err := s.Directory.RemoveDomain(ctx, r.Name); err != nil {
		return Nothing{}, err
	}
	name, err := domainName(r.Name)
	if err != nil {
		return Nothing{}, err
	}
	return Nothing{}, s.Mail.SetPool(ctx, name, 0, 0)
}

// SetDomain sets what the accounts of a domain may use together. The quota is a
// pool of mail with the domain's name, which every account of the domain is
// made to share, or to leave when there is no limit any more.
func (s *Service) SetDomain(ctx context.Context, r DomainSet, w watcher) (DomainQuota, error) {
	name, err := s.ourDomain(ctx, r.Name)
	if err != nil {
		return DomainQuota{}, err
	}
	limits, err := s.Mail.PoolLimits(ctx)
	if err != nil {
		return DomainQuota{}, err
	}
	q := limits[name]
	assign(&q.BytesLimit, r.Bytes)
	assign(&q.MessagesLimit, r.Messages)
	if q.BytesLimit < 0 || q.MessagesLimit < 0 {
		return DomainQuota{}, errorf(Invalid, "domain %s: a quota is not negative", name)
	}
	// Whoever adds an account afterwards sees the pool; all others are in the list.
	if err := s.Mail.SetPool(ctx, name, q.BytesLimit, q.MessagesLimit); err != nil {
		return DomainQuota{}, err
	}
	if err := s.share(ctx, name, q != mail.Quota{}, w.progress); err != nil {
		return DomainQuota{}, err
	}
	q, err = s.Mail.Pool(ctx, name)
	return toDomainQuota(name, q), err
}

// share makes the accounts of a domain share its quota, or no longer.
func (s *Service) share(ctx context.Context, domain string, limited bool, progress Progress) error {
	all, err := s.Directory.Accounts(ctx)
	if err != nil {
		return err
	}
	list, err := s.Mail.Registered(ctx)
	if err != nil {
		return err
	}
	has := make(map[kv.Part]string, len(list))
	for _, g := range list {
		has[g.ID] = g.Pool
	}
	pool := ""
	if limited {
		pool = domain
	}
	for i, a := range all {
		if a.Address.Domain == domain && has[a.ID] != pool {
			if err := s.join(ctx, a, pool); err != nil {
				return err
			}
		}
		progress(i+1, len(all))
	}
	return nil
}

func (s *Service) join(ctx context.Context, a directory.Account, pool string) error {
	if err := s.Mail.Join(ctx, a.ID, pool); err != nil {
		return fmt.Errorf("%s: the quota of its domain could not be applied to it; set it once more: %w", a.Address, err)
	}
	return nil
}

// ourDomain is the name, as it is stored, of a domain that is here.
func (s *Service) ourDomain(ctx context.Context, domain string) (string, error) {
	if local, err := s.Directory.IsLocal(ctx, domain); err != nil {
		return "", err
	} else if !local {
		return "", errorf(NotFound, "domain %s: no such domain here", domain)
	}
	return domainName(domain)
}
