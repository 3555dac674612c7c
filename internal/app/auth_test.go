package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tem/internal/address"
	"tem/internal/config"
	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/sasl"
	"tem/internal/wire/imap/imapclient"
	"tem/internal/wire/pop3"
	"tem/internal/wire/smtp"
)

// office is a running server with an@hanoi.example, who has the password
// "secret", and may have a certificate and tokens.
type office struct {
	*Server
	ca     *authority
	log    *linetest.Log
	tokens *ecdsa.PrivateKey
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newOffice(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	ca, err := openAuthority(dir)
	ok(t, err)
	o := &office{ca: ca, log: new(linetest.Log)}
	o.tokens, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.tokens.Public(), KeyID: "1"}}})
	ok(t, err)
	c := config.Default()
	c.Hostname, c.Data, c.TLS.Clients = "localhost", filepath.Join(dir, "data"), ca.file
	c.OAuth = config.OAuth{Issuer: "https://id.example", Audience: "tem", Keys: filepath.Join(dir, "jwks.json"), Claim: "email"}
	ok(t, os.WriteFile(c.OAuth.Keys, jwks, 0o600))
	c.TLS.Cert, c.TLS.Key, err = ca.Issue(dir, "localhost")
	ok(t, err)
	any := []string{"127.0.0.1:0"}
	c.Listen = config.Listen{SMTP: any, Submission: any, Submissions: any, POP3S: any, IMAPS: any, HTTPS: any}
	o.Server, err = Start(t.Context(), c, Options{Log: slog.New(slog.NewTextHandler(o.log, nil))})
	ok(t, err)
	ok(t, o.stores.Directory.AddDomain(t.Context(), "hanoi.example"))
	_, err = o.stores.Directory.AddAccount(t.Context(), address.Address{Local: "an", Domain: "hanoi.example"}, "An", "secret", 0)
	ok(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() { cancel(); ok(t, <-done) })
	return o
}

// card is a client's configuration with a certificate that by signs for An.
func (o *office) card(t *testing.T, by *authority) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(o.ca.cert)
	cert, key, err := issue(&x509.Certificate{NotAfter: time.Now().Add(time.Hour), EmailAddresses: []string{"an@hanoi.example"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, by.cert, by.key)
	ok(t, err)
	shown := tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
	return &tls.Config{RootCAs: pool, ServerName: "localhost",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }}
}

// dial opens a connection to a port, with TLS from the first octet if cfg is not nil.
func (o *office) dial(t *testing.T, name string, cfg *tls.Config) *line.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", o.Addresses()[name].String())
	ok(t, err)
	c := line.NewConn(nc, line.Client, line.Options{MaxLine: imapclient.MaxLine})
	t.Cleanup(func() { c.Close() })
	if cfg != nil {
		ok(t, c.StartTLS(t.Context(), cfg))
	}
	return c
}

func (o *office) token(t *testing.T, email string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: o.tokens, KeyID: "1"}}, nil)
	ok(t, err)
	text, err := jwt.Signed(signer).Claims(map[string]any{"iss": "https://id.example", "aud": "tem", "email": email,
		"exp": time.Now().Add(time.Hour).Unix()}).Serialize()
	ok(t, err)
	return text
}

func TestEveryWayIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ctx, cfg := t.Context(), o.card(t, o.ca)
	an := sasl.Credentials{Login: "an@hanoi.example"}

	i, err := imapclient.New(ctx, o.dial(t, "imaps", cfg))
	ok(t, err)
	ok(t, i.Login(ctx, an))

	p, err := pop3.NewClient(ctx, o.dial(t, "pop3s", cfg))
	ok(t, err)
	k, err := p.Capa(ctx)
	ok(t, err)
	an.Token = o.token(t, "AN@hanoi.example")
	m, err := sasl.NewClient(k["SASL"], an)
	ok(t, err)
	ok(t, p.Auth(ctx, m))

	s, err := smtp.NewClient(ctx, o.dial(t, "submissions", cfg))
	ok(t, err)
	ok(t, s.Hello(ctx, "x"))
	offered := strings.Fields(s.Ext["AUTH"])
	all := []string{"EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"}
	if !slices.Equal(offered, all) {
		t.Errorf("offered are %v", offered)
	}
	an.Token = o.token(t, "nobody@hanoi.example") // a good token, but nobody's
	m, err = sasl.NewClient(offered, an)
	ok(t, err)
	var refused *smtp.Reply
	if err := s.Auth(ctx, m); !errors.As(err, &refused) || refused.Code != 535 {
		t.Errorf("a token of nobody: %v", err)
	}
	m, err = sasl.NewClient(offered, sasl.Credentials{Login: "an@hanoi.example", Password: "secret", Channel: sasl.Under(s.Conn())})
	ok(t, err)
	ok(t, s.Auth(ctx, m))

	for _, want := range []string{
		`msg=login proto=imap remote=127.0.0.1`, `mechanism=EXTERNAL tls="TLS 1.3"`,
		`msg=login proto=pop3 remote=127.0.0.1`, `mechanism=OAUTHBEARER tls="TLS 1.3"`,
		`msg="login failed" proto=smtp remote=127.0.0.1`, `login=an@hanoi.example mechanism=OAUTHBEARER reason=credentials`,
		`msg=login proto=smtp remote=127.0.0.1`, `mechanism=SCRAM-SHA-256-PLUS tls="TLS 1.3"`,
	} {
		if !strings.Contains(o.log.String(), want) {
			t.Errorf("%s is not in the log:\n%s", want, o.log)
		}
	}
}

// Other servers show certificates of other authorities on port 25; that must
// not keep their mail out. Our people's ports refuse such a certificate.
func TestCertificatesOfStrangers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	stranger, err := openAuthority(t.TempDir())
	ok(t, err)
	cfg := o.card(t, stranger)
	for port, want := range map[string]bool{"smtp": true, "submission": false} {
		c, err := smtp.NewClient(t.Context(), o.dial(t, port, nil))
		ok(t, err)
		ok(t, c.Hello(t.Context(), "x"))
		err = c.StartTLS(t.Context(), cfg)
		if (err == nil) != want {
			t.Errorf("%s: %v", port, err)
		}
		if want && strings.Contains(c.Ext["AUTH"], "EXTERNAL") {
			t.Errorf("%s offers EXTERNAL", port)
		}
	}
}

func TestClientsFileThatIsNone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := CheckCertificate(config.TLS{Clients: file}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("no file: %v", err)
	}
	ok(t, os.WriteFile(file, []byte("nothing"), 0o600))
	if err := CheckCertificate(config.TLS{Clients: file}); err == nil || !strings.Contains(err.Error(), "no certificate in "+file) {
		t.Errorf("no certificate: %v", err)
	}
}

// Every login of every protocol meets the same guard.
func TestOneGuard(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if o.guard == nil || o.smtpOptions(0).Guard != o.guard || o.smtpOptions(1).Guard != o.guard {
		t.Error("SMTP has a guard of its own")
	}
}
