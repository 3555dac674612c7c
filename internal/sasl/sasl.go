// Package sasl has the SASL mechanisms of mail, both ends: EXTERNAL, SCRAM
// with SHA-1 and SHA-256, with and without channel binding, OAUTHBEARER,
// XOAUTH2, PLAIN and LOGIN. The framing (base64, 334, "+ ") belongs to the protocols.
//
// Invariant: only a Backend says who somebody is; a mechanism parses, compares
// in constant time and keeps nothing. The package starts no goroutine.
package sasl

import (
	"context"
	"errors"
)

var (
	ErrUnknownMechanism = errors.New("sasl: mechanism not supported")
	ErrMalformed        = errors.New("sasl: malformed response")
	ErrFailed           = errors.New("sasl: authentication failed") // wrong name or password
	// ErrUnproven: a server says that the login succeeded, but has not shown
	// that it knows the password's secret, which an impostor does not.
	ErrUnproven = errors.New("sasl: the server did not prove that it knows the password")
)

// refusal is an ErrFailed whose reason is worth a word in the log.
type refusal struct{ reason string }

func (r *refusal) Error() string { return ErrFailed.Error() + ": " + r.reason }
func (r *refusal) Unwrap() error { return ErrFailed }

// Refuse is ErrFailed for a reason of one word, which Reason gives back. It is
// for the log: a client must not learn it.
func Refuse(reason string) error { return &refusal{reason} }

// Reason is the word for why a login failed: "malformed", what Refuse was told,
// or "credentials".
func Reason(err error) string {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r.reason
	case errors.Is(err, ErrMalformed):
		return "malformed"
	}
	return "credentials"
}

// Backend is where a server's mechanisms check what they are told. The error
// is ErrFailed for a wrong name or password; any other is a temporary failure.
type Backend interface {
	// VerifyPassword checks a password and returns the principal: the address of the account.
	VerifyPassword(ctx context.Context, login, password string) (principal string, err error)
	// SCRAM returns the secrets of login for one hash.
	SCRAM(ctx context.Context, h Hash, login string) (principal string, c SCRAMSecrets, err error)
	// Principal returns the principal of a login that was proved by a token or
	// a certificate, or that is to be compared with another.
	Principal(ctx context.Context, login string) (principal string, err error)
}

// Tokens makes a Backend one that knows bearer tokens: a Backend that is also
// Tokens is offered by OAUTHBEARER and XOAUTH2.
type Tokens interface {
	// VerifyToken returns the login that a token names.
	VerifyToken(ctx context.Context, token string) (login string, err error)
	// TokenConfiguration is the URL where clients learn how to get a token, "" for none.
	TokenConfiguration() string
}

// SCRAMSecrets are what RFC 5802 §3 lets a server keep instead of a password.
type SCRAMSecrets struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// Server is the server's end of one exchange. Next is given the client's
// decoded response (nil: there was no initial response) and returns the next
// challenge; done with a nil error means that Principal is authenticated (a
// final challenge, if any, must be sent with the success or as one more step
// which the client answers with an empty response). A challenge beside an error
// must be sent, and answered, before the failure is told.
type Server interface {
	Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error)
	Principal() string
	// Login is the name that the client gave so far, as it gave it.
	Login() string
}

// maxResponse bounds one response, in octets: that of the longest line of AUTH
// (RFC 4954 §4: 12288), decoded.
const maxResponse = 9216

// Exchange runs the server's end: ask sends a challenge and returns the decoded
// answer, never nil. It returns nil when s.Principal is authenticated; an error
// of ask comes back as it is, beside the verdict if there was one.
func Exchange(ctx context.Context, s Server, initial []byte, ask func(challenge []byte) ([]byte, error)) error {
	response := initial
	for {
		if len(response) > maxResponse {
			return ErrMalformed
		}
		challenge, done, err := s.Next(ctx, response)
		switch {
		case err != nil && challenge != nil:
			_, lost := ask(challenge)
			return errors.Join(err, lost)
		case err != nil || done && len(challenge) == 0:
			return err
		}
		if response, err = ask(challenge); err != nil || done {
			return err
		}
	}
}

// Client is the client's end of one exchange.
type Client interface {
	Mechanism() string
	// Initial is the initial response; nil if the mechanism has none.
	Initial() ([]byte, error)
	// Next answers one challenge.
	Next(challenge []byte) ([]byte, error)
	// Proven says whether the server may be believed that the login succeeded;
	// ErrUnproven if it still owes a proof.
	Proven() error
}

// trusting is the part of mechanisms in which a server proves nothing.
type trusting struct{}

func (trusting) Proven() error { return nil }

// same says whether authz, the name that a client wants to act as, is the
// principal or not given: nobody may act for another.
func same(ctx context.Context, b Backend, authz, principal string) error {
	if authz == "" {
		return nil
	}
	wanted, err := b.Principal(ctx, authz)
	if err == nil && wanted != principal || errors.Is(err, ErrFailed) {
		return Refuse("authzid")
	}
	return err
}
