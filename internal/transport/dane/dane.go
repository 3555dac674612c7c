// Package dane judges certificates by TLSA records (RFC 6698, RFC 7672): what
// a domain says of its servers' keys under DNSSEC.
//
// Invariant: it is told authenticated records only; it looks nothing up.
package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"tem/internal/dns"
)

// ErrNoMatch: no record fits the certificates that the server shows.
var ErrNoMatch = errors.New("no TLSA record matches the server's certificate")

// The usages for mail servers (RFC 7672 §3.1), and the other fields' values.
const (
	usageAuthority = 2 // DANE-TA
	usageServer    = 3 // DANE-EE
	wholeCert      = 0
	publicKey      = 1
	exact          = 0
	bySHA256       = 1
	bySHA512       = 2
)

// Name is where the records of a mail exchanger are.
func Name(host string) string { return "_25._tcp." + host }

// Usable are the records that can be used for mail (RFC 7672 §3.1, §3.1.3).
// Where there are records but no usable ones, TLS is a must and the certificate is not looked at (§2.2).
func Usable(records []dns.TLSA) []dns.TLSA {
	return slices.DeleteFunc(slices.Clone(records), func(r dns.TLSA) bool { return !usable(&r) })
}

func usable(r *dns.TLSA) bool {
	if r.Usage != usageAuthority && r.Usage != usageServer || r.Selector > publicKey {
		return false
	}
	switch r.Matching {
	case exact:
		return len(r.Data) > 0
	case bySHA256:
		return len(r.Data) == sha256.Size
	case bySHA512:
		return len(r.Data) == sha512.Size
	}
	return false
}

// Verify checks what a server shows, its own certificate first, against usable
// records. names are those that the certificate may be for under usage 2: the
// host's, and the domain's that the mail is for (RFC 7672 §3.2.2).
func Verify(shown []*x509.Certificate, records []dns.TLSA, names []string, now time.Time) error {
	if len(shown) == 0 {
		return fmt.Errorf("%w: it shows none", ErrNoMatch)
	}
	var why error
	for i := range records {
		r := &records[i]
		if r.Usage == usageServer {
			if matches(r, shown[0]) { // RFC 7672 §3.1.1: whatever names and dates it has
				return nil
			}
			continue
		}
		err := underAuthority(shown, r, names, now)
		if err == nil {
			return nil
		}
		why = err
	}
	return errors.Join(ErrNoMatch, why)
}

// matches compares a record with a certificate (RFC 6698 §2.1).
func matches(r *dns.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == publicKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case bySHA256:
		sum := sha256.Sum256(data)
		return bytes.Equal(sum[:], r.Data)
	case bySHA512:
		sum := sha512.Sum512(data)
		return bytes.Equal(sum[:], r.Data)
	}
	return bytes.Equal(data, r.Data)
}

// underAuthority checks the chain from the server's certificate to the one that
// a record names (RFC 7672 §3.1.2). An authority of which only the key is
// published and which the server does not show is not found.
func underAuthority(shown []*x509.Certificate, r *dns.TLSA, names []string, now time.Time) error {
	roots, found := x509.NewCertPool(), false
	for _, c := range shown {
		if matches(r, c) {
			roots.AddCert(c)
			found = true
		}
	}
	if r.Selector == wholeCert && r.Matching == exact {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return errors.New("the authority is not among the certificates shown")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	var why error
	for _, name := range names {
		_, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: name, CurrentTime: now})
		if err == nil {
			return nil
		}
		why = err
	}
	return why
}
