package throttle

import (
	"net/netip"
	"time"
)

// NetworkFactor is how much more than one address the network around it may do.
const NetworkFactor = 8

// Sources holds addresses, and the networks around them, to one rate: /32 and
// /24 of IPv4, /64 and /48 of IPv6.
type Sources struct {
	one, many *Meter[netip.Prefix]
}

// Source is whom a thing counts for: an address and the network around it. The
// zero one is nobody, who is held to nothing.
type Source struct{ one, many netip.Prefix }

// Client is an address with its network.
func Client(a netip.Addr) Source { return Source{Origin(a), Network(a)} }

// Behind is a proxy's clients whose addresses it does not know: all of them
// together may do what a network may.
func Behind(proxy netip.Addr) Source { return Source{many: Origin(proxy)} }

// NewSources gives a network NetworkFactor times the rate of an address.
func NewSources(rate Rate, now func() time.Time) *Sources {
	return &Sources{
		one:  NewMeter[netip.Prefix](rate, now),
		many: NewMeter[netip.Prefix](Rate{rate.Count * NetworkFactor, rate.Per}, now),
	}
}

// Take is Meter.Take for a source; the longer wait of both counts.
func (s *Sources) Take(from Source, n int) (wait time.Duration) {
	if wait = s.Over(from); wait > 0 {
		return wait
	}
	if from.one.IsValid() {
		wait = s.one.Take(from.one, n)
	}
	if wait == 0 && from.many.IsValid() {
		wait = s.many.Take(from.many, n)
	}
	return wait
}

// Over is Meter.Over for a source.
func (s *Sources) Over(from Source) (wait time.Duration) {
	if from.one.IsValid() {
		wait = s.one.Over(from.one)
	}
	if from.many.IsValid() {
		wait = max(wait, s.many.Over(from.many))
	}
	return wait
}

// Force is Meter.Force for a source.
func (s *Sources) Force(from Source, n int) {
	if from.one.IsValid() {
		s.one.Force(from.one, n)
	}
	if from.many.IsValid() {
		s.many.Force(from.many, n)
	}
}

// Origin is what one customer commonly has: an IPv4 address, or a /64.
func Origin(a netip.Addr) netip.Prefix { return around(a, 32, 64) }

// Network is the neighbourhood of an address: a /24 of IPv4, a /48 of IPv6.
func Network(a netip.Addr) netip.Prefix { return around(a, 24, 48) }

func around(a netip.Addr, four, six int) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		six = four
	}
	p, _ := a.Prefix(six) // the zero Prefix for what is no address of the Internet
	return p
}
