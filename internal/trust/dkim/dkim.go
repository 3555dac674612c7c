// Package dkim signs messages and verifies their signatures: RFC 6376 with
// RFC 8301 (which algorithms and keys still count), RFC 8463 (Ed25519) and RFC
// 8616 (internationalised domains).
//
// A Message takes the octets of one message as they come, in pieces. Whoever
// wants something of it (a Verifier, a Signing, package arc) watches it: when
// the header is complete each says which hashes of the body it will need, and
// the body is canonicalised and hashed once for all that ask for the same.
//
// Invariant: nothing in a message or a key record makes a signature pass but
// the signature itself; only trouble with DNS is TempError; memory is bounded
// by maxHeader however long the message is.
//
// Each key that a message names is looked up by a goroutine of its own, at
// most lookupsAtOnce at work for one message, as soon as the header is there.
// They belong to the context that the watcher was given, end with it at the
// latest, and Results waits for those whose answers it needs.
package dkim

// Status is the result of one signature, in the words of RFC 8601 §2.7.1.
type Status string

const (
	None      Status = "none"      // not signed
	Pass      Status = "pass"      // signed, and unchanged since
	Fail      Status = "fail"      // signed, and it does not verify
	Policy    Status = "policy"    // may verify, but is not good enough for us
	Neutral   Status = "neutral"   // the signature can't be understood
	TempError Status = "temperror" // DNS did not answer; later it may
	PermError Status = "permerror" // the key or a necessary part is missing or unusable
)

// Bounds on what a stranger can make us do.
const (
	maxHeader     = 1 << 20 // octets of a header that are kept
	maxFields     = 5000    // header fields of a message
	maxNames      = 500     // field names in h=
	maxTags       = 100     // tags of a list
	maxRecord     = 16 << 10
	maxRecords    = 8   // key records tried at one name
	lookupsAtOnce = 16  // of one message: more than its signatures, so that none waits for another's name server
	maxExamined   = 200 // DKIM-Signature fields that are parsed at all
)

// The sizes of RSA keys that count, in bits: RFC 8301 §3.2 for the least; the
// largest is what a verification may cost us.
const (
	minRSABits = 1024
	maxRSABits = 8192
)

// Canon is a canonicalisation (RFC 6376 §3.4).
type Canon string

const (
	Simple  Canon = "simple"
	Relaxed Canon = "relaxed"
)

// The algorithms that we sign with and accept (RFC 8301 §3.1, RFC 8463 §3).
const (
	RSASHA256     = "rsa-sha256"
	Ed25519SHA256 = "ed25519-sha256"
)

// failure is why a signature does not pass.
type failure struct {
	status Status
	reason string
}

func (f *failure) Error() string { return f.reason }
