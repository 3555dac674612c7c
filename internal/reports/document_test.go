package reports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
)

// older is a report as those before RFC 9990 were: no namespace, pct, several SPF results.
const older = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<!DOCTYPE feedback>
<feedback>
  <report_metadata>
    <org_name>B` + "\xfc" + `cher Mail</org_name><email>dmarc@buecher.example</email>
    <report_id>2026.1</report_id><date_range><begin>1767225600</begin><end>1767311999</end></date_range>
  </report_metadata>
  <policy_published><domain>Hanoi.Example.</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct></policy_published>
  <unknown><deep><deeper/></deep></unknown>
  <record>
    <row><source_ip> ::ffff:192.0.2.7</source_ip><count>2</count>
      <policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf><reason><type>mailing_list</type><comment>a
	list</comment></reason></policy_evaluated></row>
    <identifiers><header_from>hanoi.example</header_from></identifiers>
    <auth_results><dkim><domain>x.example</domain><result>pass</result></dkim>
      <spf><domain>hanoi.example</domain><scope>helo</scope><result>pass</result></spf><spf><domain>b.example</domain><result>fail</result></spf></auth_results>
  </record>
</feedback>
`

const tlsText = `{"organization-name":"Google Inc.","date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},
"contact-info":"smtp@google.example","report-id":"1_hanoi.example","policies":[{"policy":{"policy-type":"sts","policy-string":"version: STSv1","policy-domain":"hanoi.example","mx-host":["mx.hanoi.example"]},
"summary":{"total-successful-session-count":3,"total-failure-session-count":1},
"failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.9","receiving-mx-hostname":"mx.hanoi.example.","failed-session-count":1,"unknown":{}}]}]}`

func gz(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

func zipped(name, text string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.Create("readme.txt")
	io.WriteString(w, "nothing")
	w, _ = z.Create(name)
	io.WriteString(w, text)
	z.Close()
	return b.String()
}

func attached(kind, data string) string {
	return "From: a@x.example\r\nSubject: Report Domain: hanoi.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: " + kind + "\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
		base64.StdEncoding.EncodeToString([]byte(data)) + "\r\n--b--\r\n"
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"xml": older, "gzip": gz(older), "zip": zipped("hanoi!x!1!2.XML", older), "mark": "\xef\xbb\xbf \r\n" + strings.NewReplacer("<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n", "", "\xfc", "ü").Replace(older),
		"message": attached("application/gzip", gz(older)), "octets": attached("application/octet-stream; name=x.zip", zipped("a.xml", older)),
		"one part": "Subject: x\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(zipped("a.xml", older))) + "\r\n",
	} {
		d, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f := d.DMARC
		got := fmt.Sprint(f.Metadata.ReportID, f.Metadata.Begin.Time(), f.Policy.Domain, f.Records)
		const want = "2026.12026-01-01 00:00:00 +0000 UTChanoi.example[{192.0.2.7 2 none fail pass [{mailing_list a list}] hanoi.example   [{x.example  pass }] [{hanoi.example helo pass } {b.example  fail }]}]"
		if got != want || name == "xml" && f.Metadata.Organization != "Bücher Mail" {
			t.Errorf("%s: %s %s", name, f.Metadata.Organization, got)
		}
	}
	for name, text := range map[string]string{"json": tlsText, "gzip": gz(tlsText), "message": attached("application/tlsrpt+gzip", gz(tlsText))} {
		d, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(d.TLS.Policies, d.TLS.Range.Start); got != "[{{sts [version: STSv1] hanoi.example [mx.hanoi.example]} {3 1} [{certificate-expired 192.0.2.9 mx.hanoi.example   1  }]}] 2026-01-01 00:00:00 +0000 UTC" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestWritten: what is written is read as it was.
func TestWritten(t *testing.T) {
	t.Parallel()
	f, err := ParseFeedback(strings.NewReader(older))
	check(t, err)
	var b bytes.Buffer
	check(t, f.WriteXML(&b))
	if !strings.Contains(b.String(), `<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">`) {
		t.Errorf("%s", b.String())
	}
	again, err := ParseFeedback(bytes.NewReader(b.Bytes()))
	check(t, err)
	if fmt.Sprint(again.Metadata, again.Policy, again.Records) != fmt.Sprint(f.Metadata, f.Policy, f.Records) {
		t.Errorf("%+v\nwas %+v", again, f)
	}
}

// endless is n octets of text behind a beginning, that never ends.
func endless(begin, text string, n int) string { return begin + strings.Repeat(text, n/len(text)) }

func TestHostile(t *testing.T) {
	t.Parallel()
	change := func(old, new string) string { return strings.Replace(older, old, new, 1) }
	changeTLS := func(old, new string) string { return strings.Replace(tlsText, old, new, 1) }
	bomb := gz(endless("<feedback><x>", "        ", maxDocument+100))
	record := older[strings.Index(older, "<record>"):strings.Index(older, "</feedback>")]
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"", "holds no report"},
		"text":           {"hello", "holds no report"},
		"html":           {"<html><body/></html>", "begins with <html>"},
		"cut":            {older[:len(older)/2], "unexpected EOF"},
		"cut gzip":       {gz(older)[:200], "unexpected EOF"},
		"bad gzip":       {"\x1f\x8bxxxxxxxxxxxxxxx", "gzip"},
		"bad zip":        {"PK\x03\x04xxxx", "zip"},
		"empty zip":      {zipped("x.exe", older), "holds no report"},
		"bomb":           {bomb, "larger than"},
		"zip bomb":       {zipped("a.xml", endless("<feedback><x>", "        ", maxDocument+100)), "larger than"},
		"attached bomb":  {attached("application/gzip", bomb), "larger than"},
		"JSON bomb":      {gz(endless(`{"organization-name":"`, "xxxxxxxx", maxDocument+100)), "larger than"},
		"large file":     {strings.Repeat("x", maxFile+1), "larger than"},
		"entity":         {change("<unknown>", "<unknown>&lol;"), "entity"},
		"entity defined": {strings.Replace(change("hanoi.example</header_from>", "&a;</header_from>"), "<!DOCTYPE feedback>", `<!DOCTYPE feedback [<!ENTITY a "aaaa">]>`, 1), "entity"},
		"file":           {strings.Replace(change("hanoi.example</header_from>", "&a;</header_from>"), "<!DOCTYPE feedback>", `<!DOCTYPE feedback [<!ENTITY a SYSTEM "file:///etc/passwd">]>`, 1), "entity"},
		"deep":           {"<feedback>" + strings.Repeat("<a>", 200_000), "unexpected EOF"},
		"deep record":    {"<feedback><record>" + strings.Repeat("<a>", 200_000), "unexpected EOF"},
		"charset":        {change("ISO-8859-1", "utf-7"), "charset"},
		"records":        {"<feedback>" + strings.Repeat(record, maxRecords+1), "more than"},
		"no domain":      {change("<domain>Hanoi.Example.</domain>", ""), "is not a domain"},
		"address":        {change("::ffff:192.0.2.7", "192.0.2"), "record 1: source_ip"},
		"count":          {change("<count>2", "<count>-2"), "count -2"},
		"huge count":     {change("<count>2", "<count>9223372036854775807"), "count"},
		"no number":      {change("<count>2", "<count>two"), "two"},
		"times":          {change("<begin>1767225600", "<begin>1967225600"), "date_range"},
		"years":          {change("<begin>1767225600", "<begin>1"), "date_range"},
		"TLS cut":        {tlsText[:100], "unexpected EOF"},
		"TLS domain":     {changeTLS(`"policy-domain":"hanoi.example"`, `"policy-domain":"a b"`), "policy-domain"},
		"TLS count":      {changeTLS(`count":3`, `count":-3`), "count"},
		"TLS none":       {`{"date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"}}`, "0 policies"},
		"TLS times":      {changeTLS("2026-01-01T00", "2027-01-01T00"), "date-range"},
		"TLS kinds":      {changeTLS(`"mx-host":[`, `"mx-host":{"a":[`), "invalid"},
	} {
		d, err := Read(strings.NewReader(c.text))
		if err == nil || d != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, d, err, c.want)
		}
	}
	f, err := ParseFeedback(strings.NewReader(change("<org_name>B", "<org_name>\x1b[2J&#8238;"+strings.Repeat("x", 5000))))
	if err != nil && !strings.Contains(err.Error(), "illegal character") || err == nil && (len(f.Metadata.Organization) > maxValue || strings.ContainsAny(f.Metadata.Organization, "\x1b\u202e")) {
		t.Errorf("%v %+v", err, f)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{older, tlsText, gz(older), gz(tlsText), zipped("a.xml", older), attached("application/gzip", gz(older)), attached("text/xml", older)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Read(bytes.NewReader(data))
		if (d == nil) != (err != nil) {
			t.Fatalf("%+v, %v", d, err)
		}
		if d == nil || d.DMARC == nil {
			return
		}
		var b bytes.Buffer
		if err := d.DMARC.WriteXML(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ParseFeedback(&b)
		if err != nil || fmt.Sprint(again.Metadata, again.Policy, again.Records) != fmt.Sprint(d.DMARC.Metadata, d.DMARC.Policy, d.DMARC.Records) {
			t.Errorf("%+v\nwas %+v: %v", again, d.DMARC, err)
		}
	})
}
