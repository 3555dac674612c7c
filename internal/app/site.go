package app

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"tem/internal/config"
	"tem/internal/dnsplan"
)

// siteOf tells what others see of a server. cert nil: no server runs, and the
// certificate is the one that the configuration names.
func siteOf(c config.Config, cert *certificate) func(context.Context) (dnsplan.Site, error) {
	return func(context.Context) (dnsplan.Site, error) {
		shown := cert
		if shown == nil {
			shown = new(certificate)
			if err := shown.Load(c.TLS); err != nil {
				return dnsplan.Site{}, err
			}
		}
		spki, err := keyHash(shown.current.Load())
		return dnsplan.Site{
			Hostname: c.Hostname, Addresses: publicAddresses(c.Listen.SMTP), Services: services(c.Listen, spki != ""),
			SPKI: spki, Servers: c.Outbound.DNS, DNSSEC: c.Outbound.DNSSEC,
			STS: c.Web.Mode(), Web: len(c.Listen.HTTPS) > 0,
		}, err
	}
}

// keyHash is what a TLSA record 3 1 1 says of a certificate (RFC 6698 §2.1).
func keyHash(pair *tls.Certificate) (string, error) {
	if pair == nil {
		return "", nil
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return "", fmt.Errorf("the certificate in tls.cert: %w", err)
	}
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

// services are the ways in for mail programs. Passwords are not taken without
// TLS, so without a certificate there are none.
func services(l config.Listen, tls bool) []dnsplan.Service {
	port := func(addresses []string) uint16 {
		if len(addresses) == 0 || !tls {
			return 0
		}
		_, text, _ := net.SplitHostPort(addresses[0])
		n, _ := strconv.ParseUint(text, 10, 16) // the configuration was checked
		return uint16(n)
	}
	return []dnsplan.Service{
		{Name: "submissions", Port: port(l.Submissions)}, {Name: "submission", Port: port(l.Submission)},
		{Name: "imaps", Port: port(l.IMAPS)}, {Name: "imap", Port: port(l.IMAP)},
		{Name: "pop3s", Port: port(l.POP3S)}, {Name: "pop3", Port: port(l.POP3)},
	}
}

// publicAddresses are those at which the Internet can reach port 25: the ones
// listened on, or all of the machine's.
func publicAddresses(listen []string) (found []netip.Addr) {
	for _, l := range listen {
		p, err := netip.ParseAddrPort(l)
		if err != nil || p.Addr().IsUnspecified() {
			return machineAddresses()
		}
		found = appendPublic(found, p.Addr())
	}
	return found
}

func machineAddresses() (found []netip.Addr) {
	list, _ := net.InterfaceAddrs() // without them the operator is asked for --address
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			found = appendPublic(found, p.Addr())
		}
	}
	return found
}

func appendPublic(list []netip.Addr, a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() || netip.MustParsePrefix("100.64.0.0/10").Contains(a) || slices.Contains(list, a) {
		return list
	}
	return append(list, a)
}
