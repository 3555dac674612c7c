package control

import "context"

// Domain names one domain.
type Domain struct {
	Name string `json:"name"`
}

// Domains is the answer to domain.list.
type Domains struct {
	Domains []string `json:"domains"`
}

// AddDomain makes a domain ours.
func (s *Service) AddDomain(ctx context.Context, r Domain) (Nothing, error) {
	return Nothing{}, s.Directory.AddDomain(ctx, r.Name)
}

// ListDomains lists the domains.
func (s *Service) ListDomains(ctx context.Context, _ Nothing) (Domains, error) {
	names, err := s.Directory.Domains(ctx)
	return Domains{append([]string{}, names...)}, err
}

// RemoveDomain gives a domain up that has nobody left.
func (s *Service) RemoveDomain(ctx context.Context, r Domain) (Nothing, error) {
	return Nothing{}, s.Directory.RemoveDomain(ctx, r.Name)
}
