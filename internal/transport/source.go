package transport

import (
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Source is the end that mail of some senders leaves from.
type Source struct {
	Addresses []netip.Addr // of this machine; one of the family of the other end is taken
	Hello     string       // our name in EHLO; "": the server's
	Senders   []string     // domains of return paths, "*" for all
}

// source is where mail of a sender leaves from, nil for wherever the machine likes.
func (r *Remote) source(returnPath string) *Source {
	domain := returnPath[strings.LastIndexByte(returnPath, '@')+1:]
	for i := range r.Sources {
		if slices.ContainsFunc(r.Sources[i].Senders, func(s string) bool { return s == "*" || strings.EqualFold(s, domain) }) {
			return &r.Sources[i]
		}
	}
	return nil
}

// from is the address to connect from; mail for one domain leaves from one of
// them as long as there are the same. false: there is none of that family.
func (s *Source) from(to netip.Addr, domain string) (netip.Addr, bool) {
	if s == nil || len(s.Addresses) == 0 {
		return netip.Addr{}, true
	}
	var fit []netip.Addr
	for _, a := range s.Addresses {
		if a.Is4() == to.Unmap().Is4() {
			fit = append(fit, a)
		}
	}
	if len(fit) == 0 {
		return netip.Addr{}, false
	}
	h := fnv.New32a()
	h.Write([]byte(strings.ToLower(domain)))
	return fit[h.Sum32()%uint32(len(fit))], true
}

// endpoint is an address as a dialer wants it.
func endpoint(a netip.Addr) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return &net.TCPAddr{IP: a.AsSlice(), Zone: a.Zone()}
}
