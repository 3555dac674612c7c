package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Token gets access tokens with a refresh token (RFC 6749 §6), and keeps each
// until shortly before it ends.
type Token struct {
	URL         string // of the provider's token endpoint
	ClientID    string
	SecretFile  string         // "": the client has none
	RefreshFile string         // written anew when the provider changes the token
	Roots       *x509.CertPool // that the endpoint is verified by; nil: those of the system

	mu    sync.Mutex
	value string
	until time.Time
	why   error         // there is none
	again time.Time     // when one is asked for again after that
	asked string        // what was asked then
	slow  time.Duration // 0: tokenSlow
}

const (
	tokenTimeout = 30 * time.Second
	tokenMargin  = time.Minute      // before its end, in which a token is not begun with
	tokenLife    = 10 * time.Minute // of one whose end is not told
	tokenSlow    = time.Second
	tokenPause   = 30 * time.Second // after a failure that took longer than tokenSlow, so that not every attempt waits for a provider that is silent
	maxAnswer    = 64 << 10
)

// tokenDown is why an endpoint could not be asked, or had trouble of its own:
// nothing that a new refresh token would mend.
type tokenDown struct{ error }

func (e *tokenDown) Unwrap() error { return e.error }

// Get returns a token that is good for now; the error is a *tokenDown if time may mend it.
func (t *Token) Get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.good() {
		return t.value, nil
	}
	form, err := t.form()
	if err != nil {
		return "", err
	}
	if t.why != nil && t.asked == form.Encode() && time.Now().Before(t.again) {
		return "", t.why
	}
	begins := time.Now()
	value, err := t.fetch(ctx, form)
	if t.why, t.asked = err, form.Encode(); ctx.Err() != nil {
		t.why = nil // it is the attempt that was broken off
	}
	if t.again = time.Now(); t.again.Sub(begins) > cmp.Or(t.slow, tokenSlow) {
		t.again = t.again.Add(tokenPause)
	}
	return value, err
}

// fetch asks the provider.
func (t *Token) fetch(ctx context.Context, form url.Values) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	a, err := t.ask(ctx, form)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.URL, err)
	}
	if a.Refresh != "" && a.Refresh != form.Get("refresh_token") {
		if err := t.keep(a.Refresh); err != nil {
			return "", err
		}
	}
	life := tokenLife
	if a.Expires > 0 {
		life = time.Duration(min(a.Expires, 1<<24)) * time.Second
	}
	t.value, t.until = a.Access, time.Now().Add(life-tokenMargin)
	return t.value, nil
}

// kept says whether Get has a token from before.
func (t *Token) kept() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.good()
}

func (t *Token) good() bool { return t.value != "" && time.Now().Before(t.until) }

// Forget drops a token that a server refused. Another one that has come
// meanwhile stays: attempts that began with the old one have it renewed once.
func (t *Token) Forget(refused string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == refused {
		t.value = ""
	}
}

// form is what the provider is asked with.
func (t *Token) form() (url.Values, error) {
	refresh, err := ReadSecret(t.RefreshFile)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {t.ClientID}}
	if t.SecretFile != "" {
		secret, err := ReadSecret(t.SecretFile)
		if err != nil {
			return nil, err
		}
		form.Set("client_secret", secret)
	}
	return form, nil
}

// answer is a provider's (RFC 6749 §5.1, §5.2).
type answer struct {
	Access  string `json:"access_token"`
	Expires int64  `json:"expires_in"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
	Why     string `json:"error_description"`
}

func (t *Token) ask(ctx context.Context, form url.Values) (a answer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	reply, err := t.client().Do(request)
	if err != nil {
		return a, &tokenDown{errors.Unwrap(err)} // without what a URL may hold
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(io.LimitReader(reply.Body, maxAnswer))
	if err != nil {
		return a, &tokenDown{err}
	}
	bad := json.Unmarshal(text, &a)
	switch {
	case a.Error != "":
		hide := strings.NewReplacer(form.Get("refresh_token"), "‹secret›", cmp.Or(form.Get("client_secret"), form.Get("refresh_token")), "‹secret›")
		err = fmt.Errorf("no token: %.100q %.300q", hide.Replace(a.Error), hide.Replace(a.Why))
	case reply.StatusCode != http.StatusOK || bad != nil || a.Access == "":
		err = fmt.Errorf("no token: the answer is %s", reply.Status)
	}
	if err != nil && (reply.StatusCode >= 500 || reply.StatusCode == http.StatusTooManyRequests) {
		err = &tokenDown{err}
	}
	return a, err
}

// client follows nobody elsewhere, who would be given the secrets.
func (t *Token) client() *http.Client {
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if t.Roots != nil {
		c.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: t.Roots}, DisableKeepAlives: true}
	}
	return c
}

// keep writes a new refresh token down: the old one may be void.
func (t *Token) keep(refresh string) error {
	temporary := t.RefreshFile + ".new"
	err := os.WriteFile(temporary, []byte(refresh+"\n"), 0o600)
	if err == nil {
		err = os.Rename(temporary, t.RefreshFile)
	}
	if err != nil {
		return fmt.Errorf("keep the new refresh token: %w", err)
	}
	return nil
}
