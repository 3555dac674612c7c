package app

import (
	"tem/internal/transport"
	"tem/internal/transport/sts"
)

// newRemote is the way out.
func (s *Server) newRemote() *transport.Remote {
	o := &s.config.Outbound
	resolver := Resolver(*o)
	roots, _ := o.Certificates() // the configuration was checked
	fetcher := &sts.Fetcher{Addresses: resolver.Addresses, Roots: roots, Ports: o.Ports}
	return &transport.Remote{
		Hostname: s.config.Hostname, Resolver: resolver, Mail: s.stores.Mail,
		Log: s.log, Tap: s.options.Tap, Port: o.Port, Ports: o.Ports,
		Roots: roots, Relays: o.Relays(), Sources: o.Sources(),
		Policies: &sts.Cache{KV: s.stores.KV, Text: resolver.TXT, Fetch: fetcher.Fetch, Log: s.log},
		Record:   s.stores.Journal.Record,
		// Reports need delivery, which needs the queue, which needs this.
		TLSReport: func(o transport.TLSOutcome) { s.reports.Session(o) },
	}
}
