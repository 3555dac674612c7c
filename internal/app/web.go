package app

import (
	"time"

	"tem/internal/dnsplan"
	"tem/internal/webserver"
)

// newWeb is the web server, of which no port need be open.
func (s *Server) newWeb() *webserver.Server {
	c := &s.config
	o := webserver.Options{
		Hostname: c.Hostname, TLS: s.cert.Config(), Local: s.stores.Directory.IsLocal,
		Services: programs(services(c.Listen, true)), // without TLS there is no web either
		Drain:    time.Duration(c.Limits.Drain), Log: s.log,
	}
	if mode := c.Web.Mode(); mode != "" {
		o.Policy, _ = dnsplan.STSPolicy(c.Hostname, mode)
	}
	return webserver.New(o)
}

// programs are the services that are on, as mail programs are told of them.
func programs(all []dnsplan.Service) (list []webserver.Service) {
	kinds := map[string]webserver.Service{
		"submissions": {Kind: "smtp", Implicit: true}, "submission": {Kind: "smtp"},
		"imaps": {Kind: "imap", Implicit: true}, "imap": {Kind: "imap"},
		"pop3s": {Kind: "pop3", Implicit: true}, "pop3": {Kind: "pop3"},
	}
	for _, s := range all {
		if one := kinds[s.Name]; s.Port != 0 {
			one.Port = s.Port
			list = append(list, one)
		}
	}
	return list
}
