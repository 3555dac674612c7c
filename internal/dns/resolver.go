package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	tryTimeout = 5 * time.Second // for one server to answer once
	rounds     = 2               // how often each server is asked
	maxAliases = 8               // CNAMEs followed for one question
)

// Resolver asks DNS servers. It is safe for concurrent use.
type Resolver struct {
	servers []string // host:port, asked in this order
	timeout time.Duration
	cache   cache
}

// NewResolver asks the given servers (host:port); none: those of /etc/resolv.conf.
func NewResolver(servers ...string) *Resolver {
	if len(servers) == 0 {
		servers = systemServers()
	}
	return &Resolver{servers: servers, timeout: tryTimeout, cache: cache{now: time.Now}}
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

// Addresses returns the addresses of a host, IPv6 first. One family is enough:
// an error of the other is reported only when nothing was found.
func (r *Resolver) Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	type answer struct {
		addrs []netip.Addr
		err   error
	}
	six := make(chan answer, 1)
	go func() {
		addrs, err := collect(ctx, r, host, dns.TypeAAAA, func(rr *dns.AAAA) netip.Addr { return toAddr(rr.AAAA) })
		six <- answer{addrs, err}
	}()
	four, err4 := collect(ctx, r, host, dns.TypeA, func(rr *dns.A) netip.Addr { return toAddr(rr.A).Unmap() })
	a := <-six
	all := append(a.addrs, four...)
	switch {
	case len(all) > 0:
		return all, nil
	case errors.Is(a.err, ErrTemporary):
		return nil, a.err
	default:
		return nil, err4
	}
}

// TXT returns the text records of a name, the strings of each joined.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	return collect(ctx, r, name, dns.TypeTXT, func(rr *dns.TXT) string { return strings.Join(rr.Txt, "") })
}

// Name returns the host names that an address points to (PTR), without final dots.
func (r *Resolver) Name(ctx context.Context, a netip.Addr) ([]string, error) {
	name, err := dns.ReverseAddr(a.Unmap().WithZone("").String())
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", a, ErrNotFound)
	}
	return collect(ctx, r, name, dns.TypePTR, func(rr *dns.PTR) string { return hostName(rr.Ptr) })
}

// collect looks records of one type up and converts each.
func collect[R dns.RR, T any](ctx context.Context, r *Resolver, name string, kind uint16, convert func(R) T) ([]T, error) {
	records, err := r.lookup(ctx, name, kind)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", dns.TypeToString[kind], name, err)
	}
	found := make([]T, 0, len(records))
	for _, rr := range records {
		if rr, ok := rr.(R); ok {
			found = append(found, convert(rr))
		}
	}
	return found, nil
}

// lookup follows aliases until there are records of the kind asked for.
func (r *Resolver) lookup(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, ErrNotFound // what can't be asked for can't exist
	}
	name = dns.CanonicalName(name)
	for range maxAliases {
		answer, err := r.ask(ctx, name, kind)
		if err != nil {
			return nil, err
		}
		records, target := follow(answer.records, name, kind)
		if len(records) > 0 {
			return records, nil
		}
		if answer.missing || target == name {
			return nil, ErrNotFound
		}
		name = target // the chain leaves what this server knows
	}
	return nil, fmt.Errorf("more than %d aliases: %w", maxAliases, ErrTemporary)
}

// follow walks the CNAME chain within one answer (RFC 1034 §3.6.2) and returns
// the records at its end, and the name of that end.
func follow(answer []dns.RR, name string, kind uint16) (records []dns.RR, end string) {
	for range len(answer) + 1 {
		alias := ""
		for _, rr := range answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			if rr.Header().Rrtype == kind {
				records = append(records, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				alias = dns.CanonicalName(c.Target)
			}
		}
		if len(records) > 0 || alias == "" {
			break
		}
		name = alias
	}
	return records, name
}

// hostName is a name as people write it: without the final dot, in lower case.
func hostName(name string) string {
	if name == "." {
		return name
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func toAddr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}
