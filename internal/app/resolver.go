package app

import (
	"tem/internal/config"
	"tem/internal/dns"
)

// Resolver asks the name servers of a configuration.
func Resolver(c config.Outbound) *dns.Resolver {
	r := dns.NewResolver(c.DNS...)
	if c.DNSSEC != "loopback" { // which is the resolver's own caution
		r.TrustAD(c.DNSSEC == "yes")
	}
	return r
}
