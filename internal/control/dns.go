package control

import (
	"context"
	"net/netip"

	"tem/internal/dnsplan"
)

// DNSPlan asks what a domain of ours has to publish in the DNS.
type DNSPlan struct {
	Domain    string       `json:"domain"`
	Addresses []netip.Addr `json:"addresses,omitempty"` // of the server; none: those of the machine
	Mode      dnsplan.Mode `json:"mode,omitempty"`      // of the MTA-STS policy; "": testing
}

// PlanDNS makes the plan.
func (s *Service) PlanDNS(ctx context.Context, r DNSPlan) (dnsplan.Plan, error) {
	domain, err := s.ourDomain(ctx, r.Domain)
	if err != nil {
		return dnsplan.Plan{}, err
	}
	switch r.Mode {
	case "":
		r.Mode = dnsplan.Testing
	case dnsplan.Enforce, dnsplan.Testing, dnsplan.None:
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
	return dnsplan.Make(site, domain, keys, r.Mode), nil
}

// publicKeys are the DKIM keys that the domain signs with.
func (s *Service) publicKeys(ctx context.Context, domain string) ([]dnsplan.Key, error) {
	if s.Keys == nil {
		return nil, nil
	}
	return s.Keys(ctx, domain)
}
