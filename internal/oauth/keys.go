package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	fresh        = time.Hour        // keys that are older are fetched again
	usable       = 24 * time.Hour   // keys that could not be fetched again for so long are not used any more
	pause        = 30 * time.Second // between two attempts, whatever tokens ask for
	fetchTimeout = 5 * time.Second
	maxSet       = 1 << 20 // octets of a key set
	maxKeys      = 100
)

// errUnavailable says that there are no keys to judge by.
var errUnavailable = errors.New("oauth: the issuer's keys can't be had now")

// keys is the issuer's key set as it was last read.
type keys struct {
	source   string
	read     func(context.Context) ([]byte, error)
	log      *slog.Logger
	fetching chan struct{} // holds a token while one login fetches

	mu    sync.Mutex // guards the rest; never held across I/O
	set   []jose.JSONWebKey
	at    time.Time // of the last success
	tried time.Time // of the last attempt
}

func newKeys(o Options) (*keys, error) {
	k := &keys{source: o.Keys, log: o.Log, fetching: make(chan struct{}, 1)}
	if strings.Contains(o.Keys, "://") {
		if !strings.HasPrefix(o.Keys, "https://") {
			return nil, fmt.Errorf("oauth.keys = %q: it must be a file or an https URL", o.Keys)
		}
		k.read = fetcher(o)
		return k, nil
	}
	k.read = func(context.Context) ([]byte, error) { return readFile(o.Keys) }
	return k, k.refresh(context.Background())
}

// candidates are the keys that a token with this header may be signed with.
func (k *keys) candidates(ctx context.Context, h jose.Header) ([]jose.JSONWebKey, error) {
	found, state := k.find(h)
	if state == current {
		return found, nil
	}
	if err := k.renew(ctx, state == missing); err != nil {
		return nil, err
	}
	found, state = k.find(h)
	if len(found) == 0 && state != expired {
		return nil, nil // there is no such key
	}
	if state == expired {
		return nil, errUnavailable
	}
	return found, nil
}

// state says whether what was found can be used as it is.
type state uint8

const (
	current state = iota
	stale         // it can, but should be renewed
	missing       // no key fits: there may be new ones
	expired       // the set is too old, or there is none
)

func (k *keys) find(h jose.Header) (found []jose.JSONWebKey, s state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.set {
		if (h.KeyID == "" || key.KeyID == h.KeyID) && (key.Algorithm == "" || key.Algorithm == h.Algorithm) {
			found = append(found, key)
		}
	}
	switch age := time.Since(k.at); {
	case k.at.IsZero() || age >= usable:
		return nil, expired
	case len(found) == 0:
		return nil, missing
	case age >= fresh:
		return found, stale
	}
	return found, current
}

// renew reads the set again, unless that was tried a moment ago. One login at a
// time does; others wait for it only if they need what it brings.
func (k *keys) renew(ctx context.Context, needed bool) error {
	select {
	case k.fetching <- struct{}{}:
	default:
		if !needed && !k.empty() {
			return nil
		}
		select {
		case k.fetching <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	defer func() { <-k.fetching }()
	if !k.due() {
		return nil
	}
	if err := k.refresh(ctx); err != nil {
		k.log.Warn("the keys for tokens were not read", "source", k.source, "err", err)
	}
	return nil
}

func (k *keys) empty() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at.IsZero() || time.Since(k.at) >= usable
}

func (k *keys) due() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.tried.IsZero() || time.Since(k.tried) >= pause
}

// refresh reads the set; what was known stays if it can't.
func (k *keys) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, err := k.read(ctx)
	var set []jose.JSONWebKey
	if err == nil {
		set, err = parseKeys(text)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = time.Now()
	if err != nil {
		return fmt.Errorf("read the key set %s: %w", k.source, err)
	}
	k.set, k.at = set, k.tried
	return nil
}

// parseKeys reads a JSON Web Key Set (RFC 7517 §5). Keys that are not public
// keys for signatures are left out, as are those of kinds that we do not know (§5).
func parseKeys(text []byte) ([]jose.JSONWebKey, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, at most %d are taken", len(raw.Keys), maxKeys)
	}
	var set []jose.JSONWebKey
	for _, r := range raw.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(r) == nil && (k.Use == "" || k.Use == "sig") && strong(k) {
			set = append(set, k.Public())
		}
	}
	if len(set) == 0 {
		return nil, errors.New("it has no public key for signatures")
	}
	return set, nil
}

// strong says whether the key is one for public signatures (RFC 7518 §3.3: RSA
// of at least 2048 bits).
func strong(k jose.JSONWebKey) bool {
	switch p := k.Public().Key.(type) {
	case *rsa.PublicKey:
		return p.N.BitLen() >= 2048 && p.N.BitLen() <= 16384
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded(f)
}

func bounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err == nil && len(text) > maxSet {
		return nil, fmt.Errorf("it is longer than %d octets", maxSet)
	}
	return text, err
}

// fetcher gets the set from its URL, which must not send us elsewhere.
func fetcher(o Options) func(context.Context) ([]byte, error) {
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return func(ctx context.Context) ([]byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Keys, nil)
		if err != nil {
			return nil, err
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("the server answered %s", answer.Status)
		}
		return bounded(answer.Body)
	}
}
