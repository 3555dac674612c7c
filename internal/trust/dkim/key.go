package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// KeyAlgorithms are what GenerateKey can make.
var KeyAlgorithms = []string{"rsa2048", "rsa3072", "ed25519"}

// GenerateKey makes a key to sign with: "rsa2048", "rsa3072" or "ed25519".
func GenerateKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "rsa3072":
		return rsa.GenerateKey(rand.Reader, 3072)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("keys of the kind %s are not known; there are %q", quote(algorithm), KeyAlgorithms)
}

// MarshalKey writes a private key as PEM, PKCS #8.
func MarshalKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseKey reads a private key in PEM: PKCS #8, or PKCS #1 as older programs
// write RSA keys. Errors hold nothing of it.
func ParseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("signing key: not in PEM form (-----BEGIN PRIVATE KEY-----)")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("signing key: a PEM block of type %s and not PRIVATE KEY", quote(block.Type))
	}
	if err != nil {
		return nil, errors.New("signing key: the PEM block holds no private key that can be read")
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errors.New("signing key: neither an RSA nor an Ed25519 key")
}
