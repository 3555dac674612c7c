package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// bearer is who may log in at a sink, by a token that its provider gave.
type bearer struct {
	login string

	mu       sync.Mutex
	words    string   // the mechanism that is offered
	good     string   // the token that is taken
	payloads []string // what clients said, in base64
}

func (b *bearer) mechanism() string { b.mu.Lock(); defer b.mu.Unlock(); return b.words }

// takes sets the mechanism and the token that is good from now on.
func (b *bearer) takes(mechanism, token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.words, b.good = mechanism, token
}

// knows reads what a client says: XOAUTH2 as Google and Microsoft document it, OAUTHBEARER by RFC 7628 §3.1.
func (b *bearer) knows(mechanism, payload string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payloads = append(b.payloads, payload)
	text, err := base64.StdEncoding.DecodeString(payload)
	if err != nil || mechanism != b.words {
		return false
	}
	parts := strings.Split(string(text), "\x01")
	who := "user=" + b.login
	if mechanism == "OAUTHBEARER" {
		who = "n,a=" + b.login + ","
	}
	return parts[0] == who && slices.Contains(parts, "auth=Bearer "+b.good)
}

// said is what clients said, to be looked for where it must not be.
func (b *bearer) said() []string { b.mu.Lock(); defer b.mu.Unlock(); return slices.Clone(b.payloads) }

// token takes a login by token.
func (x *sinkSession) token(line string) bool {
	words := strings.Fields(line)
	if len(words) < 3 {
		return x.say(line, "501 5.5.4 the token is expected with the command")
	}
	if x.bearer.knows(words[1], words[2]) {
		x.m.loggedIn = true
		return x.say(line, "235 2.7.0 welcome")
	}
	challenge := base64.StdEncoding.EncodeToString([]byte(`{"status":"401"}`))
	if _, err := io.WriteString(x.Conn, "334 "+challenge+"\r\n"); err != nil {
		return false
	}
	if _, err := x.in.ReadString('\n'); err != nil {
		return false
	}
	return x.say(line, "535 5.7.8 the token is not good")
}

// tokenServer is a provider's token endpoint. Each answer is a new token: access-secret-1, -2, …
type tokenServer struct {
	*httptest.Server

	mu      sync.Mutex
	asked   int
	refresh string // the refresh token that is good
	next    string // what takes its place; "": nothing does
	expires int    // seconds that a token is good for
	down    bool
}

func newTokenServer(t *testing.T, ca *authority) *tokenServer {
	t.Helper()
	p := &tokenServer{refresh: "refresh-secret-1", expires: 3600}
	p.Server = httptest.NewUnstartedServer(p)
	p.TLS = ca.issue(t, "localhost")
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// set changes what the endpoint does.
func (p *tokenServer) set(change func()) { p.mu.Lock(); defer p.mu.Unlock(); change() }

func (p *tokenServer) count() int { p.mu.Lock(); defer p.mu.Unlock(); return p.asked }

func (p *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := r.FormValue("refresh_token")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case p.down:
		http.Error(w, "in trouble", http.StatusServiceUnavailable)
	case r.Method != http.MethodPost || r.FormValue("grant_type") != "refresh_token" || r.FormValue("client_id") != "tem" || r.FormValue("client_secret") != "client-secret":
		w.WriteHeader(http.StatusUnauthorized)
		json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client"})
	case got != p.refresh:
		w.WriteHeader(http.StatusBadRequest) // RFC 6749 §5.2, and it repeats what it was told
		json.NewEncoder(w).Encode(map[string]string{"error": "invalid_grant", "error_description": "the token " + got + " is revoked"})
	default:
		p.asked++
		answer := map[string]any{"access_token": fmt.Sprint("access-secret-", p.asked), "token_type": "Bearer", "expires_in": p.expires}
		if p.next != "" {
			p.refresh, answer["refresh_token"] = p.next, p.next
		}
		json.NewEncoder(w).Encode(answer)
	}
}

// secretFile is a file that nobody else may read.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(name, []byte(text+"\n"), 0o600))
	return name
}

// tokenRelay is a server whose mail leaves by a relay that takes tokens.
type tokenRelay struct {
	*post
	relay    *sink
	provider *tokenServer
	refresh  string // file with the refresh token
}

// newTokenRelay is one that logs all it can.
func newTokenRelay(t *testing.T) *tokenRelay {
	t.Helper()
	ca := newAuthority(t)
	r := &tokenRelay{provider: newTokenServer(t, ca), refresh: secretFile(t, "refresh-secret-1")}
	r.relay = newSink(t, "localhost", func(s *sink) {
		s.tls, s.bearer = ca.issue(t, s.name), &bearer{login: "shop@provider.example"}
		s.offers = append(s.offers, "LIMITS MAILMAX=1") // a login for each message
	})
	r.post = newPost(t, newNames(t, "localhost. A 127.0.0.1"), nil, fmt.Sprintf(`roots = %q
[[outbound.relay]]
name = "provider"
host = "localhost:%d"
login = "shop@provider.example"
oauth = { token_url = "https://localhost:%d/token", client_id = "tem", client_secret_file = %q, refresh_token_file = %q }
for = ["*"]
`, ca.file, r.relay.port, port(r.provider.Listener), secretFile(t, "client-secret"), r.refresh), "[log]\nlevel = \"debug\"\n")
	r.stop(t)
	r.flags = []string{"--trace"}
	r.start(t)
	return r
}

// TestRelayByToken sends through a provider that takes tokens only: they are got,
// renewed, and missed with an answer that says whose move it is.
func TestRelayByToken(t *testing.T) {
	t.Parallel()
	r := newTokenRelay(t)
	letter := func(name, state, cause, party string, asked int) answer {
		t.Helper()
		r.writes(t, name, "", name+"@anywhere.example")
		j := r.becomes(t, name+"@anywhere.example", state, cause, party)
		if n := r.provider.count(); n != asked {
			t.Errorf("%s: %d tokens were given, want %d", name, n, asked)
		}
		return j.Answers[0]
	}
	r.relay.bearer.takes("XOAUTH2", "access-secret-1")
	letter("first", "delivered", "", "other-operator", 1)
	letter("again", "delivered", "", "other-operator", 1)

	// A token that is refused before its end is renewed at once; the next one
	// ends so soon that each letter needs another.
	r.provider.set(func() { r.provider.expires, r.provider.next = 30, "refresh-secret-2" })
	r.relay.bearer.takes("OAUTHBEARER", "access-secret-2")
	letter("revoked", "delivered", "", "other-operator", 2)
	r.relay.bearer.takes("OAUTHBEARER", "access-secret-3")
	letter("ended", "delivered", "", "other-operator", 3)
	kept, err := os.ReadFile(r.refresh)
	must(t, err)
	has(t, "the new refresh token", string(kept), "refresh-secret-2")

	r.provider.set(func() { r.provider.down = true })
	has(t, "the provider is down", letter("down", "waiting", "token", "wait", 3).Reply, "no token for relay provider for now", "503")
	r.provider.set(func() { r.provider.down, r.provider.refresh = false, "refresh-secret-3" })
	a := letter("refused", "waiting", "relay-login", "operator", 3)
	has(t, "the provider refuses", a.Reply, "no login at relay provider, which its operator must mend", "invalid_grant", "the token ‹secret› is revoked")
	has(t, "what to do", a.Next, "refresh token")
	must(t, os.WriteFile(r.refresh, []byte("refresh-secret-3\n"), 0o600))
	r.provider.set(func() { r.provider.next = "" })
	r.relay.bearer.takes("XOAUTH2", "none of them")
	has(t, "the relay refuses", letter("wrong", "waiting", "relay-login", "operator", 4).Reply, "535 5.7.8 the token is not good")
	r.sendsAll(t)
	r.tellsNoSecret(t)
}

// sendsAll has what waits go, now that all is well.
func (r *tokenRelay) sendsAll(t *testing.T) {
	t.Helper()
	r.provider.set(func() { r.provider.expires = 3600 })
	r.relay.bearer.takes("XOAUTH2", "access-secret-5")
	r.do(t, "queue", "retry", "--all")
	for _, m := range r.relay.await(t, 7) {
		if !m.tls || !m.loggedIn {
			t.Errorf("TLS %t, login %t", m.tls, m.loggedIn)
		}
	}
	for _, name := range []string{"down", "refused", "wrong"} {
		r.becomes(t, name+"@anywhere.example", "delivered", "", "other-operator")
	}
	r.emptied(t) // the journey knows first
}

// tellsNoSecret looks through everything that the server told.
func (r *tokenRelay) tellsNoSecret(t *testing.T) {
	t.Helper()
	told := r.log.String()
	has(t, "the trace", told, "AUTH XOAUTH2 ‹secret›")
	for _, name := range []string{"first", "revoked", "refused", "wrong"} {
		told += r.do(t, "journey", name+"@anywhere.example", "--dialogue") + r.do(t, "journey", name+"@anywhere.example", "--json")
	}
	for _, secret := range append(r.relay.bearer.said(), "access-secret", "refresh-secret", "client-secret") {
		if strings.Contains(told, secret) {
			t.Errorf("%q was told", secret)
		}
	}
}
