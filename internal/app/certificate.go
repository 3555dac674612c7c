package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"tem/internal/config"
)

// certificate is the pair of files that every listener shows; Load replaces it
// under running listeners.
type certificate struct {
	current atomic.Pointer[tls.Certificate]
	clients *x509.CertPool // who may sign the certificates that people log in with; nil: nobody
}

// loadClients reads the authorities of clients.
func (c *certificate) loadClients(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("tls.clients: %w", err)
	}
	c.clients = x509.NewCertPool()
	if !c.clients.AppendCertsFromPEM(text) {
		return fmt.Errorf("tls.clients: no certificate in %s", file)
	}
	return nil
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
func CheckCertificate(files config.TLS) error {
	c := new(certificate)
	if err := c.Load(files); err != nil {
		return err
	}
	return c.loadClients(files.Clients)
}

// PeopleConfig is Config for the ports of our people, who may show a certificate.
func (c *certificate) PeopleConfig() *tls.Config {
	cfg := c.Config()
	if cfg != nil && c.clients != nil {
		cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, c.clients
	}
	return cfg
}

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
