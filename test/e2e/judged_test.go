package e2e

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// signer signs for a domain, as another project does it.
type signer struct {
	domain string
	key    ed25519.PrivateKey
}

// newSigner makes a key and publishes it.
func newSigner(t *testing.T, n *names, domain string) *signer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	n.add(t, fmt.Sprintf("s._domainkey.%s. TXT \"v=DKIM1; k=ed25519; p=%s\"", domain, base64.StdEncoding.EncodeToString(public)))
	return &signer{domain, key}
}

func (s *signer) sign(t *testing.T, letter string) string {
	t.Helper()
	var out bytes.Buffer
	must(t, dkim.Sign(&out, strings.NewReader(letter), &dkim.SignOptions{Domain: s.domain, Selector: "s", Signer: crypto.Signer(s.key)}))
	return out.String()
}

// offer brings a letter from an address of this machine, and returns what was
// answered to its end, or to the first command that was refused. Two addresses:
// the first is a proxy's, which speaks for the second.
func (n *node) offer(t *testing.T, address, helo, from, to, letter string) (int, string) {
	t.Helper()
	address, client, proxied := strings.Cut(address, " ")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: testTime}
	nc, err := dialer.DialContext(t.Context(), "tcp", n.At("smtp"))
	must(t, err)
	c := textproto.NewConn(patient{nc})
	defer c.Close()
	if proxied {
		must(t, c.PrintfLine("PROXY TCP4 %s 127.0.0.1 4000 25", client))
	}
	code, said, err := c.ReadResponse(0)
	must(t, err)
	for _, line := range []string{"EHLO " + helo, "MAIL FROM:<" + from + ">", "RCPT TO:<" + to + ">", "DATA"} {
		if code >= 400 {
			return code, said
		}
		must(t, c.PrintfLine("%s", line))
		code, said, err = c.ReadResponse(0)
		must(t, err)
	}
	if code >= 400 {
		return code, said
	}
	w := c.DotWriter()
	fmt.Fprint(w, strings.ReplaceAll(letter, "\r\n", "\n"))
	must(t, w.Close())
	code, said, err = c.ReadResponse(0)
	must(t, err)
	return code, said
}

func plainLetter(from, subject string) string {
	return fmt.Sprintf("From: %s\r\nTo: an@hue.example\r\nSubject: %s\r\nDate: Thu, 26 Nov 2026 09:00:00 +0000\r\nMessage-ID: <%s@test>\r\n\r\nXin chào.\r\n", from, subject, subject)
}

// TestJudged brings letters that pass, fail and prove nothing.
func TestJudged(t *testing.T) {
	t.Parallel()
	n := newNames(t,
		"7.0.0.127.in-addr.arpa. PTR mx.good.example.", "mx.good.example. A 127.0.0.7",
		`good.example. TXT "v=spf1 ip4:127.0.0.7 -all"`, `_dmarc.good.example. TXT "v=DMARC1; p=reject"`, "good.example. MX 10 mx.good.example.",
		`strict.example. TXT "v=spf1 -all"`, `_dmarc.strict.example. TXT "v=DMARC1; p=reject"`,
		`careful.example. TXT "v=spf1 -all"`, `_dmarc.careful.example. TXT "v=DMARC1; p=quarantine"`,
		"plain.example. A 127.0.0.8", "list.example. A 127.0.0.9",
		"9.2.0.192.bl.example. A 127.0.0.2", `9.2.0.192.bl.example. TXT "see https://bl.example/9"`,
	)
	good, list := newSigner(t, n, "good.example"), newSigner(t, n, "list.example")
	p := newPost(t, n, nil, "", "[trusted]\nproxy = [\"127.0.0.5\"]\n[trust]\ndnsbl = [\"bl.example=reject\"]\ntrusted_sealers = [\"list.example\"]\n")
	arrived := func(subject string) string {
		t.Helper()
		for _, l := range popAll(t, p.town, p.an) {
			if strings.Contains(l, "Subject: "+subject) {
				return strings.ReplaceAll(strings.ReplaceAll(l, "\r\n", "\n"), "\n\t", " ")
			}
		}
		t.Fatalf("%q has not arrived", subject)
		return ""
	}
	take := func(want int, address, helo, from, letter string) string {
		t.Helper()
		code, said := p.offer(t, address, helo, from, p.an.Address, letter)
		if code != want {
			t.Errorf("%.60q was answered %d %s, want %d", letter, code, said, want)
		}
		return said
	}

	forged := "Authentication-Results: mail.hue.example; dmarc=pass header.from=bank.example\r\n"
	take(250, "127.0.0.7", "mx.good.example", "me@good.example", forged+good.sign(t, plainLetter("me@good.example", "good")))
	text := arrived("good")
	has(t, "what passes", text, "iprev=pass", "spf=pass", "dkim=pass", "dmarc=pass", "header.from=good.example")
	hasNot(t, "what passes", text, "bank.example")

	take(250, "127.0.0.8", "plain.example", "me@plain.example", plainLetter("me@plain.example", "plain"))
	has(t, "what proves nothing", arrived("plain"), "spf=none", "dkim=none", "dmarc=none")

	broken := strings.Replace(good.sign(t, plainLetter("me@good.example", "broken")), "Xin", "Hin", 1)
	has(t, "a reply", take(550, "127.0.0.8", "plain.example", "me@plain.example", broken), "5.7.1", "DMARC", "good.example")
	p.becomes(t, "<broken@test>", "refused", "dmarc", "sender")

	has(t, "a reply", take(550, "127.0.0.8", "plain.example", "me@strict.example", plainLetter("me@strict.example", "strict")), "DMARC")
	j := p.becomes(t, "me@strict.example", "refused", "dmarc", "sender")
	has(t, "the verdict", fmt.Sprint(j.Events), "SPF fail: strict.example", "DMARC fail")

	take(250, "127.0.0.8", "plain.example", "me@careful.example", plainLetter("me@careful.example", "careful"))
	j = p.becomes(t, "<careful@test>", "delivered", "dmarc", "recipient")
	has(t, "the answer", j.Answers[0].What+j.Answers[0].Next, "Junk")
	p.do(t, "alias", "add", "away@hue.example", "someone@good.example")
	code, said := p.offer(t, "127.0.0.8", "plain.example", "me@careful.example", "away@hue.example", plainLetter("me@careful.example", "not-onward"))
	has(t, "a reply", fmt.Sprint(code, " ", said), "550 5.7.1", "Junk is not forwarded", "DMARC policy of careful.example")
	j = p.becomes(t, "<not-onward@test>", "refused", "junk-not-forwarded", "sender")
	has(t, "in Vietnamese", p.do(t, "journey", j.ID, "--lang", "vi"), "thư rác không được chuyển tiếp", "Đến lượt: người gửi")

	has(t, "a reply", take(550, "127.0.0.5 192.0.2.9", "list.example", "me@list.example", plainLetter("me@list.example", "listed")), "bl.example")
	p.becomes(t, "me@list.example", "refused", "blocked-address", "other-operator")

	// A mailing list changes a letter of a domain that is strict, and is believed about what it saw.
	changed := strings.Replace(plainLetter("me@strict.example", "passed-on"), "Xin", "[list] Xin", 1)
	take(550, "127.0.0.8", "list.example", "list@list.example", changed)
	take(250, "127.0.0.8", "list.example", "list@list.example", list.seal(t, changed, "list.example; dmarc=pass header.from=strict.example"))
	has(t, "what a list passed on", arrived("passed-on"), "arc=pass", "dmarc=fail")
	take(550, "127.0.0.8", "list.example", "list@list.example", good.seal(t, changed, "good.example; dmarc=pass header.from=strict.example"))
}

// seal adds the first set of an ARC chain (RFC 8617), made by hand.
func (s *signer) seal(t *testing.T, letter, results string) string {
	t.Helper()
	header, body, _ := strings.Cut(letter, "\r\n\r\n")
	hash := sha256.Sum256([]byte(body))
	tags := fmt.Sprintf("i=1; a=ed25519-sha256; d=%s; s=s; t=%d; ", s.domain, time.Now().Unix())
	ams := "arc-message-signature:" + tags + "c=relaxed/relaxed; h=from:subject:date:message-id; bh=" + base64.StdEncoding.EncodeToString(hash[:]) + "; b="
	fields := map[string]string{}
	for l := range strings.SplitSeq(header, "\r\n") {
		name, value, _ := strings.Cut(l, ":")
		fields[strings.ToLower(name)] = strings.TrimSpace(value)
	}
	var signed strings.Builder
	for _, name := range []string{"from", "subject", "date", "message-id"} {
		fmt.Fprintf(&signed, "%s:%s\r\n", name, fields[name])
	}
	ams += s.signature(signed.String() + ams)
	aar := "arc-authentication-results:i=1; " + results
	as := "arc-seal:" + tags + "cv=none; b="
	as += s.signature(aar + "\r\n" + ams + "\r\n" + as)
	return as + "\r\n" + ams + "\r\n" + aar + "\r\n" + letter
}

// signature is that of the hash of a text (RFC 8463 §3).
func (s *signer) signature(text string) string {
	hash := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, hash[:]))
}
