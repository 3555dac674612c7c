package directory

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/kv"
	"tem/internal/kv/memory"
)

// testRSA is one key for all tests: making one takes long.
var testRSA = sync.OnceValue(func() crypto.Signer { return made(RSA) })

func made(algorithm string) crypto.Signer {
	k, err := GenerateKey(algorithm)
	if err != nil {
		panic(err)
	}
	return k
}

// withKeys is a directory of hanoi.example with an RSA and an Ed25519 key, active.
func withKeys(t *testing.T) (*Directory, kv.Engine) {
	t.Helper()
	e := memory.New()
	d, err := Open(t.Context(), Options{KV: e, Now: func() time.Time { return time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	err = d.AddDomain(t.Context(), "hanoi.example",
		NewKey{Private: testRSA(), State: KeyActive}, NewKey{Private: made(Ed25519), State: KeyActive})
	if err != nil {
		t.Fatal(err)
	}
	return d, e
}

// signers is "domain selector" of what signs for a domain.
func signers(t *testing.T, d *Directory, domain string) (names []string) {
	t.Helper()
	keys, err := d.SigningKeys(t.Context(), domain)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.State != KeyActive || k.Private == nil {
			t.Errorf("SigningKeys(%s) has %v, want only active keys with their secret", domain, k)
		}
		names = append(names, k.Domain+" "+k.Selector)
	}
	return names
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	d, _ := withKeys(t)
	if err := d.AddDomain(t.Context(), "lab.hanoi.example"); err != nil {
		t.Fatal(err)
	}
	if err := d.AddDomain(t.Context(), "own.hanoi.example", NewKey{Selector: "X.One", Private: made(Ed25519), State: KeyActive}); err != nil {
		t.Fatal(err)
	}
	both := "hanoi.example tem-202611-ed25519, hanoi.example tem-202611-rsa"
	for domain, want := range map[string]string{
		"hanoi.example":         both,
		"mail.hanoi.example":    both,
		"a.b.hanoi.example":     both,
		"lab.hanoi.example":     both, // ours, without keys of its own
		"own.hanoi.example":     "own.hanoi.example x.one",
		"sub.own.hanoi.example": "own.hanoi.example x.one",
		"example":               "",
		"nothanoi.example":      "",
		"hue.example":           "",
		"":                      "",
	} {
		if got := strings.Join(signers(t, d, domain), ", "); got != want {
			t.Errorf("SigningKeys(%s) = %s, want %s", domain, got, want)
		}
	}
}

func TestSigningKeysAreParsedOnce(t *testing.T) {
	t.Parallel()
	d, e := withKeys(t)
	again, err := Open(t.Context(), Options{KV: e, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := again.SigningKeys(t.Context(), "hanoi.example")
	second, _ := again.SigningKeys(t.Context(), "hanoi.example")
	if len(first) != 2 || &first[0] != &second[0] {
		t.Fatal("the second call made another list")
	}
	if !first[1].Private.(*rsa.PrivateKey).Equal(testRSA()) {
		t.Error("the stored key is not the one that was added")
	}
	if changed, err := d.RetireKey(t.Context(), "hanoi.example", "Tem-202611-RSA"); err != nil || len(changed) != 1 { // names have no case
		t.Fatal(changed, err)
	}
	if got := signers(t, again, "hanoi.example"); len(got) != 1 {
		t.Errorf("after another process retired a key %v sign", got)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	d, _ := withKeys(t)
	ctx := t.Context()
	added, err := d.AddKeys(ctx, "hanoi.example", NewKey{Private: made(Ed25519), State: KeyNext})
	if err != nil || len(added) != 1 || added[0].Selector != "tem-202611b-ed25519" {
		t.Fatalf("AddKeys = %v, %v", added, err)
	}
	if got := signers(t, d, "hanoi.example"); len(got) != 2 || strings.Contains(got[0], "b-") {
		t.Errorf("a key that is next signs: %v", got)
	}
	if _, err := d.RemoveKey(ctx, "hanoi.example", "tem-202611-ed25519"); !errors.Is(err, ErrInvalid) {
		t.Errorf("removing a key that signs: %v", err)
	}
	changed, err := d.ActivateKeys(ctx, "hanoi.example")
	if err != nil || len(changed) != 2 {
		t.Fatalf("ActivateKeys = %v, %v; want the new one and the one that it replaces", changed, err)
	}
	want := "hanoi.example tem-202611-rsa, hanoi.example tem-202611b-ed25519"
	if got := strings.Join(signers(t, d, "hanoi.example"), ", "); got != want {
		t.Errorf("after activation %s sign, want %s", got, want)
	}
	if _, err := d.ActivateKeys(ctx, "hanoi.example"); !errors.Is(err, ErrInvalid) {
		t.Errorf("activating without a key that is next: %v", err)
	}
	if gone, err := d.RemoveKey(ctx, "HANOI.example", "tem-202611-ed25519"); err != nil || gone.State != KeyRetired {
		t.Errorf("RemoveKey = %v, %v", gone, err)
	}
	if keys, err := d.Keys(ctx, "hanoi.example"); err != nil || len(keys) != 2 {
		t.Errorf("Keys = %v, %v", keys, err)
	}
}

func TestKeysAreRefused(t *testing.T) {
	t.Parallel()
	d, _ := withKeys(t)
	curve, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, tt := range map[string]struct {
		domain string
		key    NewKey
		want   error
	}{
		"no such domain": {"hue.example", NewKey{Private: testRSA(), State: KeyNext}, ErrNotFound},
		"taken":          {"hanoi.example", NewKey{Selector: "TEM-202611-rsa", Private: testRSA(), State: KeyNext}, ErrExists},
		"no selector":    {"hanoi.example", NewKey{Selector: "a b", Private: testRSA(), State: KeyNext}, ErrInvalid},
		"no state":       {"hanoi.example", NewKey{Private: testRSA()}, ErrInvalid},
		"no such kind":   {"hanoi.example", NewKey{Private: curve, State: KeyNext}, ErrInvalid},
		"nothing":        {"hanoi.example", NewKey{State: KeyNext}, ErrInvalid},
	} {
		if _, err := d.AddKeys(t.Context(), tt.domain, tt.key); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	many := make([]NewKey, maxKeys)
	for i := range many {
		many[i] = NewKey{Private: made(Ed25519), State: KeyNext}
	}
	if _, err := d.AddKeys(t.Context(), "hanoi.example", many...); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many keys: %v", err)
	}
	if added, err := d.AddKeys(t.Context(), "hanoi.example", many[2:]...); err != nil || added[len(added)-1].Selector == "" {
		t.Errorf("as many keys as there may be: %v", err)
	}
}

func TestKeysGoWithTheirDomain(t *testing.T) {
	t.Parallel()
	d, e := withKeys(t)
	if err := d.RemoveDomain(t.Context(), "hanoi.example"); err != nil {
		t.Fatal(err)
	}
	if got := signers(t, d, "hanoi.example"); got != nil {
		t.Errorf("%v sign for a domain that is gone", got)
	}
	err := e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(kv.Directory, []byte{keyRowLetter}, []byte{keyRowLetter + 1}, kv.ScanOptions{}, func(key, _ []byte) error {
			return fmt.Errorf("row %q is left", key)
		})
	})
	if err != nil {
		t.Error(err)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	d, _ := withKeys(t)
	keys, err := d.SigningKeys(t.Context(), "hanoi.example")
	if err != nil {
		t.Fatal(err)
	}
	seed := keys[0].Private.(ed25519.PrivateKey).Seed()
	fresh := NewKey{Private: keys[0].Private, State: KeyNext}
	text, _ := json.Marshal(keys)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", keys, keys, keys, keys), fmt.Sprintf("%v %#v", fresh, fresh), string(text)} {
		if strings.Contains(s, fmt.Sprint(seed[:4])[1:8]) || strings.Contains(s, fmt.Sprintf("%x", seed[:4])) || strings.Contains(s, "Private") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestDamagedKey(t *testing.T) {
	t.Parallel()
	_, e := withKeys(t)
	damage := func(key string, val []byte) *Directory {
		b := new(kv.Batch)
		b.Set(kv.Directory, rowKey(keyRowLetter, key), val)
		if err := kv.Commit(context.Background(), e, b); err != nil {
			t.Fatal(err)
		}
		opened, err := Open(t.Context(), Options{KV: e})
		if err != nil {
			return nil
		}
		return opened
	}
	secret := []byte("sesame")
	row, _ := json.Marshal(keyValue{Algorithm: RSA, State: KeyActive, PKCS8: secret})
	opened := damage("hanoi.example\x00bad", row)
	if opened == nil {
		t.Fatal("a directory with a damaged key can't be opened")
	}
	if _, err := opened.SigningKeys(t.Context(), "hanoi.example"); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a damaged key: %v", err)
	}
	if _, err := opened.RetireKey(t.Context(), "hanoi.example", "bad"); err != nil {
		t.Errorf("a damaged key can't be retired: %v", err)
	}
	if len(signers(t, opened, "hanoi.example")) != 2 {
		t.Error("the other keys do not sign when the damaged one is retired")
	}
}

func BenchmarkSigningKeys(b *testing.B) {
	d, err := Open(b.Context(), Options{KV: memory.New()})
	if err != nil {
		b.Fatal(err)
	}
	if err := d.AddDomain(b.Context(), "hanoi.example", NewKey{Private: testRSA(), State: KeyActive}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.SigningKeys(b.Context(), "mail.hanoi.example"); err != nil {
			b.Fatal(err)
		}
	}
}
