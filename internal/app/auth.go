package app

import (
	"fmt"

	"tem/internal/config"
	"tem/internal/directory"
	"tem/internal/oauth"
	"tem/internal/sasl"
)

// withTokens is a directory whose people may also log in by token.
type withTokens struct {
	*directory.Directory
	sasl.Tokens
}

// openTokens makes who judges tokens, if the configuration names a provider.
func (s *Server) openTokens() error {
	v, err := newVerifier(s.config.OAuth, oauth.Options{Log: s.log})
	if v != nil {
		s.tokens = v
	}
	return err
}

func newVerifier(c config.OAuth, o oauth.Options) (*oauth.Verifier, error) {
	if c.Issuer == "" {
		return nil, nil
	}
	o.Issuer, o.Audience, o.Keys, o.Claim = c.Issuer, c.Audience, c.Keys, c.Claim
	v, err := oauth.New(o)
	if err != nil {
		return nil, fmt.Errorf("oauth: %w", err)
	}
	return v, nil
}

// CheckOAuth says whether the keys could be used, as far as that needs no network.
func CheckOAuth(c config.OAuth) error {
	_, err := newVerifier(c, oauth.Options{})
	return err
}

// auth is where logins are checked.
func (s *Server) auth() sasl.Backend {
	if s.tokens == nil {
		return s.stores.Directory
	}
	return withTokens{s.stores.Directory, s.tokens}
}
