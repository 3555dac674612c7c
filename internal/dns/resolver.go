package dns

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Resolver answers questions, from DNS servers or from a zone of its own. It
// is safe for concurrent use.
type Resolver struct {
	servers []string       // host:port, asked in this order
	missed  []atomic.Int32 // of each server: how many questions in a row it did not answer
	silent  []atomic.Int64 // of each server: until when (Unix nanoseconds) it comes last, since it did not answer
	trust   bool           // the servers' word on DNSSEC
	timeout time.Duration  // for one server to answer once
	zone    zone           // not nil: it is asked, and no server
	cache   cache
	flights flights
	crowd   *crowd
}

// NewResolver asks the given servers (host:port); none: those of
// /etc/resolv.conf. Their word on DNSSEC is trusted if all are on this machine.
func NewResolver(servers ...string) *Resolver {
	if len(servers) == 0 {
		servers = systemServers()
	}
	return &Resolver{
		servers: servers, silent: make([]atomic.Int64, len(servers)), missed: make([]atomic.Int32, len(servers)),
		trust:   !slices.ContainsFunc(servers, elsewhere),
		timeout: tryTimeout, cache: cache{now: time.Now},
	}
}

// ZoneResolver answers from a zone in this process: master-file lines (RFC
// 1035 §5) with absolute names. It opens no sockets, remembers nothing, and
// what no record speaks of does not exist. What lies in a zone that has a
// DNSKEY (see Signed) is authenticated.
func ZoneResolver(records ...string) (*Resolver, error) {
	z, err := parseZone(records)
	if err != nil {
		return nil, err
	}
	return &Resolver{zone: z, trust: true, cache: cache{now: time.Now}}, nil
}

// TrustAD says whether the servers are believed when they call an answer
// authenticated (RFC 4035 §3.2.3). That is wise only of servers which check,
// reached by a way on which nobody can write. It must be called before the
// first look-up and returns r.
func (r *Resolver) TrustAD(trust bool) *Resolver {
	r.trust = trust
	return r
}

// elsewhere: a server is not certainly on this machine.
func elsewhere(server string) bool {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err != nil || !a.Unmap().IsLoopback()
}

// systemServers are the machine's name servers; as resolv.conf(5) says, the
// local one when none is named.
func systemServers() []string {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		return []string{"127.0.0.1:53"}
	}
	servers := make([]string, len(conf.Servers))
	for i, s := range conf.Servers {
		servers[i] = net.JoinHostPort(s, conf.Port)
	}
	return servers
}

// MX returns the mail exchangers of a domain, lowest preference first.
func (r *Resolver) MX(ctx context.Context, name string) ([]MX, error) {
	found, err := collect(ctx, r, name, dns.TypeMX, func(rr *dns.MX) MX {
		return MX{rr.Preference, hostName(rr.Mx)}
	})
	slices.SortStableFunc(found, func(a, b MX) int { return cmp.Compare(a.Preference, b.Preference) })
	return found, err
}

// A returns the IPv4 addresses of a host.
func (r *Resolver) A(ctx context.Context, host string) ([]netip.Addr, error) {
	return collect(ctx, r, host, dns.TypeA, func(rr *dns.A) netip.Addr { return toAddr(rr.A).Unmap() })
}

// AAAA returns the IPv6 addresses of a host.
func (r *Resolver) AAAA(ctx context.Context, host string) ([]netip.Addr, error) {
	return collect(ctx, r, host, dns.TypeAAAA, func(rr *dns.AAAA) netip.Addr { return toAddr(rr.AAAA) })
}

// Addresses returns the addresses of a host, IPv6 first. One family is enough:
// an error of the other is reported only when nothing was found.
func (r *Resolver) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	four, six, err4, err6 := r.families(ctx, host)
	switch {
	case len(six)+len(four) > 0:
		return append(six, four...), nil
	case errors.Is(err6, ErrTemporary):
		return nil, err6
	default:
		return nil, err4
	}
}

// families looks both families up, at once if that takes time.
func (r *Resolver) families(ctx context.Context, host string) (four, six []netip.Addr, err4, err6 error) {
	if r.atHand(question{keyName(host), dns.TypeAAAA}) {
		six, err6 = r.AAAA(ctx, host)
		four, err4 = r.A(ctx, host)
		return four, six, err4, err6
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		six, err6 = r.AAAA(ctx, host)
	}()
	four, err4 = r.A(ctx, host)
	<-done
	return four, six, err4, err6
}

// TXT returns the text records of a name, the strings of each joined.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	return collect(ctx, r, name, dns.TypeTXT, func(rr *dns.TXT) string { return unescape(strings.Join(rr.Txt, "")) })
}

// SRV returns the places of a service, "_imaps._tcp.hanoi.example", lowest priority first.
func (r *Resolver) SRV(ctx context.Context, name string) ([]SRV, error) {
	found, err := collect(ctx, r, name, dns.TypeSRV, func(rr *dns.SRV) SRV {
		return SRV{rr.Priority, rr.Weight, rr.Port, hostName(rr.Target)}
	})
	slices.SortStableFunc(found, func(a, b SRV) int { return cmp.Compare(a.Priority, b.Priority) })
	return found, err
}

// CNAME returns what a name is an alias of, one step: ErrNotFound if it is none.
func (r *Resolver) CNAME(ctx context.Context, name string) (string, error) {
	found, err := collect(ctx, r, name, dns.TypeCNAME, func(rr *dns.CNAME) string { return hostName(rr.Target) })
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// TLSA returns the certificate associations of a port: "_25._tcp.mx.hanoi.example".
func (r *Resolver) TLSA(ctx context.Context, name string) ([]TLSA, error) {
	return collect(ctx, r, name, dns.TypeTLSA, func(rr *dns.TLSA) TLSA {
		data, _ := hex.DecodeString(rr.Certificate) // written by the parser of messages or zones
		return TLSA{rr.Usage, rr.Selector, rr.MatchingType, data}
	})
}

// SOA returns the start of the zone that begins at a name: ErrNotFound if none does.
func (r *Resolver) SOA(ctx context.Context, name string) (SOA, error) {
	found, err := collect(ctx, r, name, dns.TypeSOA, func(rr *dns.SOA) SOA {
		return SOA{hostName(rr.Ns), min(rr.Minttl, rr.Hdr.Ttl)}
	})
	if err != nil {
		return SOA{}, err
	}
	return found[0], nil
}

// Name returns the host names that an address points to (PTR), without final dots.
func (r *Resolver) Name(ctx context.Context, a netip.Addr) ([]string, error) {
	name, err := dns.ReverseAddr(a.Unmap().WithZone("").String())
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", a, ErrNotFound)
	}
	return collect(ctx, r, name, dns.TypePTR, func(rr *dns.PTR) string { return hostName(rr.Ptr) })
}

// Authenticated tells whether the answer to a question, be it records or that
// there are none, is authenticated. The answer is the remembered one where
// there is one; with a TTL of 0 there is none, and the question is asked again.
// An error is ErrTemporary.
func (r *Resolver) Authenticated(ctx context.Context, kind Kind, name string) (bool, error) {
	a, err := r.lookup(ctx, name, uint16(kind))
	return a.authenticated, err
}

// End is the name at the end of the aliases that a name has for a kind of record, whether
// there are such or not; the name itself if it is no alias. Otherwise it is as Authenticated.
func (r *Resolver) End(ctx context.Context, kind Kind, name string) (string, error) {
	a, err := r.lookup(ctx, name, uint16(kind))
	return cmp.Or(a.end, keyName(name)), err
}

// collect looks records of one type up and converts each.
func collect[R dns.RR, T any](ctx context.Context, r *Resolver, name string, kind uint16, convert func(R) T) ([]T, error) {
	a, err := r.lookup(ctx, name, kind)
	if err != nil {
		return nil, err
	}
	if a.err != nil {
		return nil, a.err
	}
	found := make([]T, 0, len(a.records))
	for _, rr := range a.records {
		if rr, ok := rr.(R); ok {
			found = append(found, convert(rr))
		}
	}
	if len(found) == 0 { // a type that its own parser does not know
		return nil, describe(question{keyName(name), kind}, ErrTemporary)
	}
	return found, nil
}

// hostName is a name as people write it: without the final dot, in lower case.
func hostName(name string) string {
	if name == "." {
		return name
	}
	return keyName(name)
}

func toAddr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

// unescape gives the octets of a text that is written as zone files do, \" or
// \DDD (RFC 1035 §5.1); the library keeps texts so. Nearly none has any.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if n, err := strconv.ParseUint(s[i:min(i+3, len(s))], 10, 8); err == nil && i+3 <= len(s) {
				c = byte(n)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}
