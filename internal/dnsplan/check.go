package dnsplan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tem/internal/dns"
	"tem/internal/explain"
	"tem/internal/transport/sts"
)

// Fetch gets the MTA-STS policy of a domain.
type Fetch func(ctx context.Context, domain string) (*sts.Policy, error)

// Check compares a plan with what the resolver says, and looks for what
// commonly goes wrong besides. fetch nil: no policy is fetched. Findings are in
// the order of the plan.
func Check(ctx context.Context, p Plan, r *dns.Resolver, fetch Fetch) []Finding {
	c := &checker{plan: p, r: r, fetch: fetch}
	for _, rec := range p.Records {
		c.one(ctx, rec)
	}
	if len(p.Site.Addresses) == 0 {
		c.unknownHost(ctx)
	} else {
		c.otherFamily(ctx)
	}
	c.policy(ctx)
	c.zone(ctx)
	return c.findings
}

type checker struct {
	plan     Plan
	r        *dns.Resolver
	fetch    Fetch
	findings []Finding
}

// one checks one record of the plan.
func (c *checker) one(ctx context.Context, rec Record) {
	switch rec.Purpose {
	case ForMX:
		c.mx(ctx, rec)
	case ForHost:
		c.host(ctx, rec)
	case ForReverse:
		c.reverse(ctx, rec)
	case ForSPF, ForHostSPF:
		c.spf(ctx, rec)
	case ForDKIM:
		c.dkim(ctx, rec)
	case ForDMARC:
		c.dmarc(ctx, rec)
	case ForSTS:
		c.tagged(ctx, rec, "v=STSv1", "id", true)
	case ForTLSRPT:
		c.tagged(ctx, rec, "v=TLSRPTv1", "rua", false)
	case ForDANE:
		c.dane(ctx, rec)
	case ForService:
		c.service(ctx, rec)
	case ForSTSHost, ForConfig:
		c.alias(ctx, rec)
	}
}

// say adds a finding about a record.
func (c *checker) say(rec Record, s State, have []string, problem explain.Text) {
	f := Finding{State: s, Purpose: rec.Purpose, Name: rec.Name, Type: rec.Type, Want: rec.zoneLine(), Have: have, Problem: problem, Why: rec.Why, Move: rec.Move}
	switch {
	case s == OK:
		f.Move, f.Problem, f.Why = Nobody, explain.Text{}, explain.Text{}
	case s == Missing && rec.Optional:
		f.State = Advice
	}
	c.findings = append(c.findings, f)
}

// failed says that a look-up found nothing, or failed; false if it did neither.
func (c *checker) failed(rec Record, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, dns.ErrNotFound):
		c.say(rec, Missing, nil, say("There is no such record.", "Chưa có bản ghi này."))
	default:
		c.unsure(rec, err)
	}
	return true
}

// unsure says that nobody answered.
func (c *checker) unsure(rec Record, err error) {
	rec.Move = DNSProvider
	c.say(rec, Unknown, nil, say("The name servers gave no answer: %[1]v.", "Máy chủ tên miền không trả lời: %[1]v.", err))
}

// mx checks the exchangers of the domain, ours and others.
func (c *checker) mx(ctx context.Context, rec Record) {
	found, err := c.r.MX(ctx, rec.Name)
	if c.failed(rec, err) {
		return
	}
	have, ours := []string(nil), false
	for _, mx := range found {
		have = append(have, fmt.Sprintf("%d %s", mx.Preference, mx.Host))
		ours = ours || mx.Host == c.plan.Site.Hostname
	}
	switch null := slices.ContainsFunc(found, func(m dns.MX) bool { return m.Host == "." }); {
	case null:
		c.say(rec, Harmful, have, say("A null MX (RFC 7505) says that the domain takes no mail.", "MX rỗng (RFC 7505) nghĩa là tên miền không nhận thư."))
	case !ours:
		c.say(rec, Different, have, say("Mail goes elsewhere: no MX names this server.", "Thư đi nơi khác: không có MX nào trỏ đến máy chủ này."))
	default:
		c.say(rec, OK, have, explain.Text{})
	}
	for _, mx := range found {
		if mx.Host != "." {
			c.exchanger(ctx, rec, mx)
		}
	}
}

// exchanger checks where one MX points.
func (c *checker) exchanger(ctx context.Context, rec Record, mx dns.MX) {
	have := []string{fmt.Sprintf("%d %s", mx.Preference, mx.Host)}
	if _, err := netip.ParseAddr(mx.Host); err == nil {
		c.say(rec, Harmful, have, say("MX points at an address; it must be a host name (RFC 5321 §5.1).", "MX trỏ đến địa chỉ IP; phải là tên máy chủ (RFC 5321 §5.1)."))
		return
	}
	if alias, err := c.r.CNAME(ctx, mx.Host); err == nil {
		c.say(rec, Harmful, have, say("%s is an alias (CNAME) of %s; many servers refuse that (RFC 5321 §5.1).", "%s là bí danh (CNAME) của %s; nhiều máy chủ không chấp nhận (RFC 5321 §5.1).", mx.Host, alias))
	}
	_, err := c.r.Addresses(ctx, mx.Host)
	switch {
	case errors.Is(err, dns.ErrNotFound):
		c.say(rec, Harmful, have, say("%s has no address: mail for it waits and comes back.", "%s không có địa chỉ: thư gửi đến đó sẽ chờ rồi bị trả lại.", mx.Host))
	case err != nil:
		c.unsure(rec, err)
	case mx.Host != c.plan.Site.Hostname:
		c.say(rec, Advice, have, say("%s takes mail too: it must know the people of the domain, or it makes bounces.", "%s cũng nhận thư: máy chủ đó phải biết các hộp thư của tên miền, nếu không sẽ sinh thư báo lỗi.", mx.Host))
	}
}

// service checks one SRV.
func (c *checker) service(ctx context.Context, rec Record) {
	found, err := c.r.SRV(ctx, rec.Name)
	if c.failed(rec, err) {
		return
	}
	want := strings.Fields(rec.Data)
	var have []string
	ok := false
	for _, s := range found {
		have = append(have, fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target))
		off := want[3] == "." && s.Target == "."
		ok = ok || off || fmt.Sprint(s.Port) == want[2] && s.Target+"." == want[3]
	}
	if ok {
		c.say(rec, OK, have, explain.Text{})
		return
	}
	c.say(rec, Different, have, say("It leads mail programs elsewhere.", "Bản ghi dẫn phần mềm thư đến nơi khác."))
}

// alias checks a name that must lead to this host, as an alias or by its addresses.
func (c *checker) alias(ctx context.Context, rec Record) {
	found, err := c.r.Addresses(ctx, rec.Name)
	if c.failed(rec, err) {
		return
	}
	ours := c.plan.Site.Addresses
	if target, err := c.r.CNAME(ctx, rec.Name); err == nil && target == c.plan.Site.Hostname || slices.ContainsFunc(found, func(a netip.Addr) bool { return slices.Contains(ours, a) }) {
		c.say(rec, OK, addressTexts(found), explain.Text{})
		return
	}
	// Another web server can do this as well.
	c.say(rec, Advice, addressTexts(found), say("It leads to another machine; that must answer then.", "Tên này dẫn đến máy khác; máy đó phải trả lời."))
}

func addressTexts(list []netip.Addr) (texts []string) {
	for _, a := range list {
		texts = append(texts, a.String())
	}
	return texts
}
