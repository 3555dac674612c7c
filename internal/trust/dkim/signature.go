package dkim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tem/internal/address"
)

// Form is which kind of field a signature stands in.
type Form int

const (
	FormDKIM Form = iota // DKIM-Signature
	FormARC              // ARC-Message-Signature: i= is a number, v= means nothing
	FormSeal             // ARC-Seal: covers no body and lists no fields
)

// Signature is a signature field, read.
type Signature struct {
	Field     Field
	Tags      Tags
	Algorithm string    // a=
	Domain    string    // d= in lower-case A-labels
	Selector  string    // s= likewise
	Identity  string    // i= of a DKIM-Signature, "@" and d= without one
	Header    Canon     // c=
	Body      Canon     //
	Names     []string  // h=
	Length    int64     // l=; -1: the whole body
	Time      time.Time // t=; zero: not said
	Expires   time.Time // x=; zero: never

	Sum      []byte // b=
	BodyHash []byte // bh=

	value int    // where Tags begin in the field
	host  string // behind the @ of Identity, in lower-case A-labels
}

// KeyName is where the key is published (RFC 6376 §3.6.2.1).
func (s *Signature) KeyName() string { return s.Selector + "._domainkey." + s.Domain }

// ParseSignature reads a signature field. Where it can, it returns what it
// could read along with an error, so that a report can name the domain.
func ParseSignature(f Field, form Form) (*Signature, error) {
	s := &Signature{Field: f, Header: Simple, Body: Simple, Length: -1}
	if form != FormDKIM {
		// DEVIATES(draft-ietf-dmarc-arc-protocol-23 §4.1.2): without c= the form is
		// relaxed/relaxed and not DKIM's simple/simple; so has it the test suite of
		// the authors, and with it those who seal.
		s.Header, s.Body = Relaxed, Relaxed
	}
	value := f.Value()
	s.value = bytes.IndexByte(f.Raw, ':') + 1
	tags, err := ParseTags(string(value))
	if err != nil {
		return s, &failure{Neutral, "the signature can't be read: " + err.Error()}
	}
	s.Tags = tags
	return s, s.read(form)
}

// read fills in the fields from the tags (RFC 6376 §3.5 and §6.1.1).
func (s *Signature) read(form Form) error {
	if err := s.require(form); err != nil {
		return err
	}
	for _, t := range s.Tags {
		if err := s.readTag(t, form); err != nil {
			return &failure{Neutral, "the signature can't be read: " + err.Error()}
		}
	}
	if s.Identity == "" {
		s.Identity, s.host = "@"+s.Domain, s.Domain
	}
	return nil
}

// require says which tag is missing.
func (s *Signature) require(form Form) error {
	required := "v a b bh d h s"
	switch form {
	case FormARC: // draft-ietf-dmarc-arc-protocol-23 §4.1.2
		required = "i a b bh d h s"
	case FormSeal: // §4.1.3
		required = "i a b cv d s"
	}
	for name := range strings.SplitSeq(required, " ") {
		if _, there := s.Tags.Get(name); !there {
			return &failure{PermError, fmt.Sprintf("the signature has no %s=", name)}
		}
	}
	return nil
}

// readTag takes one tag in; those it does not know mean nothing.
func (s *Signature) readTag(t Tag, form Form) (err error) {
	switch t.Name {
	case "a":
		s.Algorithm = t.Value
	case "b":
		s.Sum, err = decode(t)
	case "d":
		s.Domain, err = domain(t, 2)
	case "s":
		s.Selector, err = domain(t, 1)
	case "t":
		s.Time, err = seconds(t)
	case "v":
		if form == FormDKIM && t.Value != "1" {
			err = fmt.Errorf("version v=%s is not 1", quote(t.Value))
		}
	default:
		if form != FormSeal {
			err = s.readMessageTag(t, form)
		}
	}
	return err
}

// readMessageTag takes in a tag that a signature over a whole message has.
func (s *Signature) readMessageTag(t Tag, form Form) (err error) {
	switch t.Name {
	case "bh":
		s.BodyHash, err = decode(t)
	case "c":
		s.Header, s.Body, err = canons(t.Value)
	case "h":
		s.Names, err = names(t.Value, form)
	case "i":
		if form == FormDKIM {
			s.Identity, s.host, err = identity(t)
		}
	case "l":
		s.Length, err = length(t)
	case "q":
		err = queries(t.Value)
	case "x":
		s.Expires, err = seconds(t)
	}
	return err
}

// decode reads base64, which may have white space anywhere.
func decode(t Tag) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(compact(t.Value))
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("%s= is not base64", t.Name)
	}
	return b, nil
}

// domain reads a domain name of at least so many labels, in A-labels or
// U-labels (RFC 8616 §5).
func domain(t Tag, labels int) (string, error) {
	d, err := address.Domain(t.Value)
	if err != nil || strings.HasPrefix(d, "[") || strings.Count(d, ".") < labels-1 {
		return "", fmt.Errorf("%s=%s is not a domain name", t.Name, quote(t.Value))
	}
	return d, nil
}

// identity reads i=: an address that may have nothing before its @.
func identity(t Tag) (whole, host string, err error) {
	at := strings.LastIndexByte(t.Value, '@')
	if at < 0 {
		return t.Value, "", fmt.Errorf("i=%s has no @", quote(t.Value))
	}
	host, err = domain(Tag{Name: t.Name, Value: t.Value[at+1:]}, 2)
	return t.Value, host, err
}

// seconds reads a time (RFC 6376 §3.5, t=): up to 12 digits.
func seconds(t Tag) (time.Time, error) {
	n, err := strconv.ParseUint(t.Value, 10, 63)
	if err != nil || len(t.Value) > 12 {
		return time.Time{}, fmt.Errorf("%s=%s is not a time in seconds", t.Name, quote(t.Value))
	}
	return time.Unix(int64(n), 0).UTC(), nil
}

// length reads l=: up to 76 digits, more than any message holds is as good as the greatest number.
func length(t Tag) (int64, error) {
	if t.Value == "" || len(t.Value) > 76 || strings.Trim(t.Value, "0123456789") != "" {
		return 0, fmt.Errorf("l=%s is not a number of octets", quote(t.Value))
	}
	n, err := strconv.ParseInt(t.Value, 10, 64)
	if err != nil {
		return math.MaxInt64, nil
	}
	return n, nil
}

// canons reads c=: header/body, where the body is simple unless it is named.
func canons(s string) (header, body Canon, err error) {
	h, b, both := strings.Cut(s, "/")
	if !both {
		b = string(Simple)
	}
	for _, c := range []string{h, b} {
		if Canon(c) != Simple && Canon(c) != Relaxed {
			return "", "", fmt.Errorf("canonicalisation c=%s is not known", quote(s))
		}
	}
	return Canon(h), Canon(b), nil
}

// names reads h=. An ARC-Message-Signature may leave it, or a place in it,
// empty, as the test suite of its authors has it.
func names(s string, form Form) ([]string, error) {
	list := strings.Split(s, ":")
	if len(list) > maxNames {
		return nil, fmt.Errorf("h= names more than %d fields", maxNames)
	}
	kept := list[:0]
	for _, name := range list {
		if name = trim(name); name == "" && form == FormARC {
			continue
		}
		if !isFieldName(name) {
			return nil, fmt.Errorf("h= names %s, which is not the name of a field", quote(name))
		}
		kept = append(kept, name)
	}
	return kept, nil
}

// isFieldName is RFC 5322 §3.6.8's field-name, less the semicolon.
func isFieldName(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// queries reads q=: we can ask dns/txt only.
func queries(s string) error {
	for q := range strings.SplitSeq(s, ":") {
		if trim(q) == "dns/txt" {
			return nil
		}
	}
	return fmt.Errorf("none of the ways to get the key in q=%s is dns/txt", quote(s))
}

// AppendUnsigned adds the field without the value of b= and without its CRLF,
// as it goes into its own hash (RFC 6376 §3.7). It must have tags.
func (s *Signature) AppendUnsigned(dst []byte, c Canon) []byte {
	raw := s.Field.Raw[:s.value+len(s.Field.Value())]
	for _, t := range s.Tags {
		if t.Name == "b" {
			cut := make([]byte, 0, len(raw))
			cut = append(cut, raw[:s.value+t.from]...)
			raw = append(cut, raw[s.value+t.to:]...)
			break
		}
	}
	return appendField(dst, raw, c)
}

// AppendRelaxed adds the field in relaxed canonicalisation, with its CRLF.
func (f Field) AppendRelaxed(dst []byte) []byte { return appendRelaxed(dst, f.Raw) }
