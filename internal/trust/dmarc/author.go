package dmarc

import (
	"fmt"
	"slices"
	"strings"

	"tem/internal/address"
	"tem/internal/message"
)

// Author is the one domain of the From fields of a header, in lower-case
// A-labels (RFC 9989 §5.3.1). Without one, the result is what to say instead:
// exempt for several domains in one field, permerror where From is not as it must be.
func Author(fields []string) (string, *Result) {
	if len(fields) != 1 {
		return "", (&Result{Apply: PolicyNone, Nobody: len(fields) == 0}).end(PermError, "the message has %d From fields, and must have one", len(fields))
	}
	if strings.ContainsFunc(fields[0], isControl) { // programs end a text there, or pass over it
		return "", (&Result{Apply: PolicyNone}).end(PermError, "From holds a control character")
	}
	var domains []string
	for _, m := range message.Addresses(fields[0]) {
		at := strings.LastIndexByte(m.Address, '@')
		if at < 0 {
			continue
		}
		d, err := address.Domain(m.Address[at+1:])
		if err != nil || strings.HasPrefix(d, "[") {
			return "", (&Result{Apply: PolicyNone}).end(PermError, "%q in From is not a domain", m.Address[at+1:])
		}
		if !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	switch len(domains) {
	case 0:
		return "", (&Result{Apply: PolicyNone}).end(PermError, "From has no address")
	case 1:
		return domains[0], nil
	}
	return "", (&Result{Apply: PolicyNone}).end(None, "From has addresses of %d domains (%s)", len(domains), fmt.Sprint(domains[:2]))
}

// isControl is true of control characters save those of a fold.
func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f }
