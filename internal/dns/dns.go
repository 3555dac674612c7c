// Package dns looks names up, and serves a zone in this process for tests and
// localserve.
//
// Invariant: an answer is either records, ErrNotFound (the name or the records
// certainly do not exist now) or ErrTemporary (nobody could say); a caller
// that gives mail up does so on ErrNotFound only.
//
// A Resolver has no goroutines that outlive a call; a Server owns its own and
// Close waits for them.
package dns

import "errors"

var (
	// ErrNotFound: the name does not exist or has no such records.
	ErrNotFound = errors.New("dns: no such name")
	// ErrTemporary: no answer could be had; try later.
	ErrTemporary = errors.New("dns: temporary failure")
)

// MX is one mail exchanger, lowest preference first. Host "." is a null MX (RFC 7505).
type MX struct {
	Preference uint16
	Host       string // without a final dot, except "."
}
