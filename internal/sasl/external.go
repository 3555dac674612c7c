package sasl

import (
	"bytes"
	"context"
	"errors"
)

// externalServer is RFC 4422 appendix A: the certificate of the TLS client says
// who it is, by one of the mail addresses in it.
type externalServer struct {
	identity
	names []string
}

func (s *externalServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	if bytes.IndexByte(response, 0) >= 0 {
		return nil, false, ErrMalformed // RFC 4422 §A.1
	}
	s.login = string(response)
	if s.login == "" {
		s.login = s.names[0]
	}
	var err error
	s.principal, err = s.choose(ctx, string(response))
	return nil, err == nil, err
}

// choose finds the principal of the certificate's names: the one that authz is,
// or without authz the only one.
func (s *externalServer) choose(ctx context.Context, authz string) (string, error) {
	principals := map[string]bool{}
	for _, name := range s.names {
		principal, err := s.backend.Principal(ctx, name)
		if err == nil {
			principals[principal] = true
		} else if !errors.Is(err, ErrFailed) {
			return "", err
		}
	}
	for principal := range principals {
		err := same(ctx, s.backend, authz, principal)
		if err == nil && (authz != "" || len(principals) == 1) {
			return principal, nil
		} else if err != nil && !errors.Is(err, ErrFailed) {
			return "", err
		}
	}
	return "", Refuse("certificate")
}

// externalClient asks to be who its certificate says.
type externalClient struct {
	trusting
	authz string
}

func (externalClient) Mechanism() string           { return external }
func (c externalClient) Initial() ([]byte, error)  { return []byte(c.authz), nil }
func (externalClient) Next([]byte) ([]byte, error) { return nil, ErrMalformed }
