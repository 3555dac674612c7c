package oauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"tem/internal/sasl"
)

// byURL is a verifier with the keys of a loopback server.
func byURL(t *testing.T, answer http.HandlerFunc) *Verifier {
	t.Helper()
	web := httptest.NewTLSServer(answer)
	t.Cleanup(web.Close)
	v, err := New(Options{Issuer: issuer, Audience: audience, Keys: web.URL + "/keys", Client: web.Client()})
	must(t, err)
	return v
}

func TestKeysByURL(t *testing.T) {
	t.Parallel()
	ec := newEC(t)
	text := keySet(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "ec"})
	var fetched atomic.Int32
	v := byURL(t, func(w http.ResponseWriter, r *http.Request) {
		fetched.Add(1)
		w.Write(text)
	})
	if fetched.Load() != 0 {
		t.Error("fetched before there was a token")
	}
	for range 5 {
		login, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "ec", good(nil)))
		if err != nil || login != an {
			t.Fatalf("%q, %v", login, err)
		}
	}
	for range 5 { // nobody makes us ask again and again
		if _, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "other", good(nil))); sasl.Reason(err) != "signature" {
			t.Fatal(err)
		}
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("fetched %d times, want once", n)
	}
}

func TestServersThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	ec := newEC(t)
	text := keySet(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "ec"})
	for name, answer := range map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); w.Write(text) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				http.Redirect(w, r, "/other", http.StatusFound)
				return
			}
			w.Write(text)
		},
		"long":    func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, maxSet+1)) },
		"no keys": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) },
	} {
		v := byURL(t, answer)
		// An answer that we could not get is no wrong token.
		if _, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "ec", good(nil))); !errors.Is(err, errUnavailable) || errors.Is(err, sasl.ErrFailed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// provider is a source of keys in a synctest bubble.
type provider struct {
	text  []byte
	err   error
	delay time.Duration
	reads int
}

func (p *provider) read(ctx context.Context) ([]byte, error) {
	p.reads++
	text, err := p.text, p.err
	select {
	case <-time.After(p.delay):
		return text, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *provider) verifier() *Verifier {
	return &Verifier{
		o:    Options{Issuer: issuer, Audience: audience, Claim: "email"},
		keys: &keys{source: "test", read: p.read, log: slog.New(slog.DiscardHandler), fetching: make(chan struct{}, 1)},
	}
}

func TestKeysAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := newEC(t), newEC(t)
		p := &provider{text: keySet(t, jose.JSONWebKey{Key: first.Public(), KeyID: "1"})}
		v := p.verifier()
		expect := func(when string, key any, id string, want bool, reads int) {
			t.Helper()
			_, err := v.VerifyToken(t.Context(), token(t, jose.ES256, key, id, good(nil)))
			if (err == nil) != want || p.reads != reads {
				t.Errorf("%s: %v after %d reads, want %v after %d", when, err, p.reads, want, reads)
			}
		}
		expect("at first", first, "1", true, 1)
		p.text = keySet(t, jose.JSONWebKey{Key: second.Public(), KeyID: "2"})
		expect("a new key, at once", second, "2", false, 1)
		time.Sleep(pause)
		expect("a new key, after the pause", second, "2", true, 2)
		expect("the old key is gone", first, "1", false, 2)
		time.Sleep(fresh)
		p.err = errors.New("down")
		expect("the provider is down", second, "2", true, 3)
		expect("and is left alone", second, "2", true, 3)
		time.Sleep(usable - fresh - time.Second)
		expect("down for a day", second, "2", true, 4)
		time.Sleep(time.Second)
		expect("down for longer", second, "2", false, 4)
		time.Sleep(pause)
		expect("still", second, "2", false, 5)
		p.err = nil
		time.Sleep(pause)
		expect("up again", second, "2", true, 6)
	})
}

// Who has a key that is known does not wait for a provider that does not answer.
func TestASlowProviderHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ec := newEC(t)
		p := &provider{text: keySet(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "1"})}
		v := p.verifier()
		known, unknown := token(t, jose.ES256, ec, "1", good(claims{"exp": time.Now().Add(10 * time.Hour).Unix()})), token(t, jose.ES256, ec, "2", good(nil))
		_, err := v.VerifyToken(t.Context(), known)
		must(t, err)
		time.Sleep(fresh)
		p.delay = time.Hour
		began := time.Now()
		ended := make(chan error, 2)
		go func() { _, err := v.VerifyToken(t.Context(), unknown); ended <- err }()
		synctest.Wait()
		if _, err := v.VerifyToken(t.Context(), known); err != nil || time.Since(began) != 0 {
			t.Errorf("the known key: %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _, err := v.VerifyToken(ctx, unknown); ended <- err }()
		synctest.Wait()
		cancel() // a session that ends does not wait either
		if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(began) != 0 {
			t.Errorf("a session that ended: %v after %v", err, time.Since(began))
		}
		if err := <-ended; sasl.Reason(err) != "signature" || time.Since(began) != fetchTimeout {
			t.Errorf("the unknown key: %v after %v", err, time.Since(began))
		}
	})
}
