package reports

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"tem/internal/address"
	"tem/internal/dns"
	"tem/internal/trust/dmarc"
)

// wish is an address that a domain asks reports to. Without a mailbox and a
// URL it is of no use, for the reason in no.
type wish struct {
	uri  string
	to   address.Address
	url  string // https
	most int64  // octets of a letter; 0: any
	no   string
}

// maxWishes bounds how many addresses of one domain are sent to (RFC 9990 §3.5).
const maxWishes = 10

// asked are the addresses that a domain wants the report at. An error is temporary.
func (r *Reports) asked(ctx context.Context, d *due) ([]wish, error) {
	if d.kind == TLS {
		return r.askedTLS(ctx, d.domain)
	}
	rec, err := dmarc.Parse(d.policy)
	if err != nil { // it was read before
		return nil, nil
	}
	var list []wish
	for _, uri := range rec.RUA[:min(len(rec.RUA), maxWishes)] {
		w := wishOf(uri)
		w.most = rec.Limits[uri]
		if w.url != "" {
			w.url, w.no = "", "DMARC reports go by mail only"
		}
		if w.no == "" {
			if err := r.verify(ctx, d.domain, &w); err != nil {
				return nil, err
			}
		}
		list = append(list, w)
	}
	return list, nil
}

// verify asks a domain elsewhere whether it takes the reports (RFC 9990 §4).
func (r *Reports) verify(ctx context.Context, policy string, w *wish) error {
	ok, instead, err := dmarc.TakesReports(ctx, r.o.Resolver, policy, w.to.Domain)
	if err != nil {
		return fmt.Errorf("whether %s takes reports about %s: %w", w.to.Domain, policy, err)
	}
	if !ok {
		w.no = fmt.Sprintf("%s does not say that it takes reports about %s (%s._report._dmarc.%[1]s)", w.to.Domain, policy, policy)
		return nil
	}
	if len(instead) > 0 {
		other := wishOf(instead[0])
		w.to, w.no = other.to, other.no
	}
	return nil
}

// askedTLS reads the TLSRPT record (RFC 8460 §3).
func (r *Reports) askedTLS(ctx context.Context, domain string) ([]wish, error) {
	uris, err := ruaTLS(ctx, r.o.Resolver, domain)
	var list []wish
	for _, uri := range uris[:min(len(uris), maxWishes)] {
		list = append(list, wishOf(uri))
	}
	return list, err
}

// ruaTLS are the addresses in a domain's TLSRPT record. Several records are as good as none (RFC 8460 §3).
func ruaTLS(ctx context.Context, resolver *dns.Resolver, domain string) (uris []string, err error) {
	all, err := resolver.TXT(ctx, "_smtp._tls."+domain)
	if errors.Is(err, dns.ErrTemporary) {
		return nil, fmt.Errorf("the TLSRPT record of %s: %w", domain, err)
	}
	found := 0
	for _, txt := range all {
		version, rest, _ := strings.Cut(txt, ";")
		if strings.TrimSpace(version) != "v=TLSRPTv1" {
			continue
		}
		found++
		for part := range strings.SplitSeq(rest, ";") {
			name, value, _ := strings.Cut(part, "=")
			if strings.TrimSpace(name) != "rua" {
				continue
			}
			for uri := range strings.SplitSeq(value, ",") {
				uris = append(uris, strings.TrimSpace(uri))
			}
		}
	}
	if found != 1 {
		return nil, nil
	}
	return uris, nil
}

// wishOf reads an address for reports.
func wishOf(uri string) wish {
	w := wish{uri: tidy(uri)}
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		w.no = "it is no address"
	case strings.EqualFold(u.Scheme, "https") && u.Host != "" && u.User == nil:
		w.url = uri
	case strings.EqualFold(u.Scheme, "mailto"):
		mailbox, failed := url.PathUnescape(u.Opaque)
		if w.to, err = address.Parse(mailbox); errors.Join(failed, err) != nil || w.to.IsNull() {
			w.to, w.no = address.Address{}, "it is no mail address"
		}
	default:
		w.no = "nothing is sent by " + tidy(u.Scheme)
	}
	return w
}
