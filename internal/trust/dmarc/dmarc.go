// Package dmarc judges whether the domain that a message names in From stands
// behind it, and what its owner asks to be done if not (RFC 7489 as revised by
// RFC 9989).
//
// Invariant: only an identifier that SPF or DKIM verified and that is aligned
// makes a pass; a name server that does not answer never makes a fail.
// Nothing here starts goroutines.
package dmarc

import "strings"

// Value is a result (RFC 8601 §2.7.1 and its registry).
type Value string

const (
	None      Value = "none" // no policy is published
	Pass      Value = "pass"
	Fail      Value = "fail"
	TempError Value = "temperror"
	PermError Value = "permerror" // no one author domain, or an unusable record
)

// Identifier is a domain that SPF or DKIM speaks of.
type Identifier struct {
	Method    string // "spf" or "dkim"
	Domain    string // of MAIL FROM, or d=
	Pass      bool
	Temporary bool // the check could not be made for now
}

// Alignment is what an identifier is worth.
type Alignment struct {
	Identifier
	Aligned bool
	Strict  bool   // the domain's owner asks for equality
	Org     string // organizational domain of the identifier, where it was looked for
}

// Result is the outcome for one message.
type Result struct {
	Value      Value
	From       string // author domain
	Nobody     bool   // there is no From field at all
	Domain     string // whose record applies; "" without one
	Org        string // organizational domain of From
	Record     *Record
	Policy     Policy // what the owner asks for this From: of p, sp or np
	Tag        string // which of the three
	Apply      Policy // what to do because of Value: Policy on a fail, none while the owner tests (t=y)
	Alignments []Alignment
	Reason     string // one sentence for people
}

// IsWithin reports that name is domain or below it. Both are in lower case.
func IsWithin(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
