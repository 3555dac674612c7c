package sts

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// Trouble says why a policy could not be had; Kind is a result type of TLS
// reports (RFC 8460 §4.3.2.2).
type Trouble struct {
	Kind string // "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"
	Err  error
}

func (t *Trouble) Error() string { return t.Err.Error() }
func (t *Trouble) Unwrap() error { return t.Err }

// Fetcher gets policies over HTTPS.
type Fetcher struct {
	Addresses func(ctx context.Context, host string) ([]netip.Addr, error)
	Roots     *x509.CertPool // nil: those of the system
	Port      int            // 0: 443
	Ports     map[string]int // another port for hosts (mta-sts.DOMAIN) by name: a lab on one address
}

const (
	fetchTimeout = time.Minute // RFC 8461 §3.3
	dialTimeout  = 20 * time.Second
)

// URL is where a domain's policy is (RFC 8461 §3.3).
func URL(domain string) string { return "https://mta-sts." + domain + "/.well-known/mta-sts.txt" }

// Fetch gets the policy of a domain. The error is a *Trouble.
func (f *Fetcher) Fetch(ctx context.Context, domain string) (*Policy, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, err := f.get(ctx, domain)
	if err != nil {
		kind := "sts-policy-fetch-error"
		if bad := (*tls.CertificateVerificationError)(nil); errors.As(err, &bad) {
			kind = "sts-webpki-invalid"
		}
		return nil, &Trouble{kind, err}
	}
	p, err := Parse(text)
	if err != nil {
		return nil, &Trouble{"sts-policy-invalid", err}
	}
	return p, nil
}

// get follows RFC 8461 §3.3: a verified certificate, 200, no redirects, no caches, text/plain.
func (f *Fetcher) get(ctx context.Context, domain string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, URL(domain), nil)
	if err != nil {
		return nil, err
	}
	way := &http.Transport{
		DialContext:            f.dial,
		TLSClientConfig:        &tls.Config{RootCAs: f.Roots, MinVersion: tls.VersionTLS12},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxPolicy,
		ForceAttemptHTTP2:      true,
	}
	client := http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", URL(domain), reply.Status)
	}
	if kind, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%s is not text/plain", URL(domain))
	}
	return io.ReadAll(io.LimitReader(reply.Body, maxPolicy+1))
}

// dial asks our own name servers, and tries each address.
func (f *Fetcher) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if other := cmp.Or(f.Ports[host], f.Port); other != 0 {
		port = strconv.Itoa(other)
	}
	addrs, err := f.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	var failed []error
	for _, a := range addrs {
		c, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}
