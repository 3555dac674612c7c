package sasl

import (
	"bytes"
	"context"
)

// plainServer is RFC 4616.
type plainServer struct{ identity }

func (s *plainServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return nil, false, ErrMalformed
	}
	if err := s.verify(ctx, string(parts[1]), string(parts[2])); err != nil {
		return nil, false, err
	}
	err := same(ctx, s.backend, string(parts[0]), s.principal)
	return nil, err == nil, err
}

func (i *identity) verify(ctx context.Context, login, password string) (err error) {
	i.login = login
	i.principal, err = i.backend.VerifyPassword(ctx, login, password)
	return err
}

// loginServer is draft-murchison-sasl-login.
type loginServer struct {
	identity
	named bool
}

func (s *loginServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte("Username:"), false, nil
	}
	if !s.named {
		s.named, s.login = true, string(response)
		return []byte("Password:"), false, nil
	}
	err := s.verify(ctx, s.login, string(response))
	return nil, err == nil, err
}

type plainClient struct {
	trusting
	login, password string
}

func (plainClient) Mechanism() string { return plain }
func (c plainClient) Initial() ([]byte, error) {
	return []byte("\x00" + c.login + "\x00" + c.password), nil
}
func (c plainClient) Next([]byte) ([]byte, error) { return nil, ErrMalformed }

// loginClient answers the prompts in their order, whatever they say.
type loginClient struct {
	trusting
	answers []string
}

func (*loginClient) Mechanism() string        { return loginName }
func (*loginClient) Initial() ([]byte, error) { return nil, nil }
func (c *loginClient) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, ErrMalformed
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return []byte(answer), nil
}
