package app

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"sync"
	"time"

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

// sealer has the key that seals what is forwarded.
type sealer struct {
	domain string
	keys   dkim.Keys
	log    *slog.Logger

	mu   sync.Mutex
	told time.Time // when it was last said that there is no key
}

// newSealer returns nil where nothing is sealed.
func (s *Server) newSealer() *sealer {
	domain, _ := address.Domain(s.config.Trust.Seal) // the configuration was checked
	if domain == "" {
		return nil
	}
	return &sealer{domain: domain, keys: s.keys, log: s.log}
}

// key finds the key. Those who look at seals know RSA; few know more. A domain
// without one, such as one that is not ours, is said to be so once a day.
func (s *sealer) key(ctx context.Context) (dkim.Key, bool) {
	keys, err := s.keys(ctx, s.domain)
	for _, k := range keys {
		if _, ok := k.Signer.Public().(*rsa.PublicKey); ok {
			return k, true
		}
	}
	if err != nil {
		s.log.Error("trust.seal: the key was not found", "domain", s.domain, "err", err)
		return dkim.Key{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told) >= 24*time.Hour {
		s.told = now
		s.log.Warn("trust.seal: what is forwarded is not sealed: the domain is not here or has no active RSA key; make one with tem domain dkim add", "domain", s.domain)
	}
	return dkim.Key{}, false
}
