package dkim

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// Result is what became of one signature.
type Result struct {
	Status Status
	Reason string // for people: why it does not pass; "" for a pass

	Domain    string // d= in lower-case A-labels; "" where it could not be read
	Selector  string
	Identity  string // i=
	Algorithm string // a=
	Bits      int    // size of the key; 0: none was found
	Testing   bool   // the key's t=y: as far as the domain goes, the message is not signed (RFC 6376 §3.6.1)
	Length    int64  // l=; -1: the whole body
	Unsigned  int64  // octets of the body behind l=
	Time      time.Time
	Expires   time.Time
	Begins    string // how b= begins, to tell signatures apart (header.b of RFC 6008)

	// What was looked at, for reports; hashes are empty where it did not come to that.
	Signature  *Signature // nil for the result that stands for too many
	KeyName    string     // where the key was asked for
	Key        string     // the record used
	BodyHash   []byte     // found; wanted is Signature.BodyHash
	BodyOctets int64      // of the canonicalised body
	HeaderHash []byte     // of what was signed
	HeaderText string     // what was signed, canonicalised (Options.Detail)
}

// fail settles the result.
func (r *Result) fail(err error) {
	r.Status, r.Reason = PermError, err.Error()
	if f, ok := err.(*failure); ok {
		r.Status = f.status
	}
}

// about copies what a signature says of itself.
func (r *Result) about(s *Signature) {
	r.Signature = s
	r.Domain, r.Selector, r.Identity, r.Algorithm = s.Domain, s.Selector, s.Identity, s.Algorithm
	r.Length, r.Time, r.Expires = s.Length, s.Time, s.Expires
	if b, _ := s.Tags.Get("b"); b != "" {
		b = compact(b)
		r.Begins = b[:min(len(b), 8)]
	}
}

// String is the result in a line, as a journey shows it.
func (r *Result) String() string {
	var b strings.Builder
	b.WriteString(string(r.Status))
	if r.Domain != "" {
		fmt.Fprintf(&b, ", signed by %s", r.Domain)
	}
	if r.Algorithm != "" {
		fmt.Fprintf(&b, " (%s", quoteWord(r.Algorithm))
		if r.Bits > 0 {
			fmt.Fprintf(&b, ", %d bits", r.Bits)
		}
		b.WriteString(")")
	}
	if r.Reason != "" {
		b.WriteString(": " + r.Reason)
	}
	if r.Unsigned > 0 {
		fmt.Fprintf(&b, "; the last %d octets of the text are not signed", r.Unsigned)
	}
	if r.Testing {
		b.WriteString("; the domain only tries DKIM out")
	}
	return b.String()
}

// quoteWord quotes what is not a plain word.
func quoteWord(s string) string {
	if isFieldName(s) && len(s) < 40 {
		return s
	}
	return quote(s)
}

// Step is one thing that was done to come to a result, and what was found.
type Step struct {
	What  string `json:"what"`
	Found string `json:"found"`
}

// Steps tells how the result was come by, in order.
func (r *Result) Steps() []Step {
	s := r.Signature
	if s == nil {
		return []Step{{"result", r.String()}}
	}
	steps := []Step{{"signature", strings.Join(strings.Fields(string(s.Field.Value())), " ")}}
	if r.BodyHash != nil {
		what := fmt.Sprintf("body, %s, %d octets", s.Body, r.BodyOctets)
		if s.Length >= 0 {
			what += fmt.Sprintf(", of which %d are signed", s.Length)
		}
		steps = append(steps, Step{what, matches(r.BodyHash, s.BodyHash)})
	}
	if r.KeyName != "" {
		steps = append(steps, Step{"key at " + r.KeyName, r.Key})
	}
	if r.HeaderText != "" {
		steps = append(steps, Step{fmt.Sprintf("header, %s", s.Header), r.HeaderText})
	}
	if r.HeaderHash != nil {
		steps = append(steps, Step{"hash of the header", base64.StdEncoding.EncodeToString(r.HeaderHash)})
	}
	return append(steps, Step{"result", r.String()})
}

// matches shows a hash beside the one that was expected.
func matches(found, want []byte) string {
	f, w := base64.StdEncoding.EncodeToString(found), base64.StdEncoding.EncodeToString(want)
	if f == w {
		return "hash " + f + ", as signed"
	}
	return "hash " + f + ", signed was " + w
}
