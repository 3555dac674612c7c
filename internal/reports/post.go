package reports

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// postTime is how long a report may take on its way.
const postTime = time.Minute

// post brings a TLS report to an https address (RFC 8460 §5.4).
func (r *Reports) post(ctx context.Context, url string, file []byte) error {
	if r.o.HTTP == nil {
		return fmt.Errorf("no reports are sent by https here")
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(file))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/tlsrpt+gzip")
	req.Header.Set("User-Agent", "Tem")
	resp, err := r.o.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // so that the server sees its answer taken
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// HTTPClient is one for addresses that others chose: it goes to no machine that
// the public can't reach, follows nobody elsewhere, keeps nothing open. Names
// are looked up by addresses; nil roots are those of the system.
func HTTPClient(addresses func(ctx context.Context, host string) ([]netip.Addr, error), roots *x509.CertPool) *http.Client {
	d := &dialer{net.Dialer{Timeout: postTime / 4, Control: public}, addresses}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: d.dial, DisableKeepAlives: true, TLSHandshakeTimeout: postTime / 2, MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialer connects to names that our own resolver looks up.
type dialer struct {
	net.Dialer
	addresses func(ctx context.Context, host string) ([]netip.Addr, error)
}

// maxAddresses of one host are tried.
const maxAddresses = 3

func (d *dialer) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	found, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address", host)
	for _, a := range found[:min(len(found), maxAddresses)] {
		var c net.Conn
		if c, err = d.DialContext(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// public refuses to connect to addresses of this machine and of private networks.
func public(_, remote string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return err
	}
	if ip := a.Addr().Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() || shared.Contains(ip) {
		return fmt.Errorf("%s is no public address", ip)
	}
	return nil
}

// shared is the space between providers and their customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")
