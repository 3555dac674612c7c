package reports

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPost: a server that fails is tried again, and gets the same report.
func TestPost(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	var ids [2]string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := posts.Add(1)
		z, err := gzip.NewReader(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/tlsrpt+gzip" || n > 2 {
			t.Errorf("post %d: %v %v", n, r.Header, err)
			return
		}
		report, err := ParseTLS(z)
		if err != nil {
			t.Error(err)
			return
		}
		if ids[n-1] = report.ReportID; n == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	w := newWorld(t, func(o *Options) { o.HTTP = server.Client() }, `_smtp._tls.saigon.example. TXT "v=TLSRPTv1; rua=`+server.URL+`/r,mailto:postmaster@saigon.example"`)
	w.hanoi.Session(session1(""))
	w.hanoi.flush(t.Context())
	w.set(w.Now().Add(17 * time.Hour))
	for range 3 {
		w.hanoi.sendDue(t.Context())
	}
	list, _, err := w.hanoi.Sendings(t.Context(), time.Time{}, 10)
	check(t, err)
	if posts.Load() != 1 || list[0].Done || !strings.Contains(list[0].Why, "503") || len(list[0].To) != 1 {
		t.Fatalf("%d posts, %+v", posts.Load(), list)
	}
	w.set(w.Now().Add(retryTime + time.Second))
	w.hanoi.sendDue(t.Context())
	list, _, err = w.hanoi.Sendings(t.Context(), time.Time{}, 10)
	check(t, err)
	if posts.Load() != 2 || !list[0].Done || ids[0] != ids[1] || len(list[0].To) != 2 {
		t.Errorf("%d posts of %q, %+v", posts.Load(), ids, list)
	}
	if n := w.hanoi.jobs(); n != 1 {
		t.Errorf("%d letters", n)
	}
}

// TestNeverAnswered: after a day a report is given up, and says why.
func TestNeverAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, `_smtp._tls.saigon.example. TXT "v=TLSRPTv1; rua=https://saigon.example/r"`)
	w.hanoi.Session(session1(""))
	w.hanoi.flush(t.Context())
	w.set(w.Now().Add(17 * time.Hour))
	turns := 0
	for ; turns < 60; turns++ {
		w.hanoi.sendDue(t.Context())
		if list, _, err := w.hanoi.Sendings(t.Context(), time.Time{}, 10); err != nil || len(list) > 0 && list[0].Done {
			break
		}
		w.set(w.Now().Add(retryTime))
	}
	list, _, err := w.hanoi.Sendings(t.Context(), time.Time{}, 10)
	check(t, err)
	if turns < 20 || turns > 30 || !strings.Contains(list[0].Why, "no reports are sent by https") {
		t.Errorf("after %d hours: %+v", turns, list)
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer server.Close()
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, a := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "224.0.0.1"} {
		c := HTTPClient(func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(a)}, nil }, roots)
		_, err := c.Post("https://example.com"+port, "x", strings.NewReader("x"))
		if err == nil || !strings.Contains(err.Error(), "is no public address") {
			t.Errorf("%s: %v", a, err)
		}
	}
	if err := public("tcp", "203.0.113.7:443", nil); err != nil {
		t.Error(err)
	}
}
