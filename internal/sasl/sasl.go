// Package sasl has the SASL mechanisms of mail, both ends: PLAIN, LOGIN and
// SCRAM-SHA-256. The framing (base64, 334, "+ ") belongs to the protocols.
package sasl

import (
	"context"
	"errors"
)

var (
	ErrUnknownMechanism = errors.New("sasl: mechanism not supported")
	ErrMalformed        = errors.New("sasl: malformed response")
	ErrFailed           = errors.New("sasl: authentication failed") // wrong name or password
)

// Backend is where a server's mechanisms check what they are told. The error
// is ErrFailed for a wrong name or password; any other is a temporary failure.
type Backend interface {
	// VerifyPassword checks a password and returns the principal: the address of the account.
	VerifyPassword(ctx context.Context, login, password string) (principal string, err error)
	// SCRAMSHA256 returns the stored secrets of login.
	SCRAMSHA256(ctx context.Context, login string) (principal string, c SCRAMSecrets, err error)
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
// which the client answers with an empty response).
type Server interface {
	Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error)
	Principal() string
}

// Mechanisms lists what NewServer knows, best first.
func Mechanisms() []string { return []string{"SCRAM-SHA-256", "PLAIN", "LOGIN"} }

// Client is the client's end of one exchange.
type Client interface {
	Mechanism() string
	// Initial is the initial response; nil if the mechanism has none.
	Initial() ([]byte, error)
	// Next answers one challenge.
	Next(challenge []byte) ([]byte, error)
}
