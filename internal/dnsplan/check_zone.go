package dnsplan

import (
	"context"
	"strings"

	"tem/internal/dns"
	"tem/internal/explain"
	"tem/internal/transport/sts"
)

// policy checks the MTA-STS policy where senders fetch it.
func (c *checker) policy(ctx context.Context) {
	if c.fetch == nil || c.plan.Policy == "" {
		return
	}
	rec := Record{Purpose: ForSTS, Name: "mta-sts." + c.plan.Domain, Type: "HTTPS", Move: ServerAdmin, Why: say(
		"Senders that know of a policy but can't fetch it go on without it; one in force that does not name the MX stops mail.",
		"Nơi gửi biết có chính sách nhưng không tải được sẽ bỏ qua; chính sách đang áp dụng mà không có tên MX sẽ chặn thư.")}
	p, err := c.fetch(ctx, c.plan.Domain)
	if announced, _ := texts(ctx, c.r, "_mta-sts."+c.plan.Domain); err != nil && len(announced) == 0 {
		return // that there is no MTA-STS was said already
	}
	if err != nil {
		c.say(rec, Missing, nil, say("The policy can't be had: %[1]v.", "Không tải được chính sách: %[1]v.", err))
		return
	}
	c.policyCovers(ctx, rec, p)
}

// policyCovers checks that a policy allows every MX there is.
func (c *checker) policyCovers(ctx context.Context, rec Record, p *sts.Policy) {
	found, err := c.r.MX(ctx, c.plan.Domain)
	if err != nil {
		found = []dns.MX{{Host: c.plan.Site.Hostname}}
	}
	for _, mx := range found {
		if p.Mode != sts.None && mx.Host != "." && !p.Matches(mx.Host) {
			c.say(rec, Harmful, p.MX, say("The policy does not name the mail exchanger %s.", "Chính sách không có tên máy nhận thư %s.", mx.Host))
			return
		}
	}
	if p.Mode != sts.Enforce {
		c.say(rec, Advice, []string{"mode: " + string(p.Mode)}, say("The policy is not in force (mode: %s). When TLS reports show no failures, take enforce.", "Chính sách chưa áp dụng (mode: %s). Khi báo cáo TLS không còn lỗi, hãy dùng enforce.", p.Mode))
		return
	}
	c.say(rec, OK, p.MX, explain.Text{})
}

// probe is a name that nobody publishes: what it has comes from a wildcard.
const probe = "tem-dns-check-probe"

// zone looks for what concerns many records at once.
func (c *checker) zone(ctx context.Context) {
	c.wildcard(ctx, probe+"."+c.plan.Domain, say(
		"Names that do not exist then have records: of an MX, mail for any subdomain comes here; of a TXT, every name seems to have it.",
		"Khi đó tên không tồn tại cũng có bản ghi: với MX, thư gửi đến tên miền con bất kỳ sẽ về đây; với TXT, mọi tên dường như đều có nó."))
	c.wildcard(ctx, probe+"._domainkey."+c.plan.Domain, say(
		"Every DKIM selector then seems to exist, and forged signatures fail in odd ways.",
		"Khi đó mọi selector DKIM dường như đều tồn tại, và chữ ký giả gây lỗi khó hiểu."))
	c.negative(ctx)
}

// wildcard says whether a name that should not exist has records.
func (c *checker) wildcard(ctx context.Context, name string, why explain.Text) {
	_, parent, _ := strings.Cut(name, ".")
	var have []string
	if found, err := c.r.MX(ctx, name); err == nil {
		have = append(have, "MX "+found[0].Host)
	}
	if found, err := c.r.TXT(ctx, name); err == nil {
		have = append(have, "TXT "+QuoteText(found[0]))
	}
	if target, err := c.r.CNAME(ctx, name); err == nil {
		have = append(have, "CNAME "+target)
	}
	if len(have) > 0 {
		c.findings = append(c.findings, Finding{
			State: Advice, Purpose: ForZone, Name: "*." + parent, Type: "*", Have: have, Move: DNSProvider, Why: why,
			Problem: say("There is a wildcard.", "Có bản ghi đại diện (wildcard)."),
		})
	}
}

const longNegative = 3600 // seconds

// negative warns of a zone whose "there is none" is remembered for long.
func (c *checker) negative(ctx context.Context) {
	for name := c.plan.Domain; strings.Contains(name, "."); _, name, _ = strings.Cut(name, ".") {
		soa, err := c.r.SOA(ctx, name)
		if err != nil {
			continue
		}
		if soa.Negative > longNegative {
			c.findings = append(c.findings, Finding{
				State: Advice, Purpose: ForZone, Name: name, Type: "SOA", Move: DNSProvider,
				Problem: say("That a record is missing is remembered for %d seconds.", "Việc thiếu bản ghi được ghi nhớ trong %d giây.", soa.Negative),
				Why:     say("So long can it take until a record that you add is seen.", "Bản ghi bạn thêm có thể mất chừng ấy thời gian mới được thấy."),
			})
		}
		return
	}
}
