package throttle

import (
	"cmp"
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

// NewSources gives a network NetworkFactor times the rate of an address.
func NewSources(rate Rate, now func() time.Time) *Sources {
	return &Sources{
		one:  NewMeter[netip.Prefix](rate, now),
		many: NewMeter[netip.Prefix](Rate{rate.Count * NetworkFactor, rate.Per}, now),
	}
}

// Take is Meter.Take for an address; the longer wait of both counts.
func (s *Sources) Take(a netip.Addr, n int) (wait time.Duration) {
	if wait = cmp.Or(s.one.Over(Origin(a)), s.many.Over(Network(a))); wait > 0 {
		return wait
	}
	if wait = s.one.Take(Origin(a), n); wait == 0 {
		wait = s.many.Take(Network(a), n)
	}
	return wait
}

// Over is Meter.Over for an address.
func (s *Sources) Over(a netip.Addr) (wait time.Duration) {
	return max(s.one.Over(Origin(a)), s.many.Over(Network(a)))
}

// Force is Meter.Force for an address.
func (s *Sources) Force(a netip.Addr, n int) {
	s.one.Force(Origin(a), n)
	s.many.Force(Network(a), n)
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
