package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"

	"tem/internal/config"
)

// certificate is the pair of files that every listener shows; Load replaces it
// under running listeners.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
}

// Load reads the files; on an error the certificate in use stays.
func (c *certificate) Load(files config.TLS) error {
	if files.Cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", files.Cert, files.Key, err)
	}
	c.current.Store(&pair)
	return nil
}

// CheckCertificate says whether the files could be used.
func CheckCertificate(files config.TLS) error { return new(certificate).Load(files) }

// Config is the TLS side of a listener; nil when there is no certificate.
func (c *certificate) Config() *tls.Config {
	if c.current.Load() == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, // RFC 8996
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := c.current.Load(); pair != nil {
				return pair, nil
			}
			return nil, errors.New("no certificate")
		},
	}
}
