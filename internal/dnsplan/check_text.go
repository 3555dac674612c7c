package dnsplan

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"

	"tem/internal/dns"
	"tem/internal/explain"
	"tem/internal/trust/spf"
)

// texts are the TXT records of a name; none is no error.
func texts(ctx context.Context, r *dns.Resolver, name string) ([]string, error) {
	found, err := r.TXT(ctx, name)
	if errors.Is(err, dns.ErrNotFound) {
		return nil, nil
	}
	return found, err
}

// single finds the one record that begins with version, and says what is wrong
// if there is none or more than one.
func (c *checker) single(ctx context.Context, rec Record, version string) (string, bool) {
	all, err := texts(ctx, c.r, rec.Name)
	if err != nil {
		c.unsure(rec, err)
		return "", false
	}
	var found []string
	for _, t := range all {
		if first, _, _ := strings.Cut(t, ";"); strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(first), " ", ""), version) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		c.say(rec, Missing, all, say("There is no such record.", "Chưa có bản ghi này."))
	case 1:
		return found[0], true
	default:
		c.say(rec, Harmful, found, say("There are %d; then none counts.", "Có %d bản ghi; khi đó không bản ghi nào có hiệu lực.", len(found)))
	}
	return "", false
}

// tagged checks a record of tags in which one must be there, and be the planned one if exact.
func (c *checker) tagged(ctx context.Context, rec Record, version, tag string, exact bool) {
	text, ok := c.single(ctx, rec, version)
	if !ok {
		return
	}
	have := tags(text)[tag]
	switch {
	case have == "":
		c.say(rec, Different, []string{text}, say("It has no %s=.", "Bản ghi thiếu %s=.", tag))
	case exact && have != tags(rec.Data)[tag]:
		c.say(rec, Different, []string{text}, say("The id is not that of the policy as it should be: senders that know the old one do not fetch anew.", "id không phải của chính sách cần có: nơi gửi đã biết bản cũ sẽ không tải lại."))
	default:
		c.say(rec, OK, []string{text}, explain.Text{})
	}
}

// tags reads name=value; name=value.
func tags(text string) map[string]string {
	found := make(map[string]string)
	for part := range strings.SplitSeq(text, ";") {
		if name, value, ok := strings.Cut(part, "="); ok {
			found[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	return found
}

// dmarc checks the policy for forged mail.
func (c *checker) dmarc(ctx context.Context, rec Record) {
	if c.inherited(ctx, rec) {
		return
	}
	text, ok := c.single(ctx, rec, "v=DMARC1")
	if !ok {
		return
	}
	t := tags(text)
	switch p := strings.ToLower(t["p"]); {
	case p != "none" && p != "quarantine" && p != "reject":
		c.say(rec, Different, []string{text}, say("It has no p=none, p=quarantine or p=reject.", "Bản ghi thiếu p=none, p=quarantine hoặc p=reject."))
	case p == "none":
		c.say(rec, Advice, []string{text}, say("p=none only watches: forged mail is delivered. When the reports show only your own servers, take p=quarantine.", "p=none chỉ theo dõi: thư giả mạo vẫn được nhận. Khi báo cáo chỉ còn máy chủ của bạn, hãy dùng p=quarantine."))
	case t["rua"] == "":
		c.say(rec, Advice, []string{text}, say("Without rua= nobody reports to you.", "Thiếu rua= thì không ai gửi báo cáo cho bạn."))
	default:
		c.say(rec, OK, []string{text}, explain.Text{})
	}
}

// inherited says that a domain without a policy of its own has that of a domain
// above (RFC 9989's tree walk).
func (c *checker) inherited(ctx context.Context, rec Record) bool {
	if own, err := texts(ctx, c.r, rec.Name); err != nil || len(own) > 0 {
		return false
	}
	_, above, _ := strings.Cut(c.plan.Domain, ".")
	for strings.Contains(above, ".") {
		found, _ := texts(ctx, c.r, "_dmarc."+above)
		for _, text := range found {
			if strings.HasPrefix(text, "v=DMARC1") {
				c.say(rec, Advice, []string{text}, say("The policy of %s holds here; a record of its own is only needed for another.", "Chính sách của %s áp dụng ở đây; chỉ cần bản ghi riêng nếu muốn khác.", above))
				return true
			}
		}
		_, above, _ = strings.Cut(above, ".")
	}
	return false
}

const goodBits = 2048 // RFC 8301 §3.2: 1024 at least, 2048 wanted

// dkim compares a published key with ours.
func (c *checker) dkim(ctx context.Context, rec Record) {
	found, err := texts(ctx, c.r, rec.Name)
	if err != nil {
		c.unsure(rec, err)
		return
	}
	want := keyOf(rec.Data)
	for _, text := range found {
		if keyOf(text) != want || !strings.EqualFold(cmp.Or(tags(text)["k"], "rsa"), cmp.Or(tags(rec.Data)["k"], "rsa")) {
			continue
		}
		switch bits := rsaBits(want); {
		case len(found) > 1:
			c.say(rec, Harmful, found, say("There are %d texts at this name; which one is taken is chance (RFC 6376 §3.6.2.2).", "Có %d bản ghi TXT tại tên này; bản nào được dùng là ngẫu nhiên (RFC 6376 §3.6.2.2).", len(found)))
		case bits > 0 && bits < goodBits:
			rec.Move = ServerAdmin
			c.say(rec, Advice, found, say("The key has %d bits: make a new one of %d.", "Khóa chỉ có %d bit: hãy tạo khóa mới %d bit.", bits, goodBits))
		case strings.Contains(tags(text)["t"], "y"):
			c.say(rec, Advice, found, say("t=y calls it a test: some pay no heed to the signature.", "t=y nghĩa là thử nghiệm: một số nơi bỏ qua chữ ký."))
		default:
			c.say(rec, OK, found, explain.Text{})
		}
		return
	}
	if len(found) == 0 {
		c.say(rec, Missing, nil, say("There is no such record: no signature can be checked.", "Chưa có bản ghi này: không thể kiểm tra chữ ký."))
		return
	}
	c.say(rec, Harmful, found, say("It is not the key that this server signs with: every signature fails.", "Đây không phải khóa mà máy chủ này dùng để ký: mọi chữ ký đều sai."))
}

// keyOf is p= without white space.
func keyOf(record string) string { return strings.Join(strings.Fields(tags(record)["p"]), "") }

// rsaBits is the size of an RSA key; 0 of any other.
func rsaBits(p string) int {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return 0
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if k, ok := key.(*rsa.PublicKey); ok && err == nil {
		return k.N.BitLen()
	}
	return 0
}

// spf checks that our addresses may send, and that the record works at all.
func (c *checker) spf(ctx context.Context, rec Record) {
	found, err := spfRecords(ctx, c.r, rec.Name)
	switch {
	case err != nil:
		c.unsure(rec, err)
	case len(found) == 0:
		c.say(rec, Missing, nil, say("There is no SPF record.", "Chưa có bản ghi SPF."))
	case len(found) > 1:
		c.say(rec, Harmful, found, say("There are %d SPF records; that is an error for everybody who checks (RFC 7208 §4.5). Join them into one.", "Có %d bản ghi SPF; mọi nơi kiểm tra đều coi là lỗi (RFC 7208 §4.5). Hãy gộp thành một.", len(found)))
	default:
		c.spfText(ctx, rec, found[0])
	}
}

func (c *checker) spfText(ctx context.Context, rec Record, text string) {
	have := []string{text}
	w := &spfWalk{resolver: c.r}
	w.walk(ctx, text, true)
	before := len(c.findings)
	switch {
	case w.all == '+':
		c.say(rec, Harmful, have, say("+all lets everybody in the world send in the domain's name.", "+all cho phép cả thế giới gửi thư dưới tên của tên miền."))
	case w.lookups > spfLookups:
		c.say(rec, Harmful, have, say("It takes %d look-ups; above %d it is an error for everybody who checks (RFC 7208 §4.6.4).", "Cần %d lần tra cứu; quá %d thì mọi nơi kiểm tra đều coi là lỗi (RFC 7208 §4.6.4).", w.lookups, spfLookups))
	case w.broken != "":
		c.say(rec, Harmful, have, say("%s, which it includes, has not exactly one SPF record: an error for everybody who checks.", "%s mà nó tham chiếu không có đúng một bản ghi SPF: mọi nơi kiểm tra đều coi là lỗi.", w.broken))
	case w.unsure:
		c.say(rec, Unknown, have, say("A name that it includes could not be looked up.", "Không tra cứu được một tên mà nó tham chiếu."))
	}
	if len(c.findings) > before { // nobody gets as far as an address
		return
	}
	for _, a := range c.plan.Site.Addresses {
		c.spfAddress(ctx, rec, text, a)
	}
	if len(c.findings) > before {
		return
	}
	if w.all == 0 || w.all == '?' {
		c.say(rec, Advice, have, say("It does not end in -all or ~all: it says nothing about all others.", "Không kết thúc bằng -all hoặc ~all: không nói gì về các nơi khác."))
		return
	}
	c.say(rec, OK, have, explain.Text{})
}

// spfAddress checks that an address of ours may send.
func (c *checker) spfAddress(ctx context.Context, rec Record, text string, a netip.Addr) {
	switch out := spf.Check(ctx, c.r, spf.Query{IP: a, Hello: c.plan.Site.Hostname, Sender: reportBox + "@" + rec.Name, Now: time.Now()}); out.Result {
	case spf.Pass:
	case spf.TempError:
		c.say(rec, Unknown, []string{text}, say("Whether %s may send could not be looked up.", "Không tra cứu được %s có được gửi hay không.", a))
	case spf.PermError:
		c.say(rec, Harmful, []string{text}, say("Whether %[1]s may send ends in an error: %[2]s", "Kiểm tra %[1]s có được gửi hay không thì gặp lỗi: %[2]s", a, out.Reason))
	default:
		c.say(rec, Different, []string{text}, say("It does not let this server's address %s send.", "Bản ghi không cho phép địa chỉ %s của máy chủ này gửi thư.", a))
	}
}
