package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// port is a key of Listen with its addresses.
type port struct {
	key       string
	addresses []string
}

func (l *Listen) ports() []port {
	return []port{
		{"smtp", l.SMTP}, {"lmtp", l.LMTP}, {"submission", l.Submission}, {"submissions", l.Submissions},
		{"pop3", l.POP3}, {"pop3s", l.POP3S}, {"imap", l.IMAP}, {"imaps", l.IMAPS}, {"https", l.HTTPS},
	}
}

// check says which address can't be listened on, as far as its text tells.
func (l *Listen) check() error {
	taken := map[string]string{}
	for _, p := range l.ports() {
		for _, a := range p.addresses {
			if !isAddress(a) && (p.key != "lmtp" || !IsSocket(a)) {
				return fmt.Errorf("listen.%s = %q: write address:port, 192.0.2.1:25 or :25; a port is 0 to 65535", p.key, a)
			}
			place, one := placeOf(a)
			if first := taken[place]; one && first != "" {
				return fmt.Errorf("listen.%s = %q: listen.%s has the same address; only one can listen there", p.key, a, first)
			}
			taken[place] = p.key
		}
	}
	return nil
}

// placeOf is an address to listen on in the one form that it has for the kernel;
// false: each time it is another one (port 0).
func placeOf(address string) (string, bool) {
	if IsSocket(address) {
		return address, true
	}
	host, number, _ := net.SplitHostPort(address)
	n, _ := strconv.ParseUint(number, 10, 16)
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.Unmap().String()
		if a.IsUnspecified() { // takes what is for IPv4 and IPv6 both, or can't be had beside one that does
			host = ""
		}
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.FormatUint(n, 10)), n != 0
}

// IsSocket reports that an address to listen on is the path of a socket.
func IsSocket(address string) bool { return strings.HasPrefix(address, "/") }

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
