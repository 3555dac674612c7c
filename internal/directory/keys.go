package directory

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"tem/internal/address"
	"tem/internal/kv"
)

// KeyState says what a key that signs for a domain is for now. A new key is
// published first, then signs, and stays published after that until what it has
// signed is delivered (RFC 6376 §3.1).
type KeyState string

// The states of a key.
const (
	KeyNext    KeyState = "next"    // to be published; does not sign yet
	KeyActive  KeyState = "active"  // signs
	KeyRetired KeyState = "retired" // signs no more; still published
)

// The algorithms of keys, as the k= of a record names them (RFC 6376 §3.6.1, RFC 8463 §4.1).
const (
	RSA     = "rsa"
	Ed25519 = "ed25519"
)

// SigningKey is a private key that signs the mail of a domain. Printed, it
// does not show it.
type SigningKey struct {
	Domain    string        // d=
	Selector  string        // s=
	Algorithm string        // RSA or Ed25519
	Private   crypto.Signer `json:"-"`
	Created   time.Time
	State     KeyState
}

// String keeps the secret out of whatever is printed by accident.
func (k SigningKey) String() string {
	return fmt.Sprintf("[%s key %s._domainkey.%s, %s]", k.Algorithm, k.Selector, k.Domain, k.State)
}

// GoString is for %#v.
func (k SigningKey) GoString() string { return k.String() }

// Key is what anybody may know of a key.
type Key struct {
	Domain    string
	Selector  string
	Algorithm string
	State     KeyState
	Created   time.Time
	Changed   time.Time // when it came into its state
	Public    []byte    // what p= of its record has in base64
}

// NewKey is a key to be added. Without a Selector it gets one that says when
// and what it is.
type NewKey struct {
	Selector string
	Private  crypto.Signer
	State    KeyState
}

// String keeps the secret out of whatever is printed by accident.
func (k NewKey) String() string { return fmt.Sprintf("[new key %s, %s]", k.Selector, k.State) }

// GoString is for %#v.
func (k NewKey) GoString() string { return k.String() }

// maxKeys bounds the keys of one domain.
const maxKeys = 20

// SigningKeys returns the keys that sign what comes from a domain: the active
// ones of it or, if it has none, of the closest domain above it that is ours
// and has some; none if there is no such domain. The list must not be changed.
func (d *Directory) SigningKeys(ctx context.Context, domain string) (keys []SigningKey, err error) {
	err = d.look(ctx, func(x *index) error {
		keys, err = x.signingKeys(domain)
		return err
	})
	return keys, err
}

func (x *index) signingKeys(domain string) ([]SigningKey, error) {
	for name := domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		set, ok := x.keys[name]
		if !ok || !x.isLocal(name) {
			continue
		}
		if keys, err := set.active(); err != nil || len(keys) > 0 {
			return keys, err
		}
	}
	return nil, nil
}

// Keys lists the keys of exactly this domain, the oldest first.
func (d *Directory) Keys(ctx context.Context, domain string) (keys []Key, err error) {
	name, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	err = d.look(ctx, func(x *index) error {
		if !x.isLocal(name) {
			return noDomain(name)
		}
		for _, k := range x.keys[name].rows {
			keys = append(keys, k.key())
		}
		return nil
	})
	slices.SortStableFunc(keys, func(a, b Key) int { return a.Created.Compare(b.Created) })
	return keys, err
}

func noDomain(name string) error {
	return problemf(ErrNotFound, "domain %s: no such domain here", name)
}

// AddKeys gives a domain of ours more keys, in one commit.
func (d *Directory) AddKeys(ctx context.Context, domain string, keys ...NewKey) (added []Key, err error) {
	name, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		if !x.isLocal(name) {
			return noDomain(name)
		}
		added, err = x.addKeys(b, name, keys, d.now())
		return err
	})
	return added, err
}

func (x *index) addKeys(b *kv.Batch, domain string, keys []NewKey, now time.Time) ([]Key, error) {
	taken := map[string]bool{}
	for _, k := range x.keys[domain].rows {
		taken[k.Selector] = true
	}
	if len(taken)+len(keys) > maxKeys {
		return nil, problemf(ErrInvalid, "domain %s: more than %d keys; remove some that are retired", domain, maxKeys)
	}
	var added []Key
	for _, n := range keys {
		k, err := newKeyRow(domain, n, now)
		if err != nil {
			return nil, err
		}
		if k.Selector == "" {
			k.Selector = freeSelector(taken, k.Algorithm, now)
		}
		if taken[k.Selector] {
			return nil, problemf(ErrExists, "domain %s already has a key with the selector %s", domain, k.Selector)
		}
		taken[k.Selector] = true
		b.Set(kv.Directory, k.rowKey(), k.encode())
		added = append(added, k.key())
	}
	return added, nil
}

// freeSelector is such as tem-202611-rsa, tem-202611b-rsa: one that is not taken.
func freeSelector(taken map[string]bool, algorithm string, now time.Time) string {
	for letter := 'a'; ; letter++ {
		s := "tem-" + now.UTC().Format("200601") + string(letter) + "-" + algorithm
		if letter == 'a' {
			s = "tem-" + now.UTC().Format("200601") + "-" + algorithm
		}
		if !taken[s] {
			return s // maxKeys is below the number of letters
		}
	}
}

// checkSelector takes what can stand before ._domainkey (RFC 6376 §3.1): labels with dots between.
func checkSelector(s string) (string, error) {
	name, err := address.Domain(s)
	if err != nil || name == "" || name[0] == '[' || len(name) > 63 {
		return "", problemf(ErrInvalid, "%q is no selector: letters, digits, - and . are, at most 63", s)
	}
	return name, nil
}

// ActivateKeys makes keys of a domain sign: those with the selectors, or all
// that are next if there is none. Keys of the same algorithms that signed until
// then are retired. It returns the keys that changed.
func (d *Directory) ActivateKeys(ctx context.Context, domain string, selectors ...string) ([]Key, error) {
	return d.changeKeys(ctx, domain, func(set keySet) (map[string]KeyState, error) {
		if len(selectors) == 0 {
			for _, k := range set.rows {
				if k.State == KeyNext {
					selectors = append(selectors, k.Selector)
				}
			}
		}
		if len(selectors) == 0 {
			return nil, problemf(ErrInvalid, "domain %s: no key is waiting to be activated; make one first", domain)
		}
		return set.activate(domain, selectors)
	})
}

// activate is the states that change when these keys sign instead of others.
func (s keySet) activate(domain string, selectors []string) (map[string]KeyState, error) {
	states, algorithms := map[string]KeyState{}, map[string]bool{}
	for _, name := range selectors {
		k, err := s.find(domain, name)
		if err != nil {
			return nil, err
		}
		states[k.Selector], algorithms[k.Algorithm] = KeyActive, true
	}
	for _, k := range s.rows {
		if k.State == KeyActive && algorithms[k.Algorithm] && states[k.Selector] == "" {
			states[k.Selector] = KeyRetired
		}
	}
	return states, nil
}

// RetireKey makes a key sign no more.
func (d *Directory) RetireKey(ctx context.Context, domain, selector string) ([]Key, error) {
	return d.changeKeys(ctx, domain, func(set keySet) (map[string]KeyState, error) {
		k, err := set.find(domain, selector)
		if err != nil {
			return nil, err
		}
		return map[string]KeyState{k.Selector: KeyRetired}, nil
	})
}

// changeKeys gives keys of a domain the states that choose says, and returns those that had another.
func (d *Directory) changeKeys(ctx context.Context, domain string, choose func(keySet) (map[string]KeyState, error)) (changed []Key, err error) {
	name, err := domainName(domain)
	if err != nil {
		return nil, err
	}
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		if !x.isLocal(name) {
			return noDomain(name)
		}
		set := x.keys[name]
		states, err := choose(set)
		if err != nil {
			return err
		}
		changed = nil
		for _, k := range set.rows {
			if state, ok := states[k.Selector]; ok && state != k.State {
				next := k.in(state, d.now())
				b.Set(kv.Directory, next.rowKey(), next.encode())
				changed = append(changed, next.key())
			}
		}
		return nil
	})
	return changed, err
}

// RemoveKey forgets a key for good; one that signs is refused.
func (d *Directory) RemoveKey(ctx context.Context, domain, selector string) (gone Key, err error) {
	name, err := domainName(domain)
	if err != nil {
		return gone, err
	}
	err = d.change(ctx, func(x *index, b *kv.Batch) error {
		k, err := x.keys[name].find(name, selector)
		if err != nil {
			return err
		}
		if gone = k.key(); k.State == KeyActive {
			return problemf(ErrInvalid, "domain %s: the key %s signs mail now: activate another, or retire it, first", name, selector)
		}
		b.Delete(kv.Directory, k.rowKey())
		return nil
	})
	return gone, err
}

// PrivateKey returns a key with its secret, whatever its state: for a file that
// an administrator asked for.
func (d *Directory) PrivateKey(ctx context.Context, domain, selector string) (key SigningKey, err error) {
	name, err := domainName(domain)
	if err != nil {
		return key, err
	}
	err = d.look(ctx, func(x *index) error {
		k, err := x.keys[name].find(name, selector)
		if err != nil {
			return err
		}
		key, err = k.signing()
		return err
	})
	return key, err
}
