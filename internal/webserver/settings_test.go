package webserver

import (
	"encoding/xml"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/line/linetest"
)

// outlook is what Outlook sends.
func outlook(mailbox string) string {
	return `<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
  <Request>
    <EMailAddress>` + mailbox + `</EMailAddress>
    <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
  </Request>
</Autodiscover>`
}

// TestDocuments compares whole answers with what is kept in testdata.
func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	for file, c := range map[string]struct{ method, url, body, kind string }{
		"autoconfig.xml":        {"GET", "https://autoconfig.hanoi.example/mail/config-v1.1.xml?emailaddress=An@HANOI.example", "", "application/xml; charset=utf-8"},
		"autodiscover.xml":      {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", outlook("an@hanoi.example"), "application/xml; charset=utf-8"},
		"settings.mobileconfig": {"GET", "https://autoconfig.hanoi.example/mail/settings.mobileconfig?emailaddress=an@hanoi.example", "", "application/x-apple-aspen-config"},
	} {
		reply, text := w.ask(t, c.method, c.url, c.body)
		want, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil || text != string(want) || reply.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %v\n%s, %s\n%s", file, err, reply.Status, reply.Header.Get("Content-Type"), text)
		}
	}
}

func FuzzAutodiscover(f *testing.F) {
	f.Add(outlook("an@hanoi.example"))
	f.Add(outlook(`"a&lt;/LoginName&gt;"@hanoi.example`))
	f.Add(`<a><Request><EMailAddress>an@hanoi.example`)
	s := New(options(new(linetest.Log)))
	f.Fuzz(func(t *testing.T, body string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://a.example/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		mailbox, err := readAsked(strings.NewReader(body))
		if (err == nil) != (mailbox != "") {
			t.Fatalf("%q, %v", mailbox, err)
		}
		a, err := s.autodiscover(r)
		if err != nil {
			return
		}
		var d discovered
		if err := xml.Unmarshal([]byte(a.body), &d); err != nil || len(d.Response.Protocols) != len(s.o.Services) {
			t.Fatalf("%v\n%s", err, a.body)
		}
		for _, p := range d.Response.Protocols {
			if p.LoginName != d.Response.Address || !strings.HasSuffix(p.LoginName, "@hanoi.example") {
				t.Errorf("%+v", p)
			}
		}
	})
}
