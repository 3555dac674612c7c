package dmarc

import (
	"context"
	"errors"
	"strings"

	"tem/internal/dns"
)

// TakesReports tells whether the domain that a report about policyDomain would
// go to wants it (RFC 9990, external destinations): it is of the same organization, or says so in
// POLICY._report._dmarc.DESTINATION. An rua there takes the place of the
// address asked for, if it is at the same domain. An error is temporary.
func TakesReports(ctx context.Context, r *dns.Resolver, policyDomain, destination string) (ok bool, instead []string, err error) {
	policyDomain, destination = strings.ToLower(policyDomain), strings.ToLower(destination)
	own, err := Organization(ctx, r, policyDomain)
	if err != nil {
		return false, nil, err
	}
	if IsWithin(destination, own) {
		theirs, err := Organization(ctx, r, destination)
		if err != nil || theirs == own {
			return err == nil, nil, err
		}
	}
	all, err := r.TXT(ctx, policyDomain+"._report._dmarc."+destination)
	if errors.Is(err, dns.ErrTemporary) {
		return false, nil, err
	}
	for _, txt := range all {
		if !isRecord(txt) {
			continue
		}
		ok = true
		if rec, err := Parse(txt); err == nil {
			instead = append(instead, atDomain(rec.RUA, destination)...)
		}
	}
	return ok, instead, nil
}

// atDomain keeps mailto addresses of one domain.
func atDomain(uris []string, domain string) (kept []string) {
	for _, u := range uris {
		if strings.HasPrefix(u, "mailto:") && strings.EqualFold(u[strings.LastIndexByte(u, '@')+1:], domain) {
			kept = append(kept, u)
		}
	}
	return kept
}
