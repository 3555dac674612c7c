package sasl

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/xdg-go/scram"
)

// Iterations is how often a password is hashed for SCRAM; a made-up user seems
// to have the same (RFC 7677 §4: at least 4096).
const Iterations = 10000

// DeriveSCRAMSHA256 computes the secrets for a password.
func DeriveSCRAMSHA256(password string, salt []byte, iterations int) (SCRAMSecrets, error) {
	c, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		return SCRAMSecrets{}, errors.New("the password holds characters that are not allowed")
	}
	k, err := c.WithMinIterations(iterations).GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return SCRAMSecrets{}, errors.New("the SCRAM secrets can't be derived")
	}
	return SCRAMSecrets{Salt: salt, Iterations: iterations, StoredKey: k.StoredKey, ServerKey: k.ServerKey}, nil
}

// NewServer starts an exchange; ErrUnknownMechanism if name is not known.
func NewServer(name string, b Backend) (Server, error) {
	switch name {
	case "PLAIN":
		return &plainServer{login: login{backend: b}}, nil
	case "LOGIN":
		return &loginServer{login: login{backend: b}}, nil
	case "SCRAM-SHA-256":
		return &scramServer{backend: b}, nil
	}
	return nil, ErrUnknownMechanism
}

// login is what the mechanisms that carry a password share.
type login struct {
	backend   Backend
	principal string
}

func (l *login) Principal() string { return l.principal }

func (l *login) verify(ctx context.Context, name, password string) (challenge []byte, done bool, err error) {
	l.principal, err = l.backend.VerifyPassword(ctx, name, password)
	return nil, err == nil, err
}

// plainServer is RFC 4616.
type plainServer struct{ login }

func (s *plainServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 {
		return nil, false, ErrMalformed
	}
	if len(parts[0]) > 0 && !bytes.Equal(parts[0], parts[1]) {
		return nil, false, ErrFailed // nobody may act for another
	}
	return s.verify(ctx, string(parts[1]), string(parts[2]))
}

// loginServer is draft-murchison-sasl-login.
type loginServer struct {
	login
	name *string
}

func (s *loginServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte("Username:"), false, nil
	}
	if s.name == nil {
		name := string(response)
		s.name = &name
		return []byte("Password:"), false, nil
	}
	return s.verify(ctx, *s.name, string(response))
}

// scramServer is RFC 5802 with RFC 7677's hash, without channel binding.
type scramServer struct {
	backend   Backend
	principal string
	known     bool
	talk      *scram.ServerConversation
	failure   error // of the backend
}

func (s *scramServer) Principal() string { return s.principal }

func (s *scramServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	if s.talk != nil {
		return s.final(response)
	}
	server, err := scram.SHA256.NewServer(func(name string) (scram.StoredCredentials, error) {
		return s.lookUp(ctx, name)
	})
	if err != nil {
		return nil, false, err
	}
	s.talk = server.NewConversation()
	challenge, err := s.talk.Step(string(response))
	if s.failure != nil {
		return nil, false, s.failure
	}
	if err != nil {
		return nil, false, ErrMalformed
	}
	if authz := s.talk.AuthzID(); authz != "" && authz != s.talk.Username() {
		return nil, false, ErrFailed
	}
	return []byte(challenge), false, nil
}

func (s *scramServer) final(response []byte) ([]byte, bool, error) {
	if s.talk.Done() {
		return nil, false, ErrMalformed
	}
	challenge, err := s.talk.Step(string(response))
	if err != nil || !s.talk.Valid() || !s.known {
		return nil, false, ErrFailed
	}
	return []byte(challenge), true, nil
}

// lookUp gives a user that does not exist a salt that stays the same, so that
// nobody learns who exists (RFC 5802 §9 leaves it to us).
func (s *scramServer) lookUp(ctx context.Context, name string) (scram.StoredCredentials, error) {
	principal, c, err := s.backend.SCRAMSHA256(ctx, name)
	if errors.Is(err, ErrFailed) {
		c, err = invented(name), nil
	} else {
		s.principal, s.known = principal, err == nil
	}
	s.failure = err
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(c.Salt), Iters: c.Iterations},
		StoredKey:  c.StoredKey,
		ServerKey:  c.ServerKey,
	}, err
}

// inventor is the key of this process for what nobody has.
var inventor = sync.OnceValue(func() []byte { return []byte(rand.Text()) })

func invented(name string) SCRAMSecrets {
	h := hmac.New(sha256.New, inventor())
	h.Write([]byte(name))
	sum := h.Sum(nil)
	return SCRAMSecrets{Salt: sum[:16], Iterations: Iterations, StoredKey: sum, ServerKey: sum}
}
