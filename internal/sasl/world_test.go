package sasl

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

const (
	an     = "an@hanoi.example"
	binh   = "binh@hanoi.example"
	secret = "mật khẩu"
	token  = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
)

// backend is what everybody's password is; names differ only by case.
type backend map[string]string

func (b backend) Principal(_ context.Context, login string) (string, error) {
	if _, ok := b[strings.ToLower(login)]; ok {
		return strings.ToLower(login), nil
	}
	return "", ErrFailed
}

func (b backend) VerifyPassword(ctx context.Context, login, password string) (string, error) {
	principal, err := b.Principal(ctx, login)
	if err != nil || b[principal] != password {
		return "", ErrFailed
	}
	return principal, nil
}

func (b backend) SCRAM(ctx context.Context, h Hash, login string) (string, SCRAMSecrets, error) {
	principal, err := b.Principal(ctx, login)
	if err != nil {
		return "", SCRAMSecrets{}, ErrFailed
	}
	s, err := DeriveSCRAM(h, b[principal], []byte("0123456789abcdef"), 4096)
	return principal, s, err
}

// withTokens knows one token, which is An's.
type withTokens struct{ backend }

func (withTokens) VerifyToken(_ context.Context, t string) (string, error) {
	if t != token {
		return "", Refuse("signature")
	}
	return an, nil
}
func (withTokens) TokenConfiguration() string { return "https://id.example/c" }

func people() backend { return backend{an: secret, binh: "other"} }

// exchange runs both ends; the client must believe what the server says.
func exchange(t *testing.T, c Client, s Server) error {
	t.Helper()
	initial, err := c.Initial()
	if err != nil {
		t.Fatal(err)
	}
	var refused error
	err = Exchange(t.Context(), s, initial, func(challenge []byte) ([]byte, error) {
		answer, err := c.Next(challenge)
		refused = err
		return append([]byte{}, answer...), err
	})
	if err == nil {
		err = c.Proven()
	}
	if refused != nil && !errors.Is(err, refused) {
		t.Errorf("the client's %v was lost", refused)
	}
	return err
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	a.cert = sign(t, template, template, a.key, a.key)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a certificate with mail addresses.
func (a *authority) issue(t *testing.T, emails ...string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	leaf := sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), EmailAddresses: emails, DNSNames: []string{"mail.example"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// channels are the two ends of a new TLS connection; the client shows client,
// if there is one.
func (a *authority) channels(t *testing.T, version uint16, client *tls.Certificate) (near, far Channel) {
	t.Helper()
	shown := a.issue(t)
	cc := &tls.Config{RootCAs: a.pool(), ServerName: "mail.example", MaxVersion: version}
	if client != nil {
		cc.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	sc := &tls.Config{Certificates: []tls.Certificate{shown}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: a.pool(), MaxVersion: version}
	n, f := net.Pipe()
	c, s := tls.Client(n, cc), tls.Server(f, sc)
	done := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = s.Write([]byte("x")) // after it, both ends are through
		}
		done <- err
	}()
	_, err := c.Read(make([]byte, 1))
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); f.Close() })
	cs, ss := c.ConnectionState(), s.ConnectionState()
	return Channel{TLS: &cs, Certificate: cs.PeerCertificates[0]}, Channel{TLS: &ss, Certificate: shown.Leaf}
}
