package transport

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"tem/internal/queue"
)

func TestRelayOf(t *testing.T) {
	t.Parallel()
	r := &Remote{Relays: []*Relay{
		{Name: "group", Host: "g:25", For: []string{"*"}, Senders: []string{"boss@a.example", "@b.example"}},
		{Name: "near", Host: "n:25", For: []string{"x.example", ".y.example"}},
	}}
	for _, c := range []struct{ route, from, domain, want string }{
		{"", "boss@a.example", "x.example", "group"},
		{"", "Me@B.example", "x.example", "group"},
		{"", "me@ab.example", "x.example", "near"},
		{"", "me@a.example", "X.example", "near"},
		{"", "me@a.example", "z.y.example", "near"},
		{"", "me@a.example", "y.example", "mx"},
		{"", "", "other.example", "mx"},
		{"mx", "boss@a.example", "x.example", "mx"},
		{"near", "boss@a.example", "x.example", "near"},
		{"127.0.0.1:2525", "", "x.example", "127.0.0.1:2525"},
		{"far", "", "x.example", "error"},
	} {
		relay, err := r.relayOf(&queue.Job{Route: c.route, ReturnPath: c.from, Domain: c.domain})
		got := "mx"
		if err != nil {
			got = "error"
		} else if relay != nil {
			got = relay.Name
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if err := r.CheckRoute(c.route); (err != nil) != (c.want == "error") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// gate is an exchanger that wants a login.
type gate struct{ *exchanger }

func (g gate) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	s, _ := g.exchanger.NewSession(c)
	return gated{s.(*session)}, nil
}

type gated struct{ *session }

func (gated) AuthMechanisms() []string { return []string{"PLAIN"} }

func (gated) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "me" || password != "right" {
			return &gosmtp.SMTPError{Code: 535, EnhancedCode: gosmtp.EnhancedCode{5, 7, 8}, Message: "no"}
		}
		return nil
	}), nil
}

// serveGate starts one with a certificate, and returns where it is.
func serveGate(t *testing.T, cert *tls.Certificate, implicit bool) (*exchanger, string) {
	t.Helper()
	x := &exchanger{}
	s := gosmtp.NewServer(gate{x})
	s.Domain, s.ErrorLog = "relay.example", quiet{}
	l := listen(t)
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	if implicit {
		l = tls.NewListener(l, s.TLSConfig)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return x, fmt.Sprintf("relay.example:%d", l.Addr().(*net.TCPAddr).Port)
}

func secret(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRelay: the certificate is that of the relay's name, and what is wrong with the login is never the
// message's fault.
func TestRelay(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, wrong := ca.issue(t, "relay.example", time.Hour), ca.issue(t, "other.example", time.Hour)
	open := secret(t, "right\n")
	os.Chmod(open, 0o644)
	for _, c := range []struct {
		name     string
		cert     *tls.Certificate
		implicit bool
		password string
		want     string
		text     string
	}{
		{"starttls", &good, false, secret(t, "right\n"), "250 2.0.0", ""},
		{"implicit", &good, true, secret(t, "right"), "250 2.0.0", ""},
		{"wrong name", &wrong, false, secret(t, "right\n"), "0 4.7.5", "not good for the relay"},
		{"wrong name, implicit", &wrong, true, secret(t, "right\n"), "0 4.7.5", "not good for the relay"},
		{"wrong password", &good, false, secret(t, "wrong\n"), "0 4.7.8", "no login at relay hub, which its operator must mend: 535"},
		{"no password", &good, false, "/nowhere/secret", "0 4.7.8", "no such file"},
		{"password for all to see", &good, false, open, "0 4.7.8", "chmod 600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x, place := serveGate(t, c.cert, c.implicit)
			l := newLab(t)
			l.zone(t, "relay.example. A 127.0.0.1")
			w := new(watcher).watch(l.Remote)
			l.Roots = ca.pool()
			l.Relays = []*Relay{{Name: "hub", Host: place, Implicit: c.implicit, Login: "me", Password: c.password, For: []string{"*"}}}
			statuses, codes := l.send(t, "a@saigon.example")
			if codes != c.want || !strings.Contains(statuses[0].Text, c.text) || len(x.received()) == 1 != (c.text == "") || x.dialogue > 0 && !x.isSecure(c.text == "") {
				t.Errorf("%v", statuses)
			}
			if e := w.events[0]; strings.Contains(e.Dialogue, "AG1lAH") || e.Policy != "relay" {
				t.Errorf("a secret in the journey, or the policy %q:\n%s", e.Policy, e.Dialogue)
			}
			if len(w.outcomes) != 0 {
				t.Errorf("reports are about domains, not relays: %+v", w.outcomes)
			}
		})
	}
}

// isSecure reports that a message, if there should be one, came over TLS.
func (x *exchanger) isSecure(wanted bool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.secure || !wanted
}

func TestRelayIsNotTrustedToJudgeByItsGreeting(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Relays = []*Relay{{Name: "hub", Host: fmt.Sprintf("127.0.0.1:%d", serveScript(t, "554 5.7.1 you are blocked")), Clear: true, For: []string{"*"}}}
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "554 4.7.1" {
		t.Errorf("%v", statuses)
	}
}

// TestLMTP: each recipient has its own reply, over TCP and over a socket.
func TestLMTP(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp", "unix"} {
		x := &exchanger{refuse: map[string]*gosmtp.SMTPError{}}
		s := gosmtp.NewServer(x)
		s.Domain, s.ErrorLog, s.LMTP = "store.example", quiet{}, true
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "lmtp")
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		go s.Serve(listener)
		t.Cleanup(func() { s.Close() })
		x.refuse["b@saigon.example"] = &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "unknown"}
		l := newLab(t)
		l.Relays = []*Relay{{Name: "store", Host: "lmtp://" + listener.Addr().String(), Clear: true, For: []string{"saigon.example"}}}
		statuses, codes := l.send(t, "a@saigon.example", "b@saigon.example", "c@saigon.example")
		if codes != "250 2.0.0, 550 5.1.1, 250 2.0.0" || len(x.received()) != 1 {
			t.Errorf("%s: %v", network, statuses)
		}
	}
}

// provider is a token endpoint.
type provider struct {
	*httptest.Server
	asked   int
	refresh string // the one that is good
	next    string // what takes its place
	expires int
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{refresh: "r1", expires: 3600}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked++
		if r.FormValue("refresh_token") != p.refresh || r.FormValue("client_id") != "tem" || r.FormValue("client_secret") != "s" || r.FormValue("grant_type") != "refresh_token" {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": "revoked"})
			return
		}
		if p.next != "" {
			p.refresh = p.next
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("a", p.asked), "expires_in": p.expires, "refresh_token": p.next})
	}))
	t.Cleanup(p.Close)
	return p
}

func TestToken(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	token := &Token{URL: p.URL, ClientID: "tem", SecretFile: secret(t, "s"), RefreshFile: secret(t, "r1\n")}
	get := func(want string) {
		t.Helper()
		if got, err := token.Get(t.Context()); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	get("a1")
	get("a1")
	token.Forget(token.value)
	p.next, p.expires = "r2", 30 // which ends too soon to be kept
	get("a2")
	get("a3")
	if kept, err := ReadSecret(token.RefreshFile); err != nil || kept != "r2" {
		t.Errorf("the new refresh token was not kept: %q, %v", kept, err)
	}
	p.refresh = "other"
	if _, err := token.Get(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_grant") || strings.Contains(err.Error(), "r2") {
		t.Errorf("%v", err)
	}
	p.refresh = "r2"
	get(fmt.Sprint("a", p.asked+1)) // who answers at once is asked at once
	p.refresh, token.slow = "other", 1
	if _, err := token.Get(t.Context()); err == nil {
		t.Error("a token for a refresh token that is not good")
	}
	asked := p.asked
	if _, err := token.Get(t.Context()); err == nil || p.asked != asked {
		t.Errorf("who answers late was asked again at once: %v", err)
	}
	if err := os.WriteFile(token.RefreshFile, []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.expires = 3600
	get(fmt.Sprint("a", asked+1)) // with something else
	token.Forget(token.value)
	p.Close()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := token.Get(gone); err == nil || token.why != nil {
		t.Errorf("an attempt that was broken off keeps others from asking: %v", token.why)
	}
}

// TestRelayByToken fetches a token, uses it, and forgets one that is refused.
func TestRelayByToken(t *testing.T) {
	t.Parallel()
	const script = "220 hub\nC: EHLO\n250-hub\n250 AUTH XOAUTH2\nC: AUTH XOAUTH2\n"
	for answer, want := range map[string]string{
		"235 2.7.0 welcome\nC: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\nC: QUIT\n221 bye": "250 2.0.0",
		"334 e30=\n535 5.7.8 expired\nC: QUIT\n221 bye":                                                                "0 4.7.8",
	} {
		p := newProvider(t)
		token := &Token{URL: p.URL, ClientID: "tem", SecretFile: secret(t, "s"), RefreshFile: secret(t, "r1\n")}
		l := newLab(t)
		l.Relays = []*Relay{{Name: "hub", Host: fmt.Sprintf("127.0.0.1:%d", serveScript(t, script+answer)), Clear: true, Login: "me", Token: token, For: []string{"*"}}}
		statuses, codes := l.send(t, "a@saigon.example")
		if codes != want || p.asked != 1 || (token.value == "") != (want == "0 4.7.8") {
			t.Errorf("%v, asked %d times, kept %q", statuses, p.asked, token.value)
		}
	}
}

// TestTokenIsRenewed: a token from before that is refused is renewed at once, on the same connection, but once only.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	const script = "220 hub\nC: EHLO\n250-hub\n250 AUTH XOAUTH2\nC: AUTH XOAUTH2\n334 e30=\n535 5.7.8 expired\nC: AUTH XOAUTH2\n"
	for answer, want := range map[string]string{
		"235 2.7.0 welcome\nC: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\nC: QUIT\n221 bye": "250 2.0.0",
		"334 e30=\n535 5.7.8 expired\nC: QUIT\n221 bye":                                                                "0 4.7.8",
	} {
		p := newProvider(t)
		token := &Token{URL: p.URL, ClientID: "tem", SecretFile: secret(t, "s"), RefreshFile: secret(t, "r1\n"), value: "before", until: time.Now().Add(time.Hour)}
		l := newLab(t)
		l.Relays = []*Relay{{Name: "hub", Host: fmt.Sprintf("127.0.0.1:%d", serveScript(t, script+answer)), Clear: true, Login: "me", Token: token, For: []string{"*"}}}
		statuses, codes := l.send(t, "a@saigon.example")
		if codes != want || p.asked != 1 {
			t.Errorf("%v, asked %d times", statuses, p.asked)
		}
	}
}

// TestTokenIsRefusedToMany: attempts that were begun with the same token have it renewed once.
func TestTokenIsRefusedToMany(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	token := &Token{URL: p.URL, ClientID: "tem", SecretFile: secret(t, "s"), RefreshFile: secret(t, "r1\n"), value: "before", until: time.Now().Add(time.Hour)}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			token.Forget("before")
			if value, err := token.Get(t.Context()); err != nil || value != "a1" {
				t.Errorf("%q, %v", value, err)
			}
		})
	}
	wg.Wait()
	token.Forget("a1")
	if value, err := token.Get(t.Context()); err != nil || value != "a2" || p.asked != 2 {
		t.Errorf("%q, %v; asked %d times", value, err, p.asked)
	}
}

// TestTokenIsMissed: what a new refresh token would mend is told from what time may mend, and no secret is.
func TestTokenIsMissed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		codes  string
		text   string
	}{
		"refused":   {400, `{"error":"invalid_grant","error_description":"r1 is not good with s3cret"}`, "0 4.7.8", `"invalid_grant" "‹secret› is not good with ‹secret›"`},
		"trouble":   {503, "x", "0 4.7.0", "no token for relay hub for now"},
		"too often": {429, `{"error":"slow_down"}`, "0 4.7.0", "slow_down"},
		"elsewhere": {302, "x", "0 4.7.8", "302 Found"},
		"nonsense":  {200, "x", "0 4.7.8", "no token: the answer is 200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			}))
			t.Cleanup(p.Close)
			l := newLab(t)
			token := &Token{URL: p.URL, ClientID: "tem", SecretFile: secret(t, "s3cret"), RefreshFile: secret(t, "r1\n")}
			l.Relays = []*Relay{{Name: "hub", Host: fmt.Sprintf("127.0.0.1:%d", serveScript(t, "220 hub\nC: EHLO\n250-hub\n250 AUTH XOAUTH2\nC: QUIT\n221 bye")), Clear: true, Login: "me", Token: token, For: []string{"*"}}}
			if statuses, codes := l.send(t, "a@saigon.example"); codes != c.codes || !strings.Contains(statuses[0].Text, c.text) {
				t.Errorf("%v", statuses)
			}
		})
	}
}
