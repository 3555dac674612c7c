package dnsplan

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"tem/internal/dns"
)

const fetchTime = 20 * time.Second

// Fetch gets the text of a domain's MTA-STS policy.
type Fetch func(ctx context.Context, domain string) (string, error)

// WebFetch fetches from the web servers that the resolver finds at port, 443
// but in
// laboratories. config nil: the system's authorities are believed.
func WebFetch(r *dns.Resolver, port string, config *tls.Config) Fetch {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		addresses, err := r.Addresses(ctx, host)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			var c net.Conn
			if c, err = new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port)); err == nil {
				return c, nil
			}
		}
		return nil, err
	}
	client := &http.Client{
		Timeout:   fetchTime,
		Transport: &http.Transport{DialContext: dial, TLSClientConfig: config, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10},
		// RFC 8461 §3.3: redirects must not be followed.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it is a redirect, which senders do not follow")
		},
	}
	return func(ctx context.Context, domain string) (string, error) { return fetch(ctx, client, domain) }
}

func fetch(ctx context.Context, client *http.Client, domain string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("the web server answers %d", resp.StatusCode)
	case kind != "text/plain": // RFC 8461 §3.2
		return "", fmt.Errorf("its media type is %.40q, not text/plain", kind)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxPolicy+1))
	return string(text), err
}
