// Package spf finds out whether an address may send for a domain (RFC 7208).
//
// It is our own and no library's, since a verdict here comes with the terms
// that led to it, the domain owner's explanation and the count of look-ups.
//
// Invariant: Check always ends with one of the seven results, after at most
// ten terms that ask the DNS; a name server that does not answer gives
// TempError, never Fail. Check starts no goroutines.
package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/dns"
)

// Result is one of RFC 7208 §2.6.
type Result string

const (
	None      Result = "none"      // the domain says nothing, or is none
	Neutral   Result = "neutral"   // the domain does not say whether
	Pass      Result = "pass"      // the address may
	Fail      Result = "fail"      // the address may not
	SoftFail  Result = "softfail"  // the address probably may not
	TempError Result = "temperror" // the DNS did not answer
	PermError Result = "permerror" // the record can't be read
)

// Query is what is asked.
type Query struct {
	IP       netip.Addr // of the client; IPv4-mapped is IPv4
	Hello    string     // what the client called itself
	Sender   string     // MAIL FROM without brackets, "" for the null path
	Receiver string     // our name, for %{r}
	Now      time.Time  // for %{t}
	Detail   bool       // also tell in Steps what the DNS answered
}

// Outcome is the result with what led to it.
type Outcome struct {
	Identity    string // "mailfrom" or "helo"
	Sender      string // the identity: postmaster@hello for the null path
	Domain      string // of the identity, whose record was read
	IP          netip.Addr
	Result      Result
	Mechanism   string // the term that decided, as it is written: -all; "" if none did
	Reason      string // one sentence for people
	Explanation string // what the domain's owner says about a fail (exp=); "" without
	Record      string // the record of Domain
	Steps       []Step
	Lookups     int // terms that asked the DNS, of 10 allowed
	Void        int // look-ups that found nothing, of 2 allowed
}

// Step is one term that was evaluated.
type Step struct {
	Depth  int    // 0 in the record itself, more in what is included
	Domain string // whose record
	Term   string
	Match  bool
	Found  string // what the DNS answered, with Query.Detail
}

// Limits of RFC 7208 §4.6.4.
const (
	maxLookups = 10 // terms
	maxVoid    = 2
	maxNames   = 10   // MX or PTR names of one term
	maxTerms   = 1000 // in all: our own bound on what is kept of an evaluation
)

// Check checks the MAIL FROM identity (RFC 7208 §2.4): for the null path, postmaster at the HELO name.
func Check(ctx context.Context, r *dns.Resolver, q Query) Outcome {
	return check(ctx, r, q, "mailfrom", sender(q))
}

// CheckHello checks the HELO identity (RFC 7208 §2.3).
func CheckHello(ctx context.Context, r *dns.Resolver, q Query) Outcome {
	return check(ctx, r, q, "helo", "postmaster@"+q.Hello)
}

// sender is the identity of MAIL FROM. Who has no local part is postmaster (RFC 7208 §4.3).
func sender(q Query) string {
	local, domain := split(q.Sender)
	switch {
	case q.Sender == "":
		return "postmaster@" + q.Hello
	case local == "":
		return "postmaster@" + domain
	}
	return q.Sender
}

// split cuts a sender at its last @; without one it is all domain.
func split(s string) (local, domain string) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return "", s
	}
	return s[:at], s[at+1:]
}

func check(ctx context.Context, r *dns.Resolver, q Query, identity, sender string) Outcome {
	q.IP = q.IP.Unmap().WithZone("") // RFC 7208 §5: IPv4-mapped is IPv4
	q.Hello = aLabels(q.Hello)
	local, domain := split(sender)
	if d := aLabels(domain); d != domain {
		sender, domain = local+"@"+d, d
	}
	if !q.IP.IsValid() || q.IP.IsUnspecified() { // a proxy did not know it: no record speaks of it
		return Outcome{Identity: identity, Sender: sender, Domain: domain, IP: q.IP, Result: None, Reason: "the client's address is not known"}
	}
	e := evaluation{ctx: ctx, resolver: r, query: q, sender: sender, local: local, senderDomain: domain}
	v := e.host(domain, 0)
	return Outcome{
		Identity: identity, Sender: sender, Domain: domain, IP: q.IP, Result: v.result, Mechanism: v.term, Reason: v.reason,
		Explanation: e.explain(v), Record: e.record, Steps: e.steps, Lookups: e.lookups, Void: e.void,
	}
}

// aLabels writes a domain with U-labels as the DNS has it (RFC 8616 §4); what is no such domain stays.
func aLabels(domain string) string {
	if isASCII(domain) {
		return domain
	}
	d, err := address.Domain(domain)
	if err != nil {
		return domain
	}
	return d
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

// verdict is what check_host() comes to for one domain.
type verdict struct {
	result Result
	term   string
	reason string
	domain string // where exp is to be expanded
	exp    string // not expanded
}

func verdictf(r Result, format string, args ...any) verdict {
	return verdict{result: r, reason: fmt.Sprintf(format, args...)}
}

// isDomain reports a name that SPF can be asked of (RFC 7208 §4.3): at least two labels, none empty or too long.
func isDomain(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxDomain || !strings.Contains(name, ".") || strings.HasPrefix(name, "[") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}
