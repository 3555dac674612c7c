package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/control"
	"tem/internal/reports"
)

const dmarcFile = `<?xml version="1.0"?>
<feedback><report_metadata><org_name>Bưu điện</org_name><email>d@post.example</email><report_id>7</report_id>
<date_range><begin>1767225600</begin><end>1767311999</end></date_range></report_metadata>
<policy_published><domain>hanoi.example</domain><p>none</p></policy_published>
<record><row><source_ip>203.0.113.7</source_ip><count>12</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>hanoi.example</header_from></identifiers><auth_results><spf><domain>x.example</domain><result>none</result></spf></auth_results></record>
<record><row><source_ip>192.0.2.1</source_ip><count>100</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
<identifiers><header_from>hanoi.example</header_from></identifiers><auth_results/></record></feedback>`

const tlsFile = `{"organization-name":"Post","date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},"contact-info":"x","report-id":"8",
"policies":[{"policy":{"policy-type":"sts","policy-domain":"hanoi.example"},"summary":{"total-successful-session-count":3,"total-failure-session-count":2},
"failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.hanoi.example","failed-session-count":2,"failure-reason-code":"\u001b[2Jold"}]}]}`

func TestReportsCommand(t *testing.T) {
	t.Parallel()
	h := newAdminHost(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	read := func(want, notWant string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		env := &adminEnv{Out: &out, Err: &out}
		err := runAdmin(t.Context(), env, append([]string{"reports", "read"}, args...))
		if err != nil {
			out.WriteString(err.Error())
		}
		for _, part := range strings.Split(want, "|") {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%q: no %q in\n%s", args, part, out.String())
			}
		}
		if notWant != "" && strings.Contains(out.String(), notWant) {
			t.Errorf("%q: %q in\n%s", args, notWant, out.String())
		}
	}
	dmarc, tls := write("d.xml", dmarcFile), write("t.json", tlsFile)
	read("112 messages, 100 pass DMARC (89%)|by 1 reports on 2026-01-01 to 2026-01-01 from Bưu điện|203.0.113.7 sends as you without SPF or DKIM|192.0.2.1 passes", "", dmarc, "--lang", "en")
	read("112 thư, 100 đạt|gửi dưới tên bạn", "", dmarc, "--lang", "vi")
	read(`"source_ip":"203.0.113.7"`, "", dmarc, "--json")
	read("3 TLS sessions succeeded, 2 failed|certificate-expired|renew it", "\x1b", tls, "--lang", "en")
	read("it holds no report", "", write("x", "hello"))
	h.expect(3, `no DMARC report has come`, "reports dmarc hanoi.example")
	h.expect(3, `no TLS report has come`, "reports tls hanoi.example")
	h.expect(1, `is not a domain`, "reports tls a..b")
	h.expect(0, `no report was sent`, "reports sent")
	h.expect(2, `at least 1`, "reports sent --limit 0")
	h.expect(1, `no server is running`, "reports send saigon.example")
	h.expect(1, `not a domain`, "reports send a..b")
	h.expect(0, `^\{"reports":null\}`, "reports sent --json")
}

func TestSentReportsAreShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printSent(&out, &control.SentReports{Lost: 3, Reports: []reports.Sent{{
		Kind: reports.TLS, Domain: "saigon.example", Messages: 9, Why: "name server", To: []reports.Destination{{URI: "mailto:a@saigon.example", Outcome: "mailed"}},
	}}})
	for _, want := range []string{"tls\tsaigon.example\t9\tmailto:a@saigon.example: mailed; trouble: name server; not done yet", "3 messages or TLS sessions"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
