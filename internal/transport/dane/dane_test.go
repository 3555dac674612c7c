package dane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"tem/internal/dns"
)

// issued is a certificate for mx.example, signed by by, or by itself; until is when it ends.
func issued(t *testing.T, by *x509.Certificate, key *ecdsa.PrivateKey, name string, until time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1, 0), NotAfter: until, BasicConstraintsValid: true}
	if by == nil {
		c.IsCA, by, key = true, c, own
	} else {
		c.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &own.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, own
}

func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte { s := sha512.Sum512(b); return s[:] }

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ca, key := issued(t, nil, nil, "", now.Add(time.Hour))
	leaf, _ := issued(t, ca, key, "mx.example", now.Add(time.Hour))
	old, _ := issued(t, ca, key, "mx.example", now.Add(-time.Hour))
	other, _ := issued(t, ca, key, "other.example", now.Add(time.Hour))
	stranger, _ := issued(t, nil, nil, "", now.Add(time.Hour))
	for _, c := range []struct {
		name  string
		shown []*x509.Certificate
		r     dns.TLSA
		ok    bool
	}{
		{"3 1 1", []*x509.Certificate{leaf}, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum256(leaf.RawSubjectPublicKeyInfo)}, true},
		{"3 0 2", []*x509.Certificate{leaf}, dns.TLSA{Usage: 3, Selector: 0, Matching: 2, Data: sum512(leaf.Raw)}, true},
		{"3 1 0", []*x509.Certificate{leaf}, dns.TLSA{Usage: 3, Selector: 1, Matching: 0, Data: leaf.RawSubjectPublicKeyInfo}, true},
		{"3: dates say nothing", []*x509.Certificate{old}, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum256(old.RawSubjectPublicKeyInfo)}, true},
		{"3: names say nothing", []*x509.Certificate{other}, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum256(other.RawSubjectPublicKeyInfo)}, true},
		{"3: another key", []*x509.Certificate{leaf}, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum256(other.RawSubjectPublicKeyInfo)}, false},
		{"3: the authority's is not the server's", []*x509.Certificate{leaf, ca}, dns.TLSA{Usage: 3, Selector: 0, Matching: 1, Data: sum256(ca.Raw)}, false},
		{"2 0 1", []*x509.Certificate{leaf, ca}, dns.TLSA{Usage: 2, Selector: 0, Matching: 1, Data: sum256(ca.Raw)}, true},
		{"2 1 1", []*x509.Certificate{leaf, ca}, dns.TLSA{Usage: 2, Selector: 1, Matching: 1, Data: sum256(ca.RawSubjectPublicKeyInfo)}, true},
		{"2 0 0, not shown", []*x509.Certificate{leaf}, dns.TLSA{Usage: 2, Selector: 0, Matching: 0, Data: ca.Raw}, true},
		{"2: not shown", []*x509.Certificate{leaf}, dns.TLSA{Usage: 2, Selector: 0, Matching: 1, Data: sum256(ca.Raw)}, false},
		{"2: another name", []*x509.Certificate{other, ca}, dns.TLSA{Usage: 2, Selector: 0, Matching: 1, Data: sum256(ca.Raw)}, false},
		{"2: over", []*x509.Certificate{old, ca}, dns.TLSA{Usage: 2, Selector: 0, Matching: 1, Data: sum256(ca.Raw)}, false},
		{"2: shown, but signed nothing", []*x509.Certificate{leaf, stranger}, dns.TLSA{Usage: 2, Selector: 0, Matching: 1, Data: sum256(stranger.Raw)}, false},
		{"nothing shown", nil, dns.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: sum256(leaf.Raw)}, false},
	} {
		if err := Verify(c.shown, []dns.TLSA{c.r}, []string{"mx.example"}, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := Verify([]*x509.Certificate{other, ca}, []dns.TLSA{{Usage: 2, Matching: 1, Data: sum256(ca.Raw)}}, []string{"mx.example", "other.example"}, now); err != nil {
		t.Errorf("2: the domain's name: %v", err)
	}
}

func TestUsable(t *testing.T) {
	t.Parallel()
	all := []dns.TLSA{
		{Usage: 0, Selector: 1, Matching: 1, Data: make([]byte, 32)}, {Usage: 1, Selector: 1, Matching: 1, Data: make([]byte, 32)},
		{Usage: 3, Selector: 2, Matching: 1, Data: make([]byte, 32)}, {Usage: 3, Selector: 1, Matching: 3, Data: make([]byte, 32)},
		{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 31)}, {Usage: 3, Selector: 1, Matching: 2, Data: make([]byte, 32)},
		{Usage: 3, Selector: 1, Matching: 0}, {Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)},
	}
	if got := Usable(all); len(got) != 1 || got[0].Usage != 3 || len(all) != 8 {
		t.Errorf("%v", got)
	}
}
