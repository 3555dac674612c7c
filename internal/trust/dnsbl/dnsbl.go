// Package dnsbl asks public lists about addresses (RFC 5782).
//
// Invariant: only an answer in 127.0.0.0/8 that is not one of the codes by
// which lists refuse to serve (127.255.255.0/24) is a listing; a list that
// does not answer lists nobody, and the result says so.
//
// Check asks all lists at once, each in a goroutine that ends before Check does.
package dnsbl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tem/internal/dns"
)

// maxText is how much of a list's own words is shown, in octets.
const maxText = 200

// Result is what one list says of one address.
type Result struct {
	Zone    string
	Addr    netip.Addr
	Listed  bool
	Answers []netip.Addr // 127.0.0.x: what they mean is the list's matter
	Text    string       // the list's reason, often an address to look at
	Err     error        // the list could not be asked, or refused
}

// String is the result in one sentence.
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return fmt.Sprintf("%s said nothing of %s: %v", r.Zone, r.Addr, r.Err)
	case !r.Listed:
		return fmt.Sprintf("%s does not list %s", r.Zone, r.Addr)
	case r.Text != "":
		return fmt.Sprintf("%s lists %s: %s", r.Zone, r.Addr, r.Text)
	}
	return fmt.Sprintf("%s lists %s", r.Zone, r.Addr)
}

// Check asks each zone about an address. Addresses that are not public are in no list and not asked for.
func Check(ctx context.Context, r *dns.Resolver, zones []string, a netip.Addr) []Result {
	a = a.Unmap().WithZone("")
	results := make([]Result, len(zones))
	var asked sync.WaitGroup
	for i, z := range zones {
		results[i] = Result{Zone: z, Addr: a}
		if !a.IsGlobalUnicast() || a.IsPrivate() {
			continue
		}
		asked.Go(func() { results[i].ask(ctx, r) })
	}
	asked.Wait()
	return results
}

// ask asks one list (RFC 5782 §2.1).
func (r *Result) ask(ctx context.Context, resolver *dns.Resolver) {
	name := Name(r.Addr) + "." + r.Zone
	answers, err := resolver.A(ctx, name)
	if errors.Is(err, dns.ErrTemporary) {
		r.Err = err
		return
	}
	for _, a := range answers {
		switch four := a.As4(); {
		case four[0] == 127 && four[1] == 255 && four[2] == 255:
			r.Err = fmt.Errorf("it refuses to answer us (%s): look at its rules, and at the name server that asks for us", a)
		case four[0] == 127:
			r.Answers = append(r.Answers, a)
		default:
			r.Err = fmt.Errorf("%s is no answer of a list: the domain may have changed hands", a)
		}
	}
	if r.Listed = len(r.Answers) > 0 && r.Err == nil; !r.Listed {
		return
	}
	if texts, err := resolver.TXT(ctx, name); err == nil {
		r.Text = printable(texts[0])
	}
}

// Name is an address as lists are asked: octets or nibbles, the last first (RFC 5782 §2.1, §2.4).
func Name(a netip.Addr) string {
	var parts []string
	if a.Is4() {
		for _, octet := range a.As4() {
			parts = append(parts, strconv.Itoa(int(octet)))
		}
	} else {
		sixteen := a.As16()
		parts = strings.Split(hex.EncodeToString(sixteen[:]), "")
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// printable is a text on one line, of ASCII, cut.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), maxText)]
}
