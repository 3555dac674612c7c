package reports

import (
	"bytes"
	"context"
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
// the public can't reach, follows nobody elsewhere, keeps nothing open.
func HTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: postTime / 2, Control: public}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: postTime / 2, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
