// Package dns looks names up, and serves a zone in this process for tests,
// lessons and localserve.
//
// Invariant: an answer is either records, ErrNotFound (the name or the records
// certainly do not exist now) or ErrTemporary (nobody could say); a caller
// that gives mail up does so on ErrNotFound only. An answer is called
// authenticated only if every step that led to it was, by the word of a name
// server that is trusted to check DNSSEC.
//
// A question under way has a goroutine of its own, which ends when it is
// answered, when time is up, or when nobody waits for it any more. A Server
// owns its goroutines and Close waits for them.
package dns

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

var (
	// ErrNotFound: the name does not exist or has no such records.
	ErrNotFound = errors.New("dns: no such name")
	// errNoName is ErrNotFound where not even the name exists (RFC 8020).
	errNoName = fmt.Errorf("%w", ErrNotFound)
	// ErrTemporary: no answer could be had; try later.
	ErrTemporary = errors.New("dns: temporary failure")
)

// Kind is a type of records (RFC 1035 §3.2.2).
type Kind uint16

const (
	KindA     = Kind(dns.TypeA)
	KindAAAA  = Kind(dns.TypeAAAA)
	KindCNAME = Kind(dns.TypeCNAME)
	KindMX    = Kind(dns.TypeMX)
	KindPTR   = Kind(dns.TypePTR)
	KindSOA   = Kind(dns.TypeSOA)
	KindSRV   = Kind(dns.TypeSRV)
	KindTLSA  = Kind(dns.TypeTLSA)
	KindTXT   = Kind(dns.TypeTXT)
)

// String is the kind as zone files write it: "MX".
func (k Kind) String() string { return dns.Type(k).String() }

// MX is one mail exchanger, lowest preference first. Host "." is a null MX (RFC 7505).
type MX struct {
	Preference uint16
	Host       string // without a final dot, except "."
}

// SRV is one place of a service (RFC 2782), lowest priority first. Target "."
// says that the service is not offered.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // without a final dot, except "."
}

// TLSA is one certificate association (RFC 6698 §2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// SOA is what the start of a zone says (RFC 1035 §3.3.13), as far as mail is concerned.
type SOA struct {
	Server   string // the primary name server, without a final dot
	Negative uint32 // seconds that "there is none" may be remembered (RFC 2308 §4)
}
