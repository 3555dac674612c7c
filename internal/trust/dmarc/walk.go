package dmarc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tem/internal/dns"
)

// Bounds of a tree walk (RFC 9989 §4.10): names of more than maxQueries labels go
// on with jumpTo, so that there are never more than maxQueries questions.
const (
	maxQueries = 8
	jumpTo     = 7
)

// published is a domain with a record. Bad says why the record is of no use;
// it marks the domain in the walk all the same.
type published struct {
	domain string
	record *Record
	bad    error
}

// walk is the DNS tree walk from a domain up (RFC 9989 §4.10): the records found, the longest name first.
// psd=y and psd=n end it.
func walk(ctx context.Context, r *dns.Resolver, domain string) (found []published, err error) {
	for at := domain; ; {
		p, err := lookup(ctx, r, at)
		if err != nil {
			return found, err
		}
		if p.domain != "" {
			found = append(found, p)
			if p.record != nil && p.record.PSD != 'u' { // the first name's too: nothing above speaks for a public suffix
				return found, nil
			}
		}
		if at = above(at); at == "" {
			return found, nil
		}
	}
}

// above is the next name of a walk; "" behind the last.
func above(name string) string {
	labels := strings.Count(name, ".") + 1
	drop := 1
	if labels > maxQueries {
		drop = labels - jumpTo
	}
	for range drop {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return ""
		}
		name = rest
	}
	return name
}

// lookup reads the record of exactly one domain; p.domain is "" if there is none, or several.
func lookup(ctx context.Context, r *dns.Resolver, domain string) (p published, err error) {
	all, err := r.TXT(ctx, "_dmarc."+domain)
	if errors.Is(err, dns.ErrTemporary) {
		return p, fmt.Errorf("the DMARC record of %s could not be asked for: %w", domain, err)
	}
	text := ""
	for _, txt := range all {
		if !isRecord(txt) {
			continue
		}
		if text != "" {
			return p, nil // several are as good as none (RFC 9989 §4.10)
		}
		text = txt
	}
	if text == "" {
		return p, nil
	}
	p.domain = domain
	p.record, p.bad = Parse(text)
	return p, nil
}

// organization is the organizational domain that a walk from domain comes to
// (RFC 9989 §4.10.2): the highest with a record, which is where psd=n ended
// the walk, or the one below a public suffix (psd=y).
func organization(domain string, found []published) string {
	if len(found) == 0 {
		return domain
	}
	last := found[len(found)-1]
	if last.record != nil && last.record.PSD == 'y' && last.domain != domain {
		return below(domain, last.domain)
	}
	return last.domain
}

// below is the name one label below parent on the way to domain.
func below(domain, parent string) string {
	rest := strings.TrimSuffix(domain, "."+parent)
	return rest[strings.LastIndexByte(rest, '.')+1:] + "." + parent
}

// Organization finds the organizational domain of a domain. An error is temporary.
func Organization(ctx context.Context, r *dns.Resolver, domain string) (string, error) {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	found, err := walk(ctx, r, domain)
	if err != nil {
		return "", err
	}
	return organization(domain, found), nil
}
