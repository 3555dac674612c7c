package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Warnings are what is allowed and hardly ever meant, a line each that says why.
// The configuration was checked.
func (c *Config) Warnings() (lines []string) {
	for _, t := range []struct {
		key, what string
		networks  []Network
	}{
		{"proxy", "a PROXY header", c.Trusted.Proxy},
		{"xclient", "XCLIENT", c.Trusted.XClient},
	} {
		for _, n := range t.networks {
			if n.Bits() == 0 {
				lines = append(lines, fmt.Sprintf("trusted.%s = %q: whoever connects may say by %s that it is anybody: limits, lists and SPF then count for nothing; name your proxies only", t.key, n, t.what))
			}
		}
	}
	for _, a := range c.Listen.LMTP {
		if isPublic(a) {
			lines = append(lines, fmt.Sprintf("listen.lmtp = %q: LMTP is for a mail server of yours, and what comes by it is not judged; listen on this machine, a private address or a socket", a))
		}
	}
	return lines
}

// isPublic reports an address to listen on that the Internet may reach, as far as its text tells.
func isPublic(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || strings.EqualFold(host, "localhost") {
		return false
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host == ""
	}
	a = a.Unmap()
	return a.IsUnspecified() || a.IsGlobalUnicast() && !a.IsPrivate()
}
