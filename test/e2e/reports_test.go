package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// publishes puts what `tem dns records` prints into the DNS, but for what this test is not about.
func (n *names) publishes(t *testing.T, server *node, domain string) {
	t.Helper()
	for line := range strings.Lines(server.do(t, "dns", "records", domain, "--address", "127.0.0.1")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || strings.Contains(line, "mta-sts") || strings.Contains(line, " SRV ") || strings.Contains(line, " TLSA ") {
			continue
		}
		n.add(t, line)
	}
}

// TestReportsTravel: what a server counted about another's domain is sent to it,
// arrives, is believed, and is read there.
func TestReportsTravel(t *testing.T) {
	t.Parallel()
	n := newNames(t)
	cert, key := certificate(t)
	away := newNode(t, "mail.saigon.example", fmt.Sprintf("tls = { cert = %q, key = %q }\noutbound = { dns = [%q] }\n", cert, key, n.at))
	away.do(t, "domain", "add", "saigon.example")
	chi, postmaster := away.addAccount(t, "chi@saigon.example"), away.addAccount(t, "postmaster@saigon.example")
	p := newPost(t, n, []*sink{{name: away.Hostname, port: away.Ports["smtp"]}, {name: "mx.web.example", port: away.Ports["smtp"]}}, "", "")
	n.publishes(t, away, "saigon.example")
	n.publishes(t, p.node, "hue.example")

	// What is counted: mail that is Saigon's, mail that is not, and TLS on the way there.
	for _, c := range []struct {
		address string
		code    int
	}{{"127.0.0.1", 250}, {"127.0.0.1", 250}, {"127.0.0.66", 250}} {
		if code, said := p.offer(t, c.address, "mail.saigon.example", chi.Address, p.an.Address, plainLetter(chi.Address, "counted")); code != c.code {
			t.Errorf("from %s: %d %s", c.address, code, said)
		}
	}
	p.writes(t, "there", "", chi.Address)
	eventually(t, "the letter", testTime, func() bool { return len(popAll(t, away.town, chi)) == 1 })

	n.add(t, `_smtp._tls.nowhere.example. TXT "v=TLSRPTv1; rua=mailto:x@nowhere.example"`)
	if out, code := p.admin(t, "reports", "send", "nowhere.example"); code != 3 {
		t.Errorf("exit %d: %s", code, out)
	}
	out := p.do(t, "reports", "send", "saigon.example")
	has(t, "what was sent", out, "dmarc", "tls", "mailto:postmaster@saigon.example: mailed")
	has(t, "what was sent, later", p.do(t, "reports", "sent"), "mailto:postmaster@saigon.example: mailed")
	again, _ := p.admin(t, "reports", "send", "saigon.example") // the letters with the reports may have gone over TLS sessions of their own
	hasNot(t, "a second time", again, "dmarc ")

	eventually(t, "the reports", testTime, func() bool {
		_, dmarc := away.admin(t, "reports", "dmarc", "saigon.example")
		_, tls := away.admin(t, "reports", "tls", "saigon.example")
		return dmarc == 0 && tls == 0
	})
	has(t, "DMARC", away.do(t, "reports", "dmarc", "saigon.example", "--lang", "en"), "3 messages, 2 pass DMARC (67%), by 1 reports", "from hue.example",
		"127.0.0.66 sends as you without SPF or DKIM", "127.0.0.1 passes")
	has(t, "TLS", away.do(t, "reports", "tls", "saigon.example", "--lang", "en"), " TLS sessions succeeded, 0 failed, by ", "from hue.example", "no-policy-found")
	var summary struct{ Unproven int64 }
	must(t, json.Unmarshal([]byte(away.do(t, "reports", "dmarc", "saigon.example", "--json")), &summary))
	if summary.Unproven != 0 {
		t.Errorf("%d reports are not proven", summary.Unproven)
	}
	letters := popAll(t, away.town, postmaster)
	if len(letters) < 2 {
		t.Fatalf("%d letters", len(letters))
	}
	file := filepath.Join(t.TempDir(), "report.eml")
	must(t, os.WriteFile(file, []byte(letters[0]), 0o600))
	has(t, "a letter read by hand", tool(t, binary, "reports", "read", file, "--lang", "en"), "report ", "saigon.example")
	p.asksByHTTPS(t, n, away, chi)
}

// asksByHTTPS: an address with https gets the report if it is on a public
// address, which none of this machine is; the operator is told, and the rest goes.
func (p *post) asksByHTTPS(t *testing.T, n *names, away *node, chi person) {
	t.Helper()
	n.add(t, `_smtp._tls.web.example. TXT "v=TLSRPTv1; rua=https://localhost:8443/tls,mailto:postmaster@saigon.example"`,
		"web.example. MX 10 mx.web.example.", "mx.web.example. A 127.0.0.1", "localhost. A 127.0.0.1")
	away.do(t, "domain", "add", "web.example")
	away.do(t, "alias", "add", "chi@web.example", chi.Address)
	p.writes(t, "web", "", "chi@web.example")
	p.becomes(t, "chi@web.example", "delivered", "", "other-operator")
	has(t, "a report by https and by mail", p.do(t, "reports", "send", "web.example"), "mailto:postmaster@saigon.example: mailed",
		"trouble: https://localhost:8443/tls", "127.0.0.1 is no public address", "not done yet")
	eventually(t, "the report", testTime, func() bool {
		out, code := away.admin(t, "reports", "tls", "web.example", "--lang", "en")
		return code == 0 && strings.Contains(out, " TLS sessions succeeded, 0 failed")
	})
}
