package dkim

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// minSigningBits is the least RSA key that we sign with (RFC 8301 §3.2).
const minSigningBits = 2048

// Key is what a domain signs with; its public half is published at
// Selector._domainkey.Domain.
type Key struct {
	Domain, Selector string
	Signer           crypto.Signer
}

// String keeps the secret out of whatever is printed by accident.
func (k Key) String() string { return fmt.Sprintf("[key %s._domainkey.%s]", k.Selector, k.Domain) }

// GoString is for %#v.
func (k Key) GoString() string { return k.String() }

// Normal returns the key with its names in lower-case A-labels, or what is
// wrong with it; leastBits is for RSA.
func (k Key) Normal(leastBits int) (Key, error) {
	var err error
	if k.Domain, err = domain(Tag{Name: "d", Value: k.Domain}, 1); err != nil {
		return k, fmt.Errorf("signing key: %w", err)
	}
	if k.Selector, err = domain(Tag{Name: "s", Value: k.Selector}, 1); err != nil {
		return k, fmt.Errorf("signing key of %s: %w", k.Domain, err)
	}
	if k.Signer == nil {
		return k, fmt.Errorf("signing key %s of %s: there is no private key", k.Selector, k.Domain)
	}
	switch public := k.Signer.Public().(type) {
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < leastBits || bits > maxRSABits {
			return k, fmt.Errorf("signing key %s of %s: an RSA key of %d bits; it must have %d to %d", k.Selector, k.Domain, bits, leastBits, maxRSABits)
		}
	default:
		return k, fmt.Errorf("signing key %s of %s: neither an RSA nor an Ed25519 key", k.Selector, k.Domain)
	}
	return k, nil
}

// Algorithm is the a= of what the key signs.
func (k Key) Algorithm() string {
	if _, ok := k.Signer.Public().(ed25519.PublicKey); ok {
		return Ed25519SHA256
	}
	return RSASHA256
}

// SignField makes a signature field, folded and with its CRLF. The tags are
// written in their order, the one named b without a value. add appends what is
// signed before the field itself, which is canonicalised as c says.
func (k Key) SignField(name string, tags []Tag, c Canon, add func(dst []byte) []byte) ([]byte, error) {
	field, at := foldTags(name, tags)
	text := appendField(add(nil), field[:len(field)-len(crlf)], c)
	sum := sha256.Sum256(text)
	hash := crypto.Hash(0) // Ed25519 signs the hash as it is (RFC 8463 §3)
	if k.Algorithm() == RSASHA256 {
		hash = crypto.SHA256
	}
	signature, err := k.Signer.Sign(rand.Reader, sum[:], hash)
	if err != nil {
		return nil, fmt.Errorf("sign with key %s of %s: %w", k.Selector, k.Domain, err)
	}
	out := make([]byte, 0, len(field)+len(signature)*3/2)
	out = appendSum(append(out, field[:at]...), base64.StdEncoding.EncodeToString(signature))
	return append(out, field[at:]...), nil
}

// SigningOptions say how to sign; the zero value is what a server wants.
type SigningOptions struct {
	Now    func() time.Time // nil: time.Now
	Expire time.Duration    // from now to x=; 0: there is no x=
	Header Canon            // "": relaxed
	Body   Canon            // "": relaxed
}

// Signing is the making of signatures for one message. Like Message it is for
// one goroutine.
type Signing struct {
	*Message
	keys    []Key
	options SigningOptions
	body    *BodyHash
}

// NewSigning begins to sign with each of the keys. The message is one that
// others watch as well, or nil for one of its own, to be written to the Signing.
func NewSigning(m *Message, keys []Key, o SigningOptions) (*Signing, error) {
	if m == nil {
		m = NewMessage()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, c := range []*Canon{&o.Header, &o.Body} {
		switch *c {
		case "":
			*c = Relaxed
		case Simple, Relaxed:
		default:
			return nil, fmt.Errorf("sign: canonicalisation %s is not known", quote(string(*c)))
		}
	}
	s := &Signing{Message: m, options: o}
	for _, k := range keys {
		k, err := k.Normal(minSigningBits)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
	}
	m.Watch(func(m *Message) {
		if m.err == nil {
			s.body = m.Hash(o.Body, -1)
		}
	})
	return s, nil
}

// Keys finds the keys that sign what is from a domain; none: nothing signs for
// it. nil is that of nobody who has keys.
type Keys func(ctx context.Context, domain string) ([]Key, error)

// Sign begins to sign a message whose author is of the domain, by the clock now
// (nil: time.Now); nil: it has no keys.
func (k Keys) Sign(ctx context.Context, domain string, now func() time.Time) (*Signing, error) {
	if k == nil {
		return nil, nil
	}
	keys, err := k(ctx, domain)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	return NewSigning(nil, keys, SigningOptions{Now: now})
}

// Fields returns a DKIM-Signature field for each key, to be put in front of
// the message, which must be complete.
func (s *Signing) Fields() ([]byte, error) {
	s.Close()
	header, err := s.Header()
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if header.Count("From") == 0 {
		return nil, errors.New("sign: the message has no From field") // RFC 6376 §5.4
	}
	names := SignedNames(header)
	if len(names) > maxNames {
		return nil, fmt.Errorf("sign: more than %d header fields would have to be signed", maxNames)
	}
	var fields []byte
	for _, k := range s.keys {
		field, err := k.SignField(fieldName, s.tags(k, names), s.options.Header, func(dst []byte) []byte {
			return AppendPicked(dst, header, names, s.options.Header)
		})
		if err != nil {
			return nil, err
		}
		fields = append(fields, field...)
	}
	return fields, nil
}

// tags are those of one signature.
func (s *Signing) tags(k Key, names []string) []Tag {
	now := s.options.Now()
	tags := []Tag{
		{Name: "v", Value: "1"},
		{Name: "a", Value: k.Algorithm()},
		{Name: "c", Value: string(s.options.Header) + "/" + string(s.options.Body)},
		{Name: "d", Value: k.Domain},
		{Name: "s", Value: k.Selector},
		{Name: "t", Value: strconv.FormatInt(now.Unix(), 10)},
	}
	if s.options.Expire > 0 {
		tags = append(tags, Tag{Name: "x", Value: strconv.FormatInt(now.Add(s.options.Expire).Unix(), 10)})
	}
	return append(tags,
		Tag{Name: "h", Value: strings.Join(names, ":")},
		Tag{Name: "bh", Value: base64.StdEncoding.EncodeToString(s.body.Sum())},
		Tag{Name: "b"})
}

// SignedNames are what our signatures list in h=. Each name is there once more
// than there are such fields, so that none can be added (RFC 6376 §8.15).
// Those that a mailing list adds without touching the rest are listed only
// where there are some already: a letter should survive a good list.
func SignedNames(h Header) (names []string) {
	for _, name := range []string{
		"from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references",
		"mime-version", "content-type", "content-transfer-encoding",
	} {
		for range h.Count(name) + 1 {
			names = append(names, name)
		}
	}
	for _, name := range []string{
		"sender", "content-disposition", "content-id", "content-description", "auto-submitted", "resent-from", "resent-to", "resent-date", "resent-message-id",
		"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post", "list-owner", "list-archive",
	} {
		if n := h.Count(name); n > 0 {
			for range n + 1 {
				names = append(names, name)
			}
		}
	}
	return names
}
