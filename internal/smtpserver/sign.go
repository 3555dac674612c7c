package smtpserver

import (
	"context"
	"strings"

	"tem/internal/address"
	"tem/internal/message"
	"tem/internal/trust/dkim"
	"tem/internal/trust/dmarc"
)

// sign begins the signatures of a message of our people, from its From fields;
// nil: there are no keys for the domain in them, or it is not theirs.
func (x *session) sign(ctx context.Context, from []string) *dkim.Signing {
	if x.o.Keys == nil || x.principal == "" {
		return nil
	}
	domain, _ := dmarc.Author(from)
	theirs, err := x.speaksFor(ctx, domain, from)
	var s *dkim.Signing
	if err == nil && theirs {
		s, err = x.o.Keys.Sign(ctx, domain, x.o.Now)
	}
	x.unsigned(domain, err)
	return s
}

// speaksFor reports that a From of the domain is the user's to write: it is
// that of their account, or below it and nobody else's here, or each address is
// theirs. A signature says that the domain stands behind a letter, and of
// several domains here each has people of its own.
func (x *session) speaksFor(ctx context.Context, domain string, from []string) (bool, error) {
	if domain == x.user.Domain {
		return true, nil
	}
	if strings.HasSuffix(domain, "."+x.user.Domain) {
		others, err := x.o.Directory.IsLocal(ctx, domain)
		if err != nil || !others {
			return err == nil, err
		}
	}
	for _, m := range message.Addresses(strings.Join(from, ", ")) {
		a, err := address.Parse(m.Address)
		if err != nil {
			return false, nil
		}
		if owns, err := x.owns(ctx, a); err != nil || !owns {
			return false, err
		}
	}
	return domain != "", nil
}

// unsigned logs why a message goes on without signatures: better than not at all.
func (x *session) unsigned(domain string, err error) {
	if err != nil {
		x.log.Error("smtp message not signed", "domain", domain, "err", err)
	}
}
