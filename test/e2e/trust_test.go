package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// get asks a town's web server for a page at a name.
func (l *lab) get(t *testing.T, s town, host, path string) (status, text string) {
	t.Helper()
	authority, err := os.ReadFile(l.CA)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.At("https"))
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
	must(t, err)
	reply, err := client.Do(r)
	must(t, err)
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	must(t, err)
	return reply.Status, string(body)
}

// TestTownsBelieveEachOther: a letter from one town to the other passes SPF,
// DKIM and DMARC, and goes where the MTA-STS policy lets it; also when the
// towns were stopped meanwhile, with the same keys.
func TestTownsBelieveEachOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, _, chi, _ := l.people()
	u := newUser(t, l)
	keys := func() string {
		out, err := exec.CommandContext(t.Context(), binary, "domain", "dkim", "list", "hanoi.example", "--data", filepath.Join(l.Dir, "hanoi.example")).CombinedOutput()
		must(t, err)
		return string(out)
	}
	first := keys()
	has(t, "keys", first, "rsa", "ed25519", "active")
	for n := range 2 {
		u.do(t, "Chào chị Chi\n", "write", "-a", an.Address, "--to", chi.Address, "--subject", "Thư có chữ ký")
		u.await(t, n+1, "-a", chi.Address)
		card := u.do(t, "", "source", "@last", "-a", chi.Address)
		has(t, "card", card, "SPF:\tPASS with IP 127.0.0.1", "DMARC:\t'PASS' with domain hanoi.example", "Results by:\tmail.saigon.example")
		if strings.Count(card, "DKIM:\t'PASS' with domain hanoi.example; aligned with From") != 2 {
			t.Errorf("both keys should sign:\n%s", card)
		}
		eventually(t, "the attempt with its policy, in the journal", testTime, func() bool { // it is written a moment after the letter has arrived
			out, _ := exec.CommandContext(t.Context(), binary, "journey", chi.Address, "--data", filepath.Join(l.Dir, "hanoi.example")).Output()
			return strings.Count(string(out), "policy mta-sts") > n
		})
		l.Signal(syscall.SIGTERM)
		if code := l.Wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		l.Start(t)
	}
	if again := keys(); again != first {
		t.Errorf("the keys have changed:\n%s\nwere\n%s", again, first)
	}
}

// TestTownsAreFound: mail programs and other servers find what they look for on the web.
func TestTownsAreFound(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, s := range l.Servers {
		status, text := l.get(t, s, "autoconfig."+s.Domain, "/mail/config-v1.1.xml?emailaddress="+s.Accounts[0].Address)
		has(t, "autoconfig "+status, text, "<hostname>"+s.Hostname+"</hostname>", "<username>"+s.Accounts[0].Address+"</username>")
		status, text = l.get(t, s, "mta-sts."+s.Domain, "/.well-known/mta-sts.txt")
		has(t, "policy "+status, text, "mode: enforce\r\nmx: "+s.Hostname+"\r\n")
		status, text = l.get(t, s, s.Hostname, "/")
		has(t, "settings "+status, text, s.Hostname)
		status, text = l.get(t, s, s.Hostname, "/nowhere")
		has(t, "anything else", status+text, "404", "nothing here", "Không có gì")
	}
}
