package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// KeyRecord is a public key as it is published (RFC 6376 §3.6.1).
type KeyRecord struct {
	Key     crypto.PublicKey // *rsa.PublicKey or ed25519.PublicKey
	Bits    int              // its size
	Testing bool             // t=y: the domain is trying DKIM out
	Strict  bool             // t=s: i= must have the domain of d= itself
	hashes  string           // h=; "": all
}

// algorithm is the only a= that the key can be used with.
func (k *KeyRecord) algorithm() string {
	if _, ok := k.Key.(ed25519.PublicKey); ok {
		return Ed25519SHA256
	}
	return RSASHA256
}

// errNoRecord: the text is a record of something else, such as a wildcard's.
var errNoRecord = errors.New("the record is no DKIM key")

// ParseRecord reads the text of one TXT record, its strings joined.
func ParseRecord(text string) (*KeyRecord, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("the record is longer than %d octets", maxRecord)
	}
	tags, err := ParseTags(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRecord, err)
	}
	for i, t := range tags {
		if t.Name == "v" && (i > 0 || t.Value != "DKIM1") {
			return nil, fmt.Errorf("%w: v= is not DKIM1 at the start", errNoRecord)
		}
	}
	public, there := tags.Get("p")
	if !there {
		return nil, fmt.Errorf("%w: it has no p=", errNoRecord)
	}
	if services, there := tags.Get("s"); there && !lists(services, "*") && !lists(services, "email") {
		return nil, fmt.Errorf("the key is not for mail (s=%s)", quote(services))
	}
	return newRecord(tags, compact(public))
}

func newRecord(tags Tags, public string) (*KeyRecord, error) {
	if public == "" {
		return nil, errors.New("the key has been revoked: its p= is empty")
	}
	kind, there := tags.Get("k")
	if !there {
		kind = "rsa"
	}
	der, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		return nil, errors.New("the key's p= is not base64")
	}
	k := new(KeyRecord)
	if err := k.setKey(kind, der); err != nil {
		return nil, err
	}
	flags, _ := tags.Get("t")
	k.Testing, k.Strict = lists(flags, "y"), lists(flags, "s")
	k.hashes, _ = tags.Get("h")
	return k, nil
}

// setKey reads the key of a kind: an RSAPublicKey, which in use is inside a
// SubjectPublicKeyInfo, or the 32 octets of Ed25519 (RFC 8463 §4).
func (k *KeyRecord) setKey(kind string, der []byte) error {
	switch kind {
	case "rsa":
		key, err := parseRSA(der)
		if err != nil {
			return err
		}
		k.Key, k.Bits = key, key.N.BitLen()
	case "ed25519":
		if len(der) != ed25519.PublicKeySize {
			return fmt.Errorf("the Ed25519 key has %d octets and not %d", len(der), ed25519.PublicKeySize)
		}
		k.Key, k.Bits = ed25519.PublicKey(der), 256
	default:
		return fmt.Errorf("the key is of a kind that is not known, k=%s", quote(kind))
	}
	return nil
}

func parseRSA(der []byte) (*rsa.PublicKey, error) {
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		if rsaKey, ok := key.(*rsa.PublicKey); ok {
			return rsaKey, nil
		}
		return nil, errors.New("the key's p= is not an RSA key")
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil, errors.New("the key's p= is not an RSA key")
	}
	return key, nil
}

// lists reports whether a colon-separated list has the word.
func lists(list, word string) bool {
	for w := range strings.SplitSeq(list, ":") {
		if trim(w) == word {
			return true
		}
	}
	return false
}

// records remembers keys by the text of their records, which says all of them.
// The zero value is empty.
type records struct {
	mu   sync.Mutex
	kept map[string]*KeyRecord
}

const recordsKept = 1024

// parse is ParseRecord, from memory where it can.
func (r *records) parse(text string) (*KeyRecord, error) {
	r.mu.Lock()
	k := r.kept[text]
	r.mu.Unlock()
	if k != nil {
		return k, nil
	}
	k, err := ParseRecord(text)
	if err != nil {
		return nil, err
	}
	r.keep(text, k)
	return k, nil
}

func (r *records) keep(text string, k *KeyRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = make(map[string]*KeyRecord)
	}
	for other := range r.kept {
		if len(r.kept) < recordsKept {
			break
		}
		delete(r.kept, other)
	}
	r.kept[text] = k
}

// Record is the text to publish for a public key at SELECTOR._domainkey.DOMAIN.
func Record(public crypto.PublicKey) (string, error) {
	switch key := public.(type) {
	case *rsa.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return "", fmt.Errorf("key record: %w", err)
		}
		return RecordText("rsa", der), nil
	case ed25519.PublicKey:
		return RecordText("ed25519", key), nil
	}
	return "", fmt.Errorf("key record: a key of type %T can't sign mail", public)
}

// RecordText is Record of a key that is there in octets: the kind that k= names,
// and what p= has in base64. RFC 6376 §3.6.1 recommends t=s to who needs no
// subdomains in i=; ours never has one, for we write none.
func RecordText(kind string, public []byte) string {
	return "v=DKIM1; k=" + kind + "; t=s; p=" + base64.StdEncoding.EncodeToString(public)
}
