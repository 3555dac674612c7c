// Package iprev finds out whether the name that an address points to leads
// back to the address (RFC 8601 §3).
//
// Check asks one question, then at most two for each of maxNames names. It
// starts no goroutines.
package iprev

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"tem/internal/dns"
)

// Value is a result (RFC 8601 §2.7.3).
type Value string

const (
	Pass      Value = "pass"
	Fail      Value = "fail"      // there are names, and none leads back
	TempError Value = "temperror" // the DNS did not answer
	PermError Value = "permerror" // the address has no name
)

// maxNames is how many names of an address are followed.
const maxNames = 5

// Result is the outcome for one address.
type Result struct {
	Value  Value
	Addr   netip.Addr
	Name   string   // confirmed; the first in the order of answers
	Names  []string // all that the address points to
	Reason string
}

// Check asks for the names of an address and for the addresses of each.
func Check(ctx context.Context, r *dns.Resolver, a netip.Addr) Result {
	a = a.Unmap().WithZone("")
	res := Result{Addr: a}
	if !a.IsValid() || a.IsUnspecified() { // a proxy did not know it
		return res.end(PermError, "the client's address is not known")
	}
	names, err := r.Name(ctx, a)
	switch {
	case errors.Is(err, dns.ErrTemporary):
		return res.end(TempError, "the name of %s could not be asked for: %v", a, err)
	case err != nil:
		return res.end(PermError, "%s has no name in the DNS", a)
	}
	res.Names = names
	ask := r.AAAA
	if a.Is4() {
		ask = r.A
	}
	var temporary error
	for _, n := range names[:min(len(names), maxNames)] {
		found, err := ask(ctx, n)
		if slices.Contains(found, a) {
			res.Name = n
			return res.end(Pass, "%s is %s, and back", a, n)
		}
		if errors.Is(err, dns.ErrTemporary) {
			temporary = err
		}
	}
	if temporary != nil {
		return res.end(TempError, "%v", temporary)
	}
	return res.end(Fail, "%s is said to be %s, which does not lead back", a, names[0])
}

func (r Result) end(v Value, format string, args ...any) Result {
	r.Value, r.Reason = v, fmt.Sprintf(format, args...)
	return r
}
