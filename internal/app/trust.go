package app

import (
	"context"

	"tem/internal/trust"
	"tem/internal/trust/dkim"
)

// newJudge judges mail from elsewhere by the rules of the configuration; nil:
// nobody does.
func (s *Server) newJudge() *trust.Judge {
	if !s.config.Trust.Enabled {
		return nil
	}
	o, _ := s.config.Trust.Options(s.config.Hostname) // the configuration was checked
	return trust.NewJudge(Resolver(s.config.Outbound), o)
}

// keys are those that sign for a domain, as dkim wants them.
func (s *Server) keys(ctx context.Context, domain string) ([]dkim.Key, error) {
	found, err := s.stores.Directory.SigningKeys(ctx, domain)
	if err != nil {
		return nil, err
	}
	keys := make([]dkim.Key, len(found))
	for i, k := range found {
		keys[i] = dkim.Key{Domain: k.Domain, Selector: k.Selector, Signer: k.Private}
	}
	return keys, nil
}
