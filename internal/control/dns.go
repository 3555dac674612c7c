package control

import (
	"cmp"
	"context"
	"net/netip"

	"tem/internal/dnsplan"
	"tem/internal/transport/sts"
)

// DNSPlan asks what a domain of ours has to publish in the DNS.
type DNSPlan struct {
	Domain    string       `json:"domain"`
	Addresses []netip.Addr `json:"addresses,omitempty"` // of the server; none: those of the machine
	Mode      sts.Mode     `json:"mode,omitempty"`      // of the MTA-STS policy; "": as the server is configured
}

// PlanDNS makes the plan.
func (s *Service) PlanDNS(ctx context.Context, r DNSPlan) (dnsplan.Plan, error) {
	domain, err := s.ourDomain(ctx, r.Domain)
	if err != nil {
		return dnsplan.Plan{}, err
	}
	switch r.Mode {
	case "", sts.Enforce, sts.Testing, sts.None:
	default:
		return dnsplan.Plan{}, errorf(Invalid, "mode %.20q: it may be enforce, testing or none", r.Mode)
	}
	if s.Site == nil {
		return dnsplan.Plan{}, errorf(Invalid, "the name and the ports of the server are in its configuration: give --config FILE")
	}
	site, err := s.Site(ctx)
	if err != nil {
		return dnsplan.Plan{}, err
	}
	site.STS = cmp.Or(r.Mode, site.STS)
	if len(r.Addresses) > 0 {
		site.Addresses = nil
		for _, a := range r.Addresses {
			site.Addresses = append(site.Addresses, a.Unmap().WithZone(""))
		}
	}
	keys, err := s.publicKeys(ctx, domain)
	if err != nil {
		return dnsplan.Plan{}, err
	}
	return dnsplan.Make(site, domain, keys), nil
}

// publicKeys are the DKIM keys that the domain publishes: also those that sign
// from tomorrow, or did until yesterday (RFC 6376 §3.1).
func (s *Service) publicKeys(ctx context.Context, domain string) (keys []dnsplan.Key, err error) {
	all, err := s.Directory.Keys(ctx, domain)
	if err != nil {
		return nil, err
	}
	for _, k := range toKeys(all).Keys {
		keys = append(keys, dnsplan.Key{Selector: k.Selector, Record: k.Record})
	}
	return keys, nil
}
