package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tem/internal/dns"
)

// fieldName is the field of a signature.
const fieldName = "DKIM-Signature"

const (
	drift    = 5 * time.Minute // between our clock and the signer's
	maxAhead = 24 * time.Hour  // a signature made later than this from now was not made by a clock that is right
)

// Options of a Verifier; the zero value is what a server wants.
type Options struct {
	Now           func() time.Time // nil: time.Now
	MaxSignatures int              // verified in one message; 0: 10
	RefusePartial bool             // text behind l= makes a signature that passes Policy
	Detail        bool             // keep what was signed, for reports
}

// Verifier verifies signatures. It is safe for concurrent use.
type Verifier struct {
	resolver *dns.Resolver
	options  Options
	records  records
	scratch  sync.Pool // of *[]byte
}

// NewVerifier returns a verifier that gets keys through the resolver.
func NewVerifier(r *dns.Resolver, o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxSignatures <= 0 {
		o.MaxSignatures = 10
	}
	return &Verifier{resolver: r, options: o, scratch: sync.Pool{New: func() any { return new([]byte) }}}
}

// Verification is of one message. Like Message it is for one goroutine.
type Verification struct {
	*Message
	verifier *Verifier
	checks   []*Check
	results  []Result // of signatures that no Check is made for
}

// Verify begins with a message of its own, to be written to the Verification.
// Look-ups end with ctx.
func (v *Verifier) Verify(ctx context.Context) *Verification { return v.Watch(ctx, NewMessage()) }

// Watch begins with a message that others watch as well.
func (v *Verifier) Watch(ctx context.Context, m *Message) *Verification {
	c := &Verification{Message: m, verifier: v}
	m.Watch(func(*Message) { c.begin(ctx) })
	return c
}

// begin reads the signatures and asks for what they need.
func (c *Verification) begin(ctx context.Context) {
	header, err := c.Header()
	if err != nil {
		c.results = append(c.results, Result{Status: PermError, Reason: err.Error(), Length: -1})
		return
	}
	found := 0
	for _, f := range header {
		if !f.Is(fieldName) {
			continue
		}
		if found++; found > maxExamined || len(c.checks) >= c.verifier.options.MaxSignatures {
			continue
		}
		s, err := ParseSignature(f, FormDKIM)
		if err == nil {
			err = c.verifier.acceptable(s, header)
		}
		c.checks = append(c.checks, c.verifier.Check(ctx, c.Message, s, err))
	}
	if more := found - len(c.checks); more > 0 {
		c.results = append(c.results, Result{Status: Policy, Length: -1,
			Reason: fmt.Sprintf("too many signatures: only the first %d were looked at, %d were not", len(c.checks), more)})
	}
}

// acceptable says what is wrong with a well-formed signature before any key or
// hash is looked at (RFC 6376 §6.1.1).
func (v *Verifier) acceptable(s *Signature, h Header) error {
	if err := v.Acceptable(s); err != nil {
		return err
	}
	signed := 0
	for _, name := range s.Names {
		if strings.EqualFold(name, "From") {
			signed++
		}
	}
	froms := h.Count("From")
	switch {
	case signed == 0:
		return &failure{PermError, "the signature does not cover From"}
	case froms > signed: // RFC 6376 §8.15
		return &failure{Policy, fmt.Sprintf("the message has %d From fields and the signature covers %d", froms, signed)}
	case s.host != s.Domain && !strings.HasSuffix(s.host, "."+s.Domain):
		return &failure{PermError, fmt.Sprintf("the signature speaks for %s, which is not below %s", quote(s.Identity), s.Domain)}
	}
	return nil
}

// Acceptable says what is wrong with the algorithm or the times of a signature
// of any form.
func (v *Verifier) Acceptable(s *Signature) error {
	now := v.options.Now()
	switch {
	case s.Algorithm == "rsa-sha1": // RFC 8301 §3.1
		return &failure{PermError, "the signature is made with rsa-sha1, which no longer proves anything"}
	case s.Algorithm != RSASHA256 && s.Algorithm != Ed25519SHA256:
		return &failure{PermError, fmt.Sprintf("the algorithm a=%s is not known", quote(s.Algorithm))}
	case !s.Expires.IsZero() && !s.Time.IsZero() && !s.Expires.After(s.Time):
		return &failure{PermError, "the signature expires (x=) before it was made (t=)"}
	case !s.Expires.IsZero() && now.After(s.Expires.Add(drift)):
		return &failure{Policy, "the signature expired at " + s.Expires.Format(time.RFC3339)}
	case s.Time.After(now.Add(maxAhead)):
		return &failure{Policy, "the signature says that it was made in the future, at " + s.Time.Format(time.RFC3339)}
	}
	return nil
}

// Results waits for the keys and verifies. The message must be complete.
// Results are in the order of the signatures; none: the message is not signed.
func (c *Verification) Results(ctx context.Context) []Result {
	c.Close()
	results := make([]Result, 0, len(c.checks)+len(c.results))
	for _, check := range c.checks {
		results = append(results, check.Result(ctx))
	}
	return append(results, c.results...)
}

// Check is one signature on its way to a result.
type Check struct {
	verifier *Verifier
	header   Header
	sig      *Signature
	err      error // found before anything was asked
	body     *BodyHash
	lookup   *Lookup
	hash     func(dst []byte) []byte // what is signed; nil: the fields of h=
}

// Check begins to verify one signature of a message, from a watcher: it asks
// for the hash of the body, if the signature has one, and for the key. With an
// error it does neither, and that becomes the result.
func (v *Verifier) Check(ctx context.Context, m *Message, s *Signature, err error) *Check {
	if err == nil && m.header.loose() {
		err = &failure{Policy, "the header holds a line that is no field, and programs may show what follows it as the text, which nobody signed"}
	}
	c := &Check{verifier: v, sig: s, err: err, header: m.header}
	if err != nil {
		return c
	}
	c.lookup = m.lookUp(ctx, v.resolver, s.KeyName())
	if s.BodyHash != nil {
		c.body = m.Hash(s.Body, s.Length)
	}
	return c
}

// Over makes the check one of other text than the fields of h=: what add appends.
func (c *Check) Over(add func(dst []byte) []byte) { c.hash = add }

// Result waits for the key and verifies. The message must be closed.
func (c *Check) Result(ctx context.Context) Result {
	r := Result{Length: -1}
	r.about(c.sig)
	if c.err != nil {
		r.fail(c.err)
		return r
	}
	if err := c.verify(ctx, &r); err != nil {
		r.fail(err)
		return r
	}
	r.Status = Pass
	if r.Unsigned > 0 && c.verifier.options.RefusePartial {
		r.fail(&failure{Policy, fmt.Sprintf("text was added, or left unsigned: the signature covers %d octets (l=)", r.Length)})
	}
	return r
}

// verify is RFC 6376 §6.1.3, with the key before the hashes.
func (c *Check) verify(ctx context.Context, r *Result) error {
	r.KeyName = c.lookup.Name
	if c.body != nil {
		r.BodyHash, r.BodyOctets = c.body.Sum(), c.body.Octets()
		if r.Length >= 0 {
			r.Unsigned = max(r.BodyOctets-r.Length, 0)
		}
	}
	texts, err := c.lookup.wait(ctx)
	if err != nil {
		return err
	}
	sum := c.headerHash(r)
	return c.tryKeys(texts, sum, r)
}

// bodyMatches compares the body with what was signed.
func (c *Check) bodyMatches(r *Result) error {
	switch {
	case c.body == nil:
		return nil
	case r.Length > r.BodyOctets: // RFC 6376 §3.5, l=
		return &failure{Fail, fmt.Sprintf("text is missing: %d octets were signed (l=) and %d are left", r.Length, r.BodyOctets)}
	case !bytes.Equal(r.BodyHash, c.sig.BodyHash):
		return &failure{Fail, "the body hash does not match: the text was changed after signing"}
	}
	return nil
}

// headerHash hashes what was signed (RFC 6376 §3.7, step 2).
func (c *Check) headerHash(r *Result) [sha256.Size]byte {
	scratch := c.verifier.scratch.Get().(*[]byte)
	text := (*scratch)[:0]
	if c.hash != nil {
		text = c.hash(text)
	} else {
		text = AppendPicked(text, c.header, c.sig.Names, c.sig.Header)
		text = c.sig.AppendUnsigned(text, c.sig.Header)
	}
	sum := sha256.Sum256(text)
	r.HeaderHash = sum[:]
	if c.verifier.options.Detail {
		r.HeaderText = string(text)
	}
	*scratch = text
	c.verifier.scratch.Put(scratch)
	return sum
}

// AppendPicked adds the fields that the names of an h= choose.
func AppendPicked(dst []byte, h Header, names []string, c Canon) []byte {
	for _, i := range h.pick(names) {
		if i >= 0 {
			dst = appendField(dst, h[i].Raw, c)
		}
	}
	return dst
}

// tryKeys verifies with each of the records until one fits (RFC 6376 §6.1.2,
// step 4). Of several failures that of a usable key is told.
func (c *Check) tryKeys(texts []string, sum [sha256.Size]byte, r *Result) error {
	var told error
	for _, text := range texts[:min(len(texts), maxRecords)] {
		key, err := c.verifier.records.parse(text)
		if err == nil {
			err = c.usable(key)
		}
		if err != nil {
			if told == nil || errors.Is(told, errNoRecord) {
				told, r.Key = err, text
			}
			continue
		}
		r.Key, r.Bits, r.Testing = text, key.Bits, key.Testing
		if told = c.tryKey(key, sum, r); told == nil {
			return nil
		}
	}
	var f *failure
	if told != nil && !errors.As(told, &f) {
		told = &failure{PermError, fmt.Sprintf("the key at %s can't be used: %v", c.lookup.Name, told)}
	}
	return told
}

// usable says why a key can't verify the signature.
func (c *Check) usable(k *KeyRecord) error {
	s := c.sig
	switch {
	case k.hashes != "" && !lists(k.hashes, "sha256"):
		return fmt.Errorf("it is for other hashes (h=%s)", quote(k.hashes))
	case k.algorithm() != s.Algorithm:
		return fmt.Errorf("it is of another kind than the signature (a=%s)", s.Algorithm)
	case k.algorithm() == RSASHA256 && k.Bits < minRSABits: // RFC 8301 §3.2
		return &failure{Policy, fmt.Sprintf("the RSA key is too short: %d bits, and %d are the least that count", k.Bits, minRSABits)}
	case k.algorithm() == RSASHA256 && k.Bits > maxRSABits:
		return &failure{Policy, fmt.Sprintf("the RSA key is too long: %d bits, and more than %d are not verified", k.Bits, maxRSABits)}
	case k.Strict && s.host != s.Domain: // RFC 6376 §3.6.1, t=s
		return fmt.Errorf("it is for %s itself (t=s) and not for %s", s.Domain, quote(s.Identity))
	}
	return nil
}

// tryKey verifies the signature with one key.
func (c *Check) tryKey(k *KeyRecord, sum [sha256.Size]byte, r *Result) error {
	if err := c.bodyMatches(r); err != nil {
		return err
	}
	var ok bool
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], c.sig.Sum) == nil
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, sum[:], c.sig.Sum) // RFC 8463 §3: of the hash
	}
	if !ok {
		return &failure{Fail, "the signature does not match: a signed header field was changed after signing, or it was made with another key"}
	}
	return nil
}
