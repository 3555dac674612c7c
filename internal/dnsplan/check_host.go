package dnsplan

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tem/internal/dns"
	"tem/internal/explain"
)

// host checks one address of this server.
func (c *checker) host(ctx context.Context, rec Record) {
	look := c.r.A
	if rec.Type == "AAAA" {
		look = c.r.AAAA
	}
	found, err := look(ctx, rec.Name)
	if c.failed(rec, err) {
		return
	}
	a := netip.MustParseAddr(rec.Data)
	if !slices.Contains(found, a) {
		c.say(rec, Different, addressTexts(found), say("The name leads to other addresses than this server's.", "Tên dẫn đến địa chỉ khác với địa chỉ của máy chủ này."))
		return
	}
	c.say(rec, OK, addressTexts(found), explain.Text{})
	c.others(rec, found)
}

// others tells of addresses that are not this server's.
func (c *checker) others(rec Record, found []netip.Addr) {
	for _, other := range found {
		if !slices.Contains(c.plan.Site.Addresses, other) {
			c.say(rec, Advice, []string{other.String()}, say("%s is not among this server's addresses: mail that goes there must arrive too.", "%s không thuộc các địa chỉ của máy chủ này: thư gửi đến đó cũng phải nhận được.", other))
		}
	}
}

// otherFamily looks for addresses of the host that are of a family of which the
// server has none: one that was left behind takes mail to where nobody is.
func (c *checker) otherFamily(ctx context.Context) {
	host := c.plan.Site.Hostname
	found, _ := c.r.Addresses(ctx, host) // that there are none, or that nobody answers, was said already
	for _, kind := range []string{"A", "AAAA"} {
		ofKind := func(a netip.Addr) bool { return addressType(a) == kind }
		if !slices.ContainsFunc(c.plan.Site.Addresses, ofKind) {
			rec := Record{Purpose: ForHost, Name: host, Type: kind, Move: DNSProvider, Why: say(
				"Other servers try each address of the name, IPv6 first.", "Máy chủ khác thử mọi địa chỉ của tên, IPv6 trước.")}
			c.others(rec, slices.DeleteFunc(slices.Clone(found), func(a netip.Addr) bool { return !ofKind(a) }))
		}
	}
}

// unknownHost checks the host's addresses when the plan has none: that there
// are any, and that they point back.
func (c *checker) unknownHost(ctx context.Context) {
	host := c.plan.Site.Hostname
	rec := Record{Purpose: ForHost, Name: host, Type: "A", Data: "", Move: DNSProvider, Why: say(
		"Without an address nobody finds the server.", "Không có địa chỉ thì không ai tìm thấy máy chủ.")}
	found, err := c.r.Addresses(ctx, host)
	if c.failed(rec, err) {
		return
	}
	c.say(rec, OK, addressTexts(found), explain.Text{})
	m := maker{site: Site{Hostname: host, Addresses: found}, domain: host}
	m.host()
	for _, rec := range m.records {
		if rec.Purpose == ForReverse {
			c.reverse(ctx, rec)
		}
	}
}

// reverse checks that an address points back.
func (c *checker) reverse(ctx context.Context, rec Record) {
	names, err := c.r.Name(ctx, c.addressOf(ctx, rec))
	if c.failed(rec, err) {
		return
	}
	if !slices.Contains(names, c.plan.Site.Hostname) {
		c.say(rec, Different, names, say("The address points to another name than this server's.", "Địa chỉ trỏ ngược về tên khác với tên của máy chủ này."))
		return
	}
	c.say(rec, OK, names, explain.Text{})
}

// addressOf is the address whose reverse name a record has.
func (c *checker) addressOf(ctx context.Context, rec Record) netip.Addr {
	all := c.plan.Site.Addresses
	if len(all) == 0 {
		all, _ = c.r.Addresses(ctx, c.plan.Site.Hostname)
	}
	for _, a := range all {
		if reverseName(a) == rec.Name {
			return a
		}
	}
	return netip.Addr{}
}

// dane checks the associations of port 25 with the certificate in use.
func (c *checker) dane(ctx context.Context, rec Record) {
	found, err := c.r.TLSA(ctx, rec.Name)
	signed, _ := c.r.Authenticated(ctx, dns.KindTLSA, rec.Name)
	if errors.Is(err, dns.ErrNotFound) && !signed {
		c.say(rec, Advice, nil, say("The zone is not signed with DNSSEC, or this resolver does not check: DANE is of no use so far.", "Vùng DNS chưa ký DNSSEC, hoặc máy phân giải này không kiểm tra: DANE chưa có tác dụng."))
		return
	}
	if c.failed(rec, err) {
		return
	}
	var have []string
	ok := false
	for _, t := range found {
		text := fmt.Sprintf("%d %d %d %s", t.Usage, t.Selector, t.Matching, hex.EncodeToString(t.Data))
		have = append(have, text)
		ok = ok || strings.EqualFold(text, rec.Data)
	}
	switch {
	case ok && !signed:
		c.say(rec, Advice, have, say("It is right, but the zone is not signed with DNSSEC, or this resolver does not check: nobody believes it.", "Bản ghi đúng, nhưng vùng DNS chưa ký DNSSEC hoặc máy phân giải này không kiểm tra: không ai tin bản ghi này."))
	case ok:
		c.say(rec, OK, have, explain.Text{})
	default:
		c.say(rec, Harmful, have, say("No record is for the key of the certificate in use: who checks DANE sends nothing.", "Không bản ghi nào khớp khóa của chứng chỉ đang dùng: nơi kiểm tra DANE sẽ không gửi thư."))
	}
}
