package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"

	"github.com/xdg-go/scram"
)

// Hash is the hash of a SCRAM mechanism.
type Hash uint8

const (
	SHA256 Hash = iota // RFC 7677
	SHA1               // RFC 5802
)

func (h Hash) generator() scram.HashGeneratorFcn {
	if h == SHA1 {
		return scram.SHA1
	}
	return scram.SHA256
}

func (h Hash) mechanism() string {
	if h == SHA1 {
		return scramSHA1
	}
	return scramSHA256
}

// Iterations is how often a password is hashed for SCRAM; a made-up user seems
// to have the same (RFC 7677 §4: at least 4096).
const Iterations = 10000

// DeriveSCRAM computes the secrets for a password.
func DeriveSCRAM(h Hash, password string, salt []byte, iterations int) (SCRAMSecrets, error) {
	c, err := h.generator().NewClient("", password, "")
	if err != nil {
		return SCRAMSecrets{}, errors.New("the password holds characters that are not allowed")
	}
	k, err := c.WithMinIterations(iterations).GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return SCRAMSecrets{}, errors.New("the SCRAM secrets can't be derived")
	}
	return SCRAMSecrets{Salt: salt, Iterations: iterations, StoredKey: k.StoredKey, ServerKey: k.ServerKey}, nil
}

// scramServer is RFC 5802, or RFC 7677 with the better hash.
type scramServer struct {
	identity
	hash    Hash
	plus    bool // the mechanism is the one with channel binding
	channel Channel
	known   bool
	talk    *scram.ServerConversation
	failure error // of the backend
}

func (s *scramServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	switch {
	case response == nil:
		return []byte{}, false, nil
	case s.talk != nil:
		return s.final(ctx, response)
	}
	server, err := s.hash.generator().NewServer(func(name string) (scram.StoredCredentials, error) {
		return s.lookUp(ctx, name)
	})
	if err != nil {
		return nil, false, err
	}
	if s.talk, err = s.conversation(server, string(response)); err != nil {
		return nil, false, err
	}
	challenge, err := s.talk.Step(string(response))
	if s.failure != nil {
		return nil, false, s.failure
	}
	if err != nil {
		return nil, false, ErrMalformed
	}
	return []byte(challenge), false, nil
}

// conversation judges the flag for channel binding that the client's first
// message begins with (RFC 5802 §6).
func (s *scramServer) conversation(server *scram.Server, first string) (*scram.ServerConversation, error) {
	flag, _, _ := strings.Cut(first, ",")
	kind, bound := strings.CutPrefix(flag, "p=")
	switch {
	case bound != s.plus && (bound || flag == "n" || flag == "y"):
		return nil, Refuse("binding") // the flag is not the mechanism's
	case flag == "y" && s.channel.binds():
		return nil, Refuse("binding") // we did offer -PLUS: somebody on the way took it out
	case !bound:
		return server.NewConversation(), nil
	}
	b, ok := s.channel.binding(scram.ChannelBindingType(kind))
	if !ok {
		return nil, Refuse("binding")
	}
	return server.NewConversationWithChannelBindingRequired(b), nil
}

func (s *scramServer) final(ctx context.Context, response []byte) ([]byte, bool, error) {
	if s.talk.Done() {
		return nil, false, ErrMalformed
	}
	challenge, err := s.talk.Step(string(response))
	if challenge == scram.ErrChannelBindingsDontMatch {
		return nil, false, Refuse("binding")
	}
	if err != nil || !s.talk.Valid() || !s.known {
		return nil, false, ErrFailed
	}
	if err := same(ctx, s.backend, s.talk.AuthzID(), s.principal); err != nil {
		return nil, false, err
	}
	return []byte(challenge), true, nil
}

// lookUp gives a user that does not exist a salt that stays the same, so that
// nobody learns who exists (RFC 5802 §9 leaves it to us).
func (s *scramServer) lookUp(ctx context.Context, name string) (scram.StoredCredentials, error) {
	s.login = name
	principal, c, err := s.backend.SCRAM(ctx, s.hash, name)
	if errors.Is(err, ErrFailed) {
		c, err = invented(s.hash, name), nil
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

// invented are secrets of nobody. Names that a backend takes for one have the same.
func invented(h Hash, name string) SCRAMSecrets {
	mac := hmac.New(sha256.New, inventor())
	mac.Write([]byte(h.mechanism() + "\x00" + strings.ToLower(name)))
	sum := mac.Sum(nil)
	key := sum[:h.generator()().Size()]
	return SCRAMSecrets{Salt: sum[:16], Iterations: Iterations, StoredKey: key, ServerKey: key}
}
