package sts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/dns"
	"tem/internal/kv/memory"
)

const good = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n"

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{good, "enforce 168h0m0s [mail.example.com *.example.net]"},
		{strings.ReplaceAll(good, "\r\n", "\n"), "enforce 168h0m0s [mail.example.com *.example.net]"},
		{good + "new-key: anything: at all\nmode: none\n", "enforce 168h0m0s [mail.example.com *.example.net]"},
		{"version: STSv1\nmode: none\nmax_age: 9999999999", "none 8766h0m0s []"},
		{"", "no version"},
		{"version: STSv2\nmode: none\nmax_age: 1", "version"},
		{"version: STSv1\nmode: strict\nmax_age: 1", "mode"},
		{"version: STSv1\nmode: enforce\nmax_age: 1", "no mx"},
		{"version: STSv1\nmode: enforce\nmx: a.b", "no max_age"},
		{"version: STSv1\nmode: none\nmax_age: -1", "max_age"},
		{"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1", "mx"},
		{"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1", "mx"},
		{"<html>", "without a colon"},
		{good + strings.Repeat("mx: a.b\n", maxHosts), "more than 256"},
		{good + strings.Repeat(" ", maxPolicy), "more than 65536"},
	} {
		p, err := Parse([]byte(c.text))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprint(p.Mode, " ", p.MaxAge, " ", p.MX)
		}
		if err == nil && got != c.want || err != nil && (!strings.Contains(got, c.want) || !errors.Is(err, ErrPolicy)) {
			t.Errorf("%.60q: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	p := &Policy{MX: []string{"mail.example.com", "*.example.net"}}
	for host, want := range map[string]bool{
		"mail.example.com": true, "MAIL.example.com.": true, "mx.example.net": true,
		"example.net": false, "a.b.example.net": false, "example.com": false, "xmail.example.com": false, "": false,
	} {
		if p.Matches(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

func TestParseRecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		records []string
		id      string
	}{
		{[]string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
		{[]string{"v=spf1 -all", "v=STSv1;id=a"}, "a"},
		{[]string{"v=STSv1; id=a", "v=STSv1; id=b"}, ""},
		{[]string{"v=STSv1"}, ""},
		{[]string{"v=STSv1; id=a-b"}, ""},
		{[]string{"v=STSv12; id=a"}, ""},
		{[]string{"v=STSv1; id=" + strings.Repeat("a", 33)}, ""},
	} {
		id, err := ParseRecord(c.records)
		if id != c.id && err == nil || (err != nil) != (c.id == "") {
			t.Errorf("%q: %q, %v", c.records, id, err)
		}
	}
}

// FuzzParse: what is read can be published and read again, the same.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("version: STSv1\nmode: none\nmax_age: 0")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse([]byte(text))
		if err != nil {
			return
		}
		again, err := Parse([]byte(strings.Join(p.Lines(), "\n")))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(p) {
			t.Errorf("%q: %v, then %v, %v", text, p, again, err)
		}
		p.Matches(text)
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=STSv1; id=a")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseRecord([]string{s}); err == nil && id == "" {
			t.Error("no id")
		}
	})
}

// web is a web server for a domain's policy, in this process.
func web(t *testing.T, serve http.HandlerFunc) *Fetcher {
	t.Helper()
	s := httptest.NewUnstartedServer(serve)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &Fetcher{
		Roots: roots, Port: s.Listener.Addr().(*net.TCPAddr).Port,
		Addresses: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	plain := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/mta-sts.txt" || !strings.HasPrefix(r.Host, "mta-sts.") {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Write([]byte(text))
		}
	}
	for _, c := range []struct {
		name, domain string
		serve        http.HandlerFunc
		want         string // the kind of trouble
	}{
		{"good", "example.com", plain(good), ""},
		{"another's certificate", "example.net", plain(good), "sts-webpki-invalid"},
		{"no policy", "example.com", plain("x"), "sts-policy-invalid"},
		{"endless", "example.com", plain(good + strings.Repeat("x: y\n", maxPolicy)), "sts-policy-invalid"},
		{"404", "example.com", http.NotFound, "sts-policy-fetch-error"},
		{"a page", "example.com", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }, "sts-policy-fetch-error"},
		{"elsewhere", "example.com", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/there" {
				plain(good)(w, r)
				return
			}
			http.Redirect(w, r, "/there", http.StatusFound)
		}, "sts-policy-fetch-error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := web(t, c.serve).Fetch(t.Context(), c.domain)
			kind := ""
			if trouble := (*Trouble)(nil); errors.As(err, &trouble) {
				kind = trouble.Kind
			}
			if kind != c.want || (p == nil) != (c.want != "") {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
	f := web(t, plain(good))
	f.Ports, f.Port = map[string]int{"mta-sts.example.com": f.Port}, 1 // nobody listens there
	if p, err := f.Fetch(t.Context(), "example.com"); err != nil || p.Mode != Enforce {
		t.Errorf("at a port of its own: %v, %v", p, err)
	}
	f.Roots = nil
	if _, err := f.Fetch(t.Context(), "example.com"); err == nil || !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("an unknown authority: %v", err)
	}
}

// world is what a domain publishes, and how often it was asked for its policy.
type world struct {
	*Cache
	records []string
	dnsErr  error
	policy  *Policy
	webErr  error
	fetched int
	mu      sync.Mutex // of all this where a goroutine runs beside the test
}

// do is for what a test beside a goroutine looks at and changes.
func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func newWorld() *world {
	w := &world{records: []string{"v=STSv1; id=1"}, policy: &Policy{Mode: Enforce, MaxAge: 10 * 24 * time.Hour, MX: []string{"a.b"}}}
	w.Cache = &Cache{KV: memory.New(), Log: slog.New(slog.DiscardHandler)}
	w.wire(w.Cache)
	return w
}

func (w *world) wire(c *Cache) {
	c.Text = func(context.Context, string) ([]string, error) { return w.records, w.dnsErr }
	c.Fetch = func(context.Context, string) (*Policy, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fetched++
		return w.policy, w.webErr
	}
}

// find is the first host of the policy that holds.
func (w *world) find(t *testing.T) string {
	time.Sleep(memo) // of the bubble
	p, _ := w.Find(t.Context(), "example.com")
	if p == nil {
		return "none"
	}
	return p.MX[0]
}

func TestCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		step := func(what, want string, fetched int) {
			t.Helper()
			if got := w.find(t); got != want || w.fetched != fetched {
				t.Errorf("%s: %s after %d fetches, want %s after %d", what, got, w.fetched, want, fetched)
			}
		}
		step("first", "a.b", 1)
		step("again", "a.b", 1)
		w.records = nil
		step("record gone: the policy holds", "a.b", 1)
		w.dnsErr = dns.ErrTemporary
		step("DNS in trouble: the policy holds", "a.b", 1)
		w.records, w.dnsErr = []string{"v=STSv1; id=2"}, nil
		w.webErr = errors.New("down")
		step("new one can't be had: the old holds", "a.b", 2)
		step("and is not asked for at once", "a.b", 2)
		time.Sleep(pause)
		w.webErr, w.policy = nil, &Policy{Mode: Testing, MaxAge: 10 * 24 * time.Hour, MX: []string{"c.d"}}
		step("new one", "c.d", 3)
		fresh := &Cache{KV: w.KV, Log: w.Log}
		w.wire(fresh)
		w.Cache = fresh
		step("after a restart", "c.d", 3)
		w.webErr, w.records = errors.New("down"), nil
		time.Sleep(11 * 24 * time.Hour)
		step("over", "none", 3)
	})
}

// Run fetches a policy again before it ends, keeps the old one when it can't, and forgets those that ended.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.find(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(4 * 24 * time.Hour)
		w.do(func() {
			if w.fetched != 1 {
				t.Errorf("%d fetches before half of max_age", w.fetched)
			}
			w.policy = &Policy{Mode: Enforce, MaxAge: 10 * 24 * time.Hour, MX: []string{"c.d"}}
		})
		time.Sleep(2 * 24 * time.Hour)
		got := w.find(t)
		w.do(func() {
			if got != "c.d" || w.fetched != 2 {
				t.Errorf("%s after %d fetches", got, w.fetched)
			}
			w.webErr = errors.New("down")
		})
		time.Sleep(9 * 24 * time.Hour)
		if got := w.find(t); got != "c.d" {
			t.Errorf("%s: the old one holds", got)
		}
		time.Sleep(3 * 24 * time.Hour)
		if rows, err := w.all(t.Context()); err != nil || len(rows) != 0 {
			t.Errorf("%v, %v: what ended is to go", rows, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
