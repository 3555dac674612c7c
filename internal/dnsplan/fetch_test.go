package dnsplan

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tem/internal/dns"
)

func TestWebFetch(t *testing.T) {
	t.Parallel()
	policy := Policy{Testing, []string{"mx.hanoi.example"}, policyAge}.String()
	answer := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Host != "mta-sts.hanoi.example" || r.URL.Path != "/.well-known/mta-sts.txt" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", kind)
			w.Write([]byte(text))
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string // of the error; "" for none
	}{
		"policy":   {answer("text/plain; charset=utf-8", policy), ""},
		"a page":   {answer("text/html", policy), "media type"},
		"none":     {http.NotFound, "404"},
		"redirect": {http.RedirectHandler("https://mta-sts.hanoi.example/x", http.StatusFound).ServeHTTP, "redirect"},
		"too long": {answer("text/plain", strings.Repeat("mx: a\n", maxPolicy)), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewTLSServer(c.handler)
			defer s.Close()
			_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
			r, err := dns.ZoneResolver("mta-sts.hanoi.example. A 127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			// The test server's certificate is for example.com.
			config := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"}
			text, err := WebFetch(r, port, config)(t.Context(), "hanoi.example")
			if err == nil {
				_, err = ParsePolicy(text)
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, err := WebFetch(r, port, nil)(t.Context(), "hanoi.example"); err == nil {
				t.Error("a certificate of an unknown authority is believed")
			}
		})
	}
}
