package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
)

// nobody takes no mail.
type nobody struct{}

func (nobody) NewSession(*gosmtp.Conn) (gosmtp.Session, error) { return nobody{}, nil }
func (nobody) Reset()                                          {}
func (nobody) Logout() error                                   { return nil }
func (nobody) Mail(string, *gosmtp.MailOptions) error          { return gosmtp.ErrAuthRequired }
func (nobody) Rcpt(string, *gosmtp.RcptOptions) error          { return gosmtp.ErrAuthRequired }
func (nobody) Data(io.Reader) error                            { return gosmtp.ErrAuthRequired }

// place is a domain's web and mail server; its certificate is for *.example.com.
type place struct {
	web, mail int
	roots     string // file
	tlsa      string
}

func newPlace(t *testing.T) place {
	t.Helper()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400\n")
	}))
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := gosmtp.NewServer(nobody{})
	s.Domain, s.TLSConfig = "mx.example.com", &tls.Config{Certificates: web.TLS.Certificates}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	roots := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return place{
		web: web.Listener.Addr().(*net.TCPAddr).Port, mail: l.Addr().(*net.TCPAddr).Port, roots: roots,
		tlsa: fmt.Sprintf("3 1 1 %x", sha256.Sum256(web.Certificate().RawSubjectPublicKeyInfo)),
	}
}

func TestCheckHosts(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const key = "example.com. DNSKEY 257 3 13 AAAA\n"
	const mx = "example.com. MX 1 mx.example.com.\nmx.example.com. A 127.0.0.1\n"
	const sts = "_mta-sts.example.com. TXT \"v=STSv1; id=1\"\nmta-sts.example.com. A 127.0.0.1\n"
	for _, c := range []struct {
		args, zone string
		code       int
		want       []string
	}{
		{"mx", mx, 0, []string{"MX: pass", "MX of example.com: mx.example.com", "TLS 1.3", "verified", "Có thể gửi thư"}},
		{"mx --no-connect", mx, 0, []string{"MX: pass", "addresses of mx.example.com: [127.0.0.1]"}},
		{"mx --no-connect", "example.com. MX 1 alias.example.com.\nalias.example.com. CNAME mx.example.com.\nmx.example.com. A 192.0.2.1\nmx.example.com. A 10.0.0.1\n", 0,
			[]string{"MX: pass", "remark on alias.example.com: it is an alias (CNAME) of mx.example.com"}},
		{"mx --no-connect", "example.com. MX 1 mx.example.com.\nmx.example.com. A 10.0.0.1\nmx.example.com. AAAA fd00::1\n", 0, []string{"remark on mx.example.com: none of its addresses [fd00::1 10.0.0.1] can be reached"}},
		{"mx", "example.com. MX 0 .\n", 0, []string{"MX: none", "takes no mail (null MX)"}},
		{"mx --port 1", mx, 1, []string{"MX: fail", "1 of 1 mail servers can't be used"}},
		{"mx", "example.com. MX 1 mx.example.com.\n", 1, []string{"MX: fail", "1 of 1 mail servers can't be used"}},
		{"mx", "example.net. MX 1 mx.example.net.\n", 1, []string{"MX: fail", "nor the domain itself has an address", "the domain itself"}},
		{"mx", "example.com. MX 1 mx.example.com.\nmx.example.com. TIMEOUT\n", 1, []string{"MX: temperror", "name servers don't say"}},
		{"mx", "example.com. TIMEOUT\n", 1, []string{"MX: temperror"}},
		{"mta-sts", mx + sts, 0, []string{"MTA-STS: pass", "policy 1", "mode: enforce", "verified"}},
		{"mta-sts", mx, 0, []string{"MTA-STS: none", "announces no policy"}},
		{"mta-sts --json", "example.com. MX 1 mx2.example.com.\n" + sts, 1, []string{`"verdict":"fail"`, "does not name mx2.example.com"}},
		{"mta-sts --https-port 1", mx + sts, 1, []string{"MTA-STS: fail", "can't be had"}},
		{"dane", key + mx + "_25._tcp.mx.example.com. TLSA " + p.tlsa, 0, []string{"DANE: pass", "a TLSA record fits", "authenticated"}},
		{"dane", key + mx + "_25._tcp.mx.example.com. TLSA 3 1 1 " + strings.Repeat("00", 32), 1, []string{"DANE: fail", "no TLSA record fits"}},
		{"dane", key + mx + "example.com. MX 2 mx2.example.com.\nmx2.example.com. A 127.0.0.1\n_25._tcp.mx.example.com. TLSA " + p.tlsa, 1, []string{"DANE: neutral", "mx2.example.com has no TLSA records, while others", "kẻ đứng giữa"}},
		{"dane", key + mx, 0, []string{"DANE: none", "no mail server has TLSA records"}},
		{"dane", mx + "_25._tcp.mx.example.com. TLSA " + p.tlsa, 0, []string{"DANE: none", "not authenticated"}},
	} {
		zone := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(zone, []byte(c.zone), 0o600); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(c.args)
		args := []string{"check", words[0], "example.com", "--zone", zone, "--roots", p.roots}
		if !strings.Contains(c.args, "--port") {
			args = append(args, "--port", fmt.Sprint(p.mail))
		}
		if words[0] == "mta-sts" && !strings.Contains(c.args, "--https-port") {
			args = append(args, "--https-port", fmt.Sprint(p.web))
		}
		var out, errOut strings.Builder
		code := run(t.Context(), append(args, words[1:]...), strings.NewReader(""), &out, &errOut)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d: %s%s", c.args, code, c.code, out.String(), errOut.String())
		}
		for _, w := range c.want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s%s", c.args, w, out.String(), errOut.String())
			}
		}
	}
}
