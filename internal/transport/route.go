package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tem/internal/dns"
	"tem/internal/message/dsn"
	"tem/internal/queue"
	"tem/internal/transport/sts"
)

// peer is one address of one host.
type peer struct {
	name    string // of the host, as MX has it
	address string // host:port to connect to, or the path of a socket
	relay   *Relay // nil: a mail exchanger
}

func (p *peer) String() string { return p.name + " [" + p.address + "]" }

// way is where the mail of one domain goes.
type way struct {
	domain  string   // that policies are asked of; "" for none
	hosts   []string // in the order to try them
	secure  bool     // the DNS vouches for them (DNSSEC)
	relay   *Relay   // nil: they are mail exchangers
	policy  *sts.Policy
	trouble error // with what the domain publishes of MTA-STS
}

// codeLoop is that of mail which would come straight back (RFC 3463 §3.5).
var codeLoop = dsn.Code{5, 4, 6}

// way is the way for a job: an administrator's choice, that of the
// configuration, or the domain's mail exchangers.
func (r *Remote) way(ctx context.Context, j *queue.Job) (way, dsn.Status) {
	relay, err := r.relayOf(j)
	if err != nil {
		return way{}, dsn.Status{Code: dsn.Code{4, 3, 5}, Text: err.Error()}
	}
	if relay != nil {
		return way{hosts: []string{relay.host()}, relay: relay}, dsn.Status{}
	}
	hosts, status := r.route(ctx, j.Domain)
	w := way{hosts: hosts}
	if len(hosts) == 0 || strings.HasPrefix(j.Domain, "[") {
		return w, status
	}
	w.domain = strings.ToLower(j.Domain)
	if w.secure, err = r.Resolver.Authenticated(ctx, dns.KindMX, j.Domain); err != nil { // it was just answered, but need not be remembered
		return way{}, dnsTrouble(err)
	}
	if r.Policies != nil {
		w.policy, w.trouble = r.Policies.Find(ctx, w.domain)
	}
	return w, dsn.Status{}
}

// route returns the hosts that take mail for a domain, in the order to try
// them, or why there are none (RFC 5321 §5.1).
func (r *Remote) route(ctx context.Context, domain string) ([]string, dsn.Status) {
	if strings.HasPrefix(domain, "[") {
		return []string{domain}, dsn.Status{}
	}
	found, err := r.Resolver.MX(ctx, domain)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		found = []dns.MX{{Host: domain}} // the implicit MX
	case err != nil:
		return nil, dnsTrouble(err)
	case len(found) == 1 && found[0].Host == ".":
		return nil, dsn.Status{Reply: 556, Code: dsn.Code{5, 1, 10}, Text: "domain " + domain + " takes no mail (null MX)"} // RFC 7505 §4.1
	}
	hosts := r.order(found)
	if len(hosts) == 0 {
		// Mail for a domain that points at us but isn't ours would come straight back.
		return nil, dsn.Status{Code: codeLoop, Text: "routing loop: the mail exchanger of " + domain + " is this server"}
	}
	return hosts, dsn.Status{}
}

// order sorts mail exchangers by preference, shuffles equals, and leaves out
// those that are no closer than ourselves (RFC 5321 §5.1).
func (r *Remote) order(found []dns.MX) []string {
	found = slices.Clone(found)
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	slices.SortStableFunc(found, func(a, b dns.MX) int { return cmp.Compare(a.Preference, b.Preference) })
	ours := slices.IndexFunc(found, func(m dns.MX) bool { return strings.EqualFold(m.Host, r.Hostname) })
	var hosts []string
	for _, m := range found {
		if ours >= 0 && m.Preference >= found[ours].Preference {
			break
		}
		if m.Host != "." { // RFC 7505 §3: means nothing beside others
			hosts = append(hosts, m.Host)
		}
	}
	return hosts
}

// peers returns the addresses of a host or why there are none.
func (r *Remote) peers(ctx context.Context, w way, host string) ([]peer, dsn.Status) {
	if w.relay != nil && w.relay.network() == "unix" {
		return []peer{{host, host, w.relay}}, dsn.Status{}
	}
	addrs, err := r.addresses(ctx, host)
	switch {
	case errors.Is(err, dns.ErrNotFound) && w.relay != nil: // no fault of the recipient's
		return nil, dsn.Status{Code: dsn.Code{4, 4, 3}, Text: "relay " + host + " not found: no such name or no address"}
	case errors.Is(err, dns.ErrNotFound):
		return nil, dsn.Status{Code: dsn.Code{5, 1, 2}, Text: "host " + host + " not found: no such domain or no address"}
	case err != nil:
		return nil, dnsTrouble(err)
	}
	port := cmp.Or(r.Ports[host], r.Port, 25)
	if w.relay != nil {
		port = w.relay.port()
	}
	list := make([]peer, len(addrs))
	for i, a := range alternate(addrs) {
		list[i] = peer{host, net.JoinHostPort(a.String(), strconv.Itoa(port)), w.relay}
	}
	return list, dsn.Status{}
}

// alternate puts one IPv6 address before each IPv4 address while there are
// both, so that a network where one of them leads nowhere costs one time-out (RFC 6724 §6, RFC 8305 §4).
func alternate(addrs []netip.Addr) []netip.Addr {
	var four, six []netip.Addr
	for _, a := range addrs {
		if a.Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(four), len(six)) {
		if i < len(six) {
			mixed = append(mixed, six[i])
		}
		if i < len(four) {
			mixed = append(mixed, four[i])
		}
	}
	return mixed
}

// addresses looks a host up, or reads an address: a literal (RFC 5321 §4.1.3),
// or a bare one that the configuration names.
func (r *Remote) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	literal, ok := strings.CutPrefix(host, "[")
	if !ok {
		if a, err := netip.ParseAddr(host); err == nil {
			return []netip.Addr{a}, nil
		}
		return r.Resolver.Addresses(ctx, host)
	}
	literal = strings.TrimSuffix(literal, "]")
	if len(literal) > 5 && strings.EqualFold(literal[:5], "IPv6:") {
		literal = literal[5:]
	}
	a, err := netip.ParseAddr(literal)
	if err != nil {
		return nil, fmt.Errorf("address literal %s: %w", host, dns.ErrNotFound)
	}
	return []netip.Addr{a}, nil
}

// dnsTrouble is the status while nobody can say where mail should go.
func dnsTrouble(err error) dsn.Status {
	return dsn.Status{Code: dsn.Code{4, 4, 3}, Text: "name server trouble: " + err.Error()} // RFC 3463 §3.5
}
