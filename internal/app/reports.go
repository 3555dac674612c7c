package app

import (
	"tem/internal/delivery"
	"tem/internal/mail"
	"tem/internal/message"
	"tem/internal/reports"
)

// newReports counts for reports, sends and receives them.
func (s *Server) newReports() *reports.Reports {
	c := &s.config.Reports
	from, _ := c.Address() // the configuration was checked
	resolver := Resolver(s.config.Outbound)
	roots, _ := s.config.Outbound.Certificates()
	return reports.New(reports.Options{
		KV: s.stores.KV, Resolver: resolver, Send: s.delivery.Send, IsLocal: s.stores.Directory.IsLocal, OpenBody: s.stores.Mail.OpenBody,
		HTTP: reports.HTTPClient(resolver.Addresses, roots), Hostname: s.config.Hostname, From: from, Organization: c.Organization, Contact: c.Contact,
		Version: s.options.Version, DMARC: c.DMARC, TLS: c.TLS, Log: s.log,
	})
}

// accepted tells what looks at messages that have arrived; reports need delivery, and it them.
func (s *Server) accepted(e *delivery.Envelope, h message.Header, body *mail.Body) {
	s.reports.Arrived(e, h, body)
}
