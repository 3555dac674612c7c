package config

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"tem/internal/transport"
)

// Relay is a server that takes mail for others: a smarthost, or one that knows a domain's mailboxes.
type Relay struct {
	Name         string     `toml:"name" doc:"What logs, journeys and tem queue reroute call it."`
	Host         string     `toml:"host" doc:"host:port, lmtp://host:port or lmtp:///path/of/socket."`
	TLS          string     `toml:"tls" doc:"starttls, implicit (from the first octet), or none, on this machine only. Empty: starttls, but none for a socket."`
	Login        string     `toml:"login" doc:"The account to log in as; empty for none."`
	PasswordFile string     `toml:"password_file" doc:"Its password: the first line of a file that nobody else may read."`
	OAuth        RelayOAuth `toml:"oauth" doc:"Access tokens instead of a password."`
	For          []string   `toml:"for" doc:"Recipients' domains: example.com, .example.com for those below, * for all."`
	Senders      []string   `toml:"senders" doc:"Return paths, addresses or @domain; empty for all."`
}

// RelayOAuth is where access tokens for a relay come from.
type RelayOAuth struct {
	TokenURL         string `toml:"token_url" doc:"The provider's token endpoint, verified by the system's authorities and those of outbound.roots."`
	ClientID         string `toml:"client_id" doc:"What the provider knows this program as."`
	ClientSecretFile string `toml:"client_secret_file" doc:"A file with its secret; empty if it has none."`
	RefreshTokenFile string `toml:"refresh_token_file" doc:"A file with the refresh token; written anew when the provider changes it."`
}

// Source is the end that mail of some senders leaves from.
type Source struct {
	Addresses []string `toml:"addresses" doc:"Addresses of this machine; mail for one domain leaves from one of them."`
	Hello     string   `toml:"hello" doc:"The name that these addresses have in the DNS; empty for hostname."`
	Senders   []string `toml:"senders" doc:"Domains of return paths; * for all."`
}

// files are the paths that are relative to the configuration file.
func (o *Outbound) files() []*string {
	list := []*string{&o.Roots}
	for i := range o.Relay {
		r := &o.Relay[i]
		list = append(list, &r.PasswordFile, &r.OAuth.ClientSecretFile, &r.OAuth.RefreshTokenFile)
	}
	return list
}

func (o *Outbound) check() error {
	names := []string{"mx"} // what it means in tem queue reroute
	for i := range o.Relay {
		r := &o.Relay[i]
		if r.Name == "" || slices.Contains(names, r.Name) {
			return fmt.Errorf("outbound.relay: name = %q: each relay needs a name of its own, other than mx", r.Name)
		}
		names = append(names, r.Name)
		if err := r.check(); err != nil {
			return fmt.Errorf("outbound.relay %q: %w", r.Name, err)
		}
	}
	for _, s := range o.Source {
		if err := s.check(); err != nil {
			return fmt.Errorf("outbound.source: %w", err)
		}
	}
	_, err := o.Certificates()
	return err
}

func (r *Relay) check() error {
	if err := transport.CheckHost(r.Host); err != nil {
		return fmt.Errorf("host = %w", err)
	}
	switch {
	case !slices.Contains([]string{"", "starttls", "implicit", "none"}, r.TLS):
		return fmt.Errorf("tls = %q: it may be starttls, implicit or none", r.TLS)
	case r.TLS == "none" && !r.relay().Local():
		return fmt.Errorf("tls = \"none\": %s is not certainly this machine, so what is said could be read on the way", r.Host)
	case len(r.For) == 0:
		return fmt.Errorf("for is empty: name the domains, or \"*\" for all")
	case (r.Login != "") != (r.PasswordFile != "" || r.OAuth != RelayOAuth{}):
		return fmt.Errorf("login goes with password_file or oauth; one of them is missing")
	case r.PasswordFile != "" && r.OAuth != RelayOAuth{}:
		return fmt.Errorf("password_file and oauth: one of them is enough")
	}
	return r.checkSecrets()
}

// checkSecrets reads the files once, so that a mistake shows at the start.
func (r *Relay) checkSecrets() error {
	if o := r.OAuth; o != (RelayOAuth{}) {
		u, err := url.Parse(o.TokenURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()) {
			return fmt.Errorf("oauth.token_url = %q: it must be an https URL", o.TokenURL)
		}
		if o.ClientID == "" || o.RefreshTokenFile == "" {
			return fmt.Errorf("oauth: client_id and refresh_token_file are needed")
		}
	}
	for _, file := range []string{r.PasswordFile, r.OAuth.ClientSecretFile, r.OAuth.RefreshTokenFile} {
		if file == "" {
			continue
		}
		if _, err := transport.ReadSecret(file); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) check() error {
	if len(s.Senders) == 0 {
		return fmt.Errorf("senders is empty: name the domains, or \"*\" for all")
	}
	if strings.ContainsAny(s.Hello, " <>\r\n") {
		return fmt.Errorf("hello = %q is not a host name", s.Hello)
	}
	for _, a := range s.Addresses {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("addresses: %q is not an address", a)
		}
	}
	return nil
}

// Relays are the relays as the transport has them.
func (o *Outbound) Relays() (list []*transport.Relay) {
	roots := o.tokenRoots()
	for i := range o.Relay {
		r := o.Relay[i].relay()
		if r.Token != nil {
			r.Token.Roots = roots
		}
		list = append(list, r)
	}
	return list
}

// tokenRoots are the authorities of token endpoints: those of Roots beside the
// system's, since the provider of a relay of one's own may be a public one. Nil for the system's alone.
func (o *Outbound) tokenRoots() *x509.CertPool {
	text, err := os.ReadFile(o.Roots)
	if err != nil { // there are none: check has
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pool.AppendCertsFromPEM(text)
	return pool
}

func (r *Relay) relay() *transport.Relay {
	t := &transport.Relay{
		Name: r.Name, Host: r.Host, Implicit: r.TLS == "implicit", Clear: r.TLS == "none" || r.TLS == "" && strings.HasPrefix(r.Host, "lmtp:///"),
		Login: r.Login, Password: r.PasswordFile, For: r.For, Senders: r.Senders,
	}
	if o := r.OAuth; o != (RelayOAuth{}) {
		t.Token = &transport.Token{URL: o.TokenURL, ClientID: o.ClientID, SecretFile: o.ClientSecretFile, RefreshFile: o.RefreshTokenFile}
	}
	return t
}

// Sources are the sources as the transport has them.
func (o *Outbound) Sources() (list []transport.Source) {
	for _, s := range o.Source {
		t := transport.Source{Hello: s.Hello, Senders: s.Senders}
		for _, a := range s.Addresses {
			t.Addresses = append(t.Addresses, netip.MustParseAddr(a)) // check has
		}
		list = append(list, t)
	}
	return list
}

// Certificates are the authorities that other servers are verified by; nil for the system's.
func (o *Outbound) Certificates() (*x509.CertPool, error) {
	if o.Roots == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.Roots)
	if err != nil {
		return nil, fmt.Errorf("outbound.roots: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("outbound.roots = %q: there is no certificate in it", o.Roots)
	}
	return pool, nil
}
