package app

import (
	"context"
	"crypto/rsa"
	"fmt"

	"tem/internal/address"
	"tem/internal/trust"
	"tem/internal/trust/dkim"
)

// maxLookups is how many questions mail from elsewhere may have name servers
// asked at a time. What leaves has a resolver of its own.
const maxLookups = 1000

// newJudge judges mail from elsewhere by the rules of the configuration; nil:
// nobody does.
func (s *Server) newJudge() *trust.Judge {
	if !s.config.Trust.Enabled {
		return nil
	}
	o, _ := s.config.Trust.Options(s.config.Hostname) // the configuration was checked
	return trust.NewJudge(Resolver(s.config.Outbound).AtMost(maxLookups), o)
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

// sealer gives the key that seals what is forwarded; nil: nothing is sealed.
// Those who look at seals know RSA; few know more.
func (s *Server) sealer() func(context.Context) (dkim.Key, error) {
	domain, _ := address.Domain(s.config.Trust.Seal) // the configuration was checked
	if domain == "" {
		return nil
	}
	return func(ctx context.Context) (dkim.Key, error) {
		keys, err := s.keys(ctx, domain)
		for _, k := range keys {
			if _, ok := k.Signer.Public().(*rsa.PublicKey); ok {
				return k, nil
			}
		}
		if err == nil {
			err = fmt.Errorf("trust.seal = %q: the domain has no active RSA key; make one with tem domain dkim add", domain)
		}
		return dkim.Key{}, err
	}
}
