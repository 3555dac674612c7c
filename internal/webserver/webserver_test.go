package webserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/transport/sts"
)

const policyText = "version: STSv1\r\nmode: enforce\r\nmx: mail.hanoi.example\r\nmax_age: 604800\r\n"

// pair is a certificate for the names of hanoi.example, and who believes it.
func pair(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"mail.hanoi.example", "mta-sts.hanoi.example", "mta-sts.elsewhere.example", "autoconfig.hanoi.example", "autodiscover.hanoi.example"},
		IsCA:     true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// site is a running server for hanoi.example, on a real socket.
type site struct {
	*http.Client
	addr  netip.AddrPort
	roots *x509.CertPool
	log   *linetest.Log
}

func options(log io.Writer) Options {
	return Options{
		Hostname: "mail.hanoi.example", Policy: policyText, Drain: 5 * time.Second,
		Local: func(_ context.Context, domain string) (bool, error) {
			if domain == "broken.example" {
				return false, errors.New("the store is away")
			}
			return domain == "hanoi.example", nil
		},
		Services: []Service{{"imap", 993, true}, {"imap", 143, false}, {"smtp", 465, true}},
		Log:      slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := &site{log: new(linetest.Log)}
	o := options(w.log)
	o.TLS, w.roots = pair(t)
	s := New(o)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = nl.Addr().(*net.TCPAddr).AddrPort()
	l := &line.Listener{Net: nl, Raw: s.Handle}
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	for _, run := range []func(context.Context) error{s.Run, l.Run} {
		ended.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	w.Client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: w.roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, w.addr.String())
		},
	}}
	t.Cleanup(func() { stop(); ended.Wait(); w.CloseIdleConnections() })
	return w
}

// ask sends one request; the answer is its status and text.
func (w *site) ask(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return w.do(t, r)
}

func (w *site) do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	reply, err := w.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply, string(text)
}

// TestPolicy has the part of Tem that asks others for policies ask for this one.
func TestPolicy(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	f := sts.Fetcher{Roots: w.roots, Port: int(w.addr.Port()), Addresses: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{w.addr.Addr()}, nil
	}}
	p, err := f.Fetch(t.Context(), "hanoi.example")
	if err != nil || p.Mode != sts.Enforce || !p.Matches("mail.hanoi.example") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := f.Fetch(t.Context(), "elsewhere.example"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("of a domain that is not here: %v", err)
	}
	if !strings.Contains(w.log.String(), `told="MTA-STS policy" host=mta-sts.hanoi.example`) {
		t.Errorf("the log: %s", w.log)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	const policy, config = "https://mta-sts.hanoi.example/.well-known/mta-sts.txt", "https://autoconfig.hanoi.example/mail/config-v1.1.xml"
	const profile = "https://mail.hanoi.example/mail/settings.mobileconfig"
	for name, c := range map[string]struct {
		method, url, body string
		code              int
		want              string
	}{
		"policy":           {"GET", policy, "", 200, policyText},
		"with a port":      {"GET", "https://mta-sts.hanoi.example:8443/.well-known/mta-sts.txt", "", 200, policyText},
		"head":             {"HEAD", policy, "", 200, ""},
		"put":              {"PUT", policy, "x", 405, "nothing here"},
		"another name":     {"GET", "https://mail.hanoi.example/.well-known/mta-sts.txt", "", 404, "nothing here"},
		"root":             {"GET", "https://mail.hanoi.example/", "", 200, "<td>993</td><td>SSL/TLS</td>"},
		"root, post":       {"POST", "https://mail.hanoi.example/", "", 405, "Không có gì"},
		"no such page":     {"GET", "https://mail.hanoi.example/webmail", "", 404, "Không có gì"},
		"profile":          {"GET", profile + "?emailaddress=an@hanoi.example", "", 200, "<string>an@hanoi.example</string>"},
		"profile, nobody":  {"GET", profile, "", 400, "nothing here"},
		"profile, other":   {"GET", profile + "?emailaddress=an@elsewhere.example", "", 404, "nothing here"},
		"profile, broken":  {"GET", profile + "?emailaddress=an@broken.example", "", 500, "try again later"},
		"profile, escaped": {"GET", profile + "?emailaddress=%22a%3C%2Fstring%3E%26b%22@hanoi.example", "", 200, "<string>&#34;a&lt;/string&gt;&amp;b&#34;@hanoi.example</string>"},
		"directory":        {"GET", "https://mail.hanoi.example/.well-known/", "", 404, "nothing here"},
		"upwards":          {"GET", "https://mail.hanoi.example/mail/../../etc/passwd", "", 404, "nothing here"},
		"settings":         {"GET", config + "?emailaddress=an@hanoi.example", "", 200, "<username>an@hanoi.example</username>"},
		"well known":       {"GET", "https://mail.hanoi.example/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=an@hanoi.example", "", 200, "<port>993</port>"},
		"nobody's":         {"GET", config, "", 200, "<username>%EMAILADDRESS%</username>"},
		"of a stranger":    {"GET", config + "?emailaddress=an@elsewhere.example", "", 404, "nothing here"},
		"no address":       {"GET", config + "?emailaddress=an", "", 400, "nothing here"},
		"escaped":          {"GET", config + "?emailaddress=%22a%3C%2Fusername%3E%26b%22@hanoi.example", "", 200, "<username>&#34;a&lt;/username&gt;&amp;b&#34;@hanoi.example</username>"},
		"a broken store":   {"GET", config + "?emailaddress=an@broken.example", "", 500, "try again later"},
		"outlook":          {"POST", "https://autodiscover.hanoi.example/Autodiscover/Autodiscover.xml", outlook("an@hanoi.example"), 200, "<LoginName>an@hanoi.example</LoginName>"},
		"outlook, get":     {"GET", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", "", 405, "nothing here"},
		"outlook, other":   {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", outlook("an@elsewhere.example"), 404, "nothing here"},
		"outlook, nobody":  {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", outlook(" "), 400, "nothing here"},
		"outlook, large":   {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", outlook(strings.Repeat("a", maxBody)), 413, "nothing here"},
		"outlook, no XML":  {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", "{}", 400, "nothing here"},
		"outlook, entity":  {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>` + outlook("an&b;@hanoi.example"), 400, "nothing here"},
		"outlook, charset": {"POST", "https://autodiscover.hanoi.example/autodiscover/autodiscover.xml", strings.Replace(outlook("an@hanoi.example"), "utf-8", "utf-7", 1), 400, "nothing here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply, text := w.ask(t, c.method, c.url, c.body)
			if reply.StatusCode != c.code || !strings.Contains(text, c.want) {
				t.Errorf("%s\n%s\nwant %d with %q", reply.Status, text, c.code, c.want)
			}
			h := reply.Header
			if reply.ProtoMajor != 2 || h.Get("Strict-Transport-Security") == "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || (c.code == 405) != (h.Get("Allow") != "") {
				t.Errorf("%s, %v", reply.Proto, h)
			}
		})
	}
}

func TestLargeHeader(t *testing.T) {
	t.Parallel()
	w := newSite(t)
	w.Transport.(*http.Transport).ForceAttemptHTTP2 = false
	reply, _ := w.ask(t, "GET", "https://mail.hanoi.example/"+strings.Repeat("a", 2*maxHeader), "")
	if reply.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(reply.Status)
	}
}

func TestNoPolicy(t *testing.T) {
	t.Parallel()
	o := options(io.Discard)
	o.Policy = ""
	if _, err := New(o).policy(&http.Request{Host: "mta-sts.hanoi.example"}); err == nil {
		t.Error("a policy, where there is none")
	}
}

// inBubble runs a server whose connections are pipes, on the test's clock.
func inBubble(t *testing.T, test func(s *Server, dial func() net.Conn, end func() error)) {
	cfg, _ := pair(t)
	synctest.Test(t, func(t *testing.T) {
		o := options(io.Discard)
		o.TLS = cfg
		s := New(o)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		dial := func() net.Conn {
			near, far := net.Pipe()
			t.Cleanup(func() { near.Close() })
			go s.Handle(ctx, far)
			return near
		}
		test(s, dial, func() error { stop(); return <-ended })
		stop()
	})
}

// TestSilence: who says nothing, or no whole header, is let go.
func TestSilence(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *Server, dial func() net.Conn, end func() error) {
		for name, say := range map[string]func(net.Conn){
			"no TLS":   func(nc net.Conn) { io.ReadAll(nc) },
			"no words": func(nc net.Conn) { io.ReadAll(tls.Client(nc, &tls.Config{InsecureSkipVerify: true})) },
			"half a header": func(nc net.Conn) {
				c := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n")
				io.ReadAll(c)
			},
		} {
			began := time.Now()
			say(dial())
			if took := time.Since(began); took < headerTime || took > 2*headerTime+time.Second {
				t.Errorf("%s: let go after %v", name, took)
			}
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	})
}

// TestEnd: an answer under way is finished, what takes too long is cut, and
// who comes afterwards is turned away.
func TestEnd(t *testing.T) {
	t.Parallel()
	inBubble(t, func(s *Server, dial func() net.Conn, end func() error) {
		busy := make(chan struct{})
		s.o.Local = func(context.Context, string) (bool, error) {
			close(busy)
			time.Sleep(3 * time.Second)
			return true, nil
		}
		c := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true})
		io.WriteString(c, "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.hanoi.example\r\n\r\n")
		<-busy
		stuck := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true})
		io.WriteString(stuck, "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		deaf := tls.Client(dial(), &tls.Config{InsecureSkipVerify: true}) // it does not read its answer
		io.WriteString(deaf, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		synctest.Wait()
		began := time.Now()
		ended := make(chan error)
		go func() { ended <- end() }()
		if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), policyText) {
			t.Errorf("%q, %v", text, err)
		}
		if err := <-ended; err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v, want the 5s of drain", err, time.Since(began))
		}
		if n, err := stuck.Read(make([]byte, 1)); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("%d, %v on a connection that should be cut", n, err)
		}
		if n, err := dial().Read(make([]byte, 1)); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("%d, %v after the end", n, err)
		}
	})
}
