package directory

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The sizes of RSA keys: what we make, and what may be brought. Below the first,
// nobody believes a signature (RFC 8301 §3.2); above the last, some can't check it.
const (
	rsaBits    = 2048
	minRSABits = 1024
	maxRSABits = 4096
)

// GenerateKey makes a private key: RSA with 2048 bits, or Ed25519.
func GenerateKey(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case RSA:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case Ed25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, problemf(ErrInvalid, "%q is no algorithm of keys: %s and %s are", algorithm, RSA, Ed25519)
}

// keyValue is a key as its row has it.
type keyValue struct {
	Algorithm string    `json:"algorithm"`
	State     KeyState  `json:"state"`
	Created   time.Time `json:"created"`
	Changed   time.Time `json:"changed"`
	Public    []byte    `json:"public"`
	PKCS8     []byte    `json:"pkcs8"`
}

// keyRow is a key in the index; its secret is parsed when it is first used.
type keyRow struct {
	keyValue
	Domain, Selector string
	private          func() (crypto.Signer, error)
}

// String keeps the secret out of whatever is printed by accident.
func (k *keyRow) String() string { return "[key " + k.Selector + "." + k.Domain + "]" }

// keySet is the keys of one domain, by selector.
type keySet struct {
	rows   []*keyRow
	active func() ([]SigningKey, error) // made once
}

func newKeySet(rows []*keyRow) keySet {
	return keySet{rows, sync.OnceValues(func() (keys []SigningKey, err error) {
		for _, k := range rows {
			if k.State != KeyActive {
				continue
			}
			s, err := k.signing()
			if err != nil {
				return nil, err
			}
			keys = append(keys, s)
		}
		return slices.Clip(keys), nil
	})}
}

// find returns a key of the set, which is that of domain.
func (s keySet) find(domain, selector string) (*keyRow, error) {
	i := slices.IndexFunc(s.rows, func(k *keyRow) bool { return strings.EqualFold(k.Selector, selector) })
	if i < 0 {
		return nil, problemf(ErrNotFound, "domain %s has no key with the selector %s", domain, selector)
	}
	return s.rows[i], nil
}

// newKeyRow checks a new key.
func newKeyRow(domain string, n NewKey, now time.Time) (*keyRow, error) {
	k := &keyRow{Domain: domain, private: func() (crypto.Signer, error) { return n.Private, nil }}
	k.State, k.Created, k.Changed = n.State, now.UTC(), now.UTC()
	if n.State != KeyNext && n.State != KeyActive && n.State != KeyRetired {
		return nil, problemf(ErrInvalid, "domain %s: %q is no state of a key", domain, n.State)
	}
	var err error
	if n.Selector != "" {
		if k.Selector, err = checkSelector(n.Selector); err != nil {
			return nil, err
		}
	}
	if k.Algorithm, k.Public, err = publicKey(n.Private); err != nil {
		return nil, problemf(ErrInvalid, "domain %s: the key can't be used: %v", domain, err)
	}
	if k.PKCS8, err = x509.MarshalPKCS8PrivateKey(n.Private); err != nil {
		return nil, problemf(ErrInvalid, "domain %s: the key can't be kept: it is of a kind that has no PKCS #8", domain)
	}
	return k, nil
}

// publicKey is the algorithm and what a record has in p=: for RSA the
// SubjectPublicKeyInfo (RFC 6376 §3.6.1 in the erratum 3017), for Ed25519 the 32 octets (RFC 8463 §4.2).
func publicKey(private crypto.Signer) (algorithm string, public []byte, err error) {
	switch k := private.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return "", nil, fmt.Errorf("RSA with %d bits; from %d to %d are of use", bits, minRSABits, maxRSABits)
		}
		public, err = x509.MarshalPKIXPublicKey(&k.PublicKey)
		return RSA, public, err
	case ed25519.PrivateKey:
		return Ed25519, k.Public().(ed25519.PublicKey), nil
	}
	return "", nil, fmt.Errorf("it is neither %s nor %s", RSA, Ed25519)
}

// rowKey has a NUL between, which is in no domain and no selector.
func (k *keyRow) rowKey() []byte { return rowKey(keyRowLetter, k.Domain+"\x00"+k.Selector) }

func (k *keyRow) encode() []byte { return encode(k.keyValue) }

// decodeKey reads a row; its errors say nothing of what is in it.
func decodeKey(name string, val []byte) (*keyRow, error) {
	k := new(keyRow)
	var ok bool
	if k.Domain, k.Selector, ok = strings.Cut(name, "\x00"); !ok || json.Unmarshal(val, &k.keyValue) != nil {
		return nil, errors.New("a stored key is damaged")
	}
	k.private = sync.OnceValues(func() (crypto.Signer, error) {
		private, err := x509.ParsePKCS8PrivateKey(k.PKCS8)
		signer, ok := private.(crypto.Signer)
		if err != nil || !ok {
			return nil, fmt.Errorf("the stored key %s of the domain %s is damaged", k.Selector, k.Domain)
		}
		return signer, nil
	})
	return k, nil
}

// in is the same key in another state.
func (k *keyRow) in(state KeyState, now time.Time) *keyRow {
	next := *k
	next.State, next.Changed = state, now.UTC()
	return &next
}

func (k *keyRow) key() Key {
	return Key{k.Domain, k.Selector, k.Algorithm, k.State, k.Created, k.Changed, slices.Clone(k.Public)}
}

func (k *keyRow) signing() (SigningKey, error) {
	private, err := k.private()
	return SigningKey{k.Domain, k.Selector, k.Algorithm, private, k.Created, k.State}, err
}

func (x *index) setKey(name string, val []byte) error {
	k, err := decodeKey(name, val)
	if err != nil {
		return err
	}
	rows := x.keysBut(k.Domain, k.Selector)
	i, _ := slices.BinarySearchFunc(rows, k, func(a, b *keyRow) int { return strings.Compare(a.Selector, b.Selector) })
	x.keys[k.Domain] = newKeySet(slices.Insert(rows, i, k))
	return nil
}

func (x *index) removeKey(name string) {
	domain, selector, _ := strings.Cut(name, "\x00")
	if rows := x.keysBut(domain, selector); len(rows) > 0 {
		x.keys[domain] = newKeySet(rows)
	} else {
		delete(x.keys, domain)
	}
}

// keysBut is a new list of the keys of a domain without one.
func (x *index) keysBut(domain, selector string) []*keyRow {
	return slices.DeleteFunc(slices.Clone(x.keys[domain].rows), func(k *keyRow) bool { return k.Selector == selector })
}
