package smtpserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"tem/internal/line"
	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

// clientCertificate is somebody's own, and the authority that it is signed by: itself.
func clientCertificate(t *testing.T, email string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), EmailAddresses: []string{email}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestExternalMechanism: a certificate logs in, and is offered EXTERNAL only where one was shown.
func TestExternalMechanism(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Mode, o.TLS, o.InsecureAuth = Submission, testTLS(t), nil
	own, authority := clientCertificate(t, "an@hanoi.example")
	o.TLS.ClientAuth, o.TLS.ClientCAs = tls.VerifyClientCertIfGiven, authority
	ctx := t.Context()
	for _, shown := range [][]tls.Certificate{nil, {own}} {
		c, err := smtp.NewClient(ctx, line.NewConn(dialled(t, o), line.Client, line.Options{}))
		check(t, err)
		check(t, c.Hello(ctx, "a"))
		check(t, c.StartTLS(ctx, &tls.Config{InsecureSkipVerify: true, Certificates: shown}))
		if offered := strings.Contains(" "+c.Ext["AUTH"]+" ", " EXTERNAL "); offered != (shown != nil) {
			t.Fatalf("offered %q to %d certificates", c.Ext["AUTH"], len(shown))
		}
		if shown == nil {
			continue
		}
		m, err := sasl.NewClient([]string{"EXTERNAL"}, sasl.Credentials{Channel: sasl.Under(c.Conn())})
		check(t, err)
		check(t, c.Auth(ctx, m))
		replies, err := c.Send(ctx, smtp.Transaction{From: "an@hanoi.example", To: []string{"binh@hanoi.example"}, Content: strings.NewReader("A: b\r\n\r\n"), Size: 8})
		if err != nil || replies[0].Code != 250 {
			t.Errorf("%v, %v", replies, err)
		}
	}
}
