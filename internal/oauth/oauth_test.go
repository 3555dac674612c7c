package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tem/internal/sasl"
)

const (
	issuer   = "https://id.example.com"
	audience = "tem"
	an       = "an@hanoi.example"
)

// claims are a token's, by name.
type claims map[string]any

// good are claims that are right now, with changes; nil takes one out.
func good(changes claims) claims {
	c := claims{"iss": issuer, "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "email": an}
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// token signs claims; id is the key's, "" for none in the token.
func token(t testing.TB, alg jose.SignatureAlgorithm, key any, id string, c claims) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	must(t, err)
	text, err := jwt.Signed(signer).Claims(map[string]any(c)).Serialize()
	must(t, err)
	return text
}

// keySet is the text of a JSON Web Key Set.
func keySet(t testing.TB, keys ...jose.JSONWebKey) []byte {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	must(t, err)
	return text
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return key
}

// byFile is a verifier whose keys are in a file: no network.
func byFile(t testing.TB, claim string, keys ...jose.JSONWebKey) *Verifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwks.json")
	must(t, os.WriteFile(file, keySet(t, keys...), 0o600))
	v, err := New(Options{Issuer: issuer, Audience: audience, Keys: file, Claim: claim})
	must(t, err)
	return v
}

func TestVerify(t *testing.T) {
	t.Parallel()
	ec, other, rs := newEC(t), newEC(t), newRSA(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	v := byFile(t, "",
		jose.JSONWebKey{Key: ec.Public(), KeyID: "ec", Algorithm: "ES256", Use: "sig"},
		jose.JSONWebKey{Key: rs.Public(), KeyID: "rsa"},
		jose.JSONWebKey{Key: ed.Public(), KeyID: "ed"},
		jose.JSONWebKey{Key: other.Public(), KeyID: "enc", Use: "enc"},
	)
	public, err := x509.MarshalPKIXPublicKey(rs.Public())
	must(t, err)
	now := time.Now()
	for name, c := range map[string]struct{ token, want string }{ // want: a reason, "" for An
		"ES256":              {token(t, jose.ES256, ec, "ec", good(nil)), ""},
		"RS256":              {token(t, jose.RS256, rs, "rsa", good(nil)), ""},
		"PS512":              {token(t, jose.PS512, rs, "rsa", good(nil)), ""},
		"EdDSA":              {token(t, jose.EdDSA, ed, "ed", good(nil)), ""},
		"no key named":       {token(t, jose.ES256, ec, "", good(nil)), ""},
		"several audiences":  {token(t, jose.ES256, ec, "ec", good(claims{"aud": []string{"x", audience}})), ""},
		"verified":           {token(t, jose.ES256, ec, "ec", good(claims{"email_verified": true})), ""},
		"just expired":       {token(t, jose.ES256, ec, "ec", good(claims{"exp": now.Add(-30 * time.Second).Unix()})), ""},
		"expired":            {token(t, jose.ES256, ec, "ec", good(claims{"exp": now.Add(-2 * time.Minute).Unix()})), "expired"},
		"for ever":           {token(t, jose.ES256, ec, "ec", good(claims{"exp": nil})), "expired"},
		"early":              {token(t, jose.ES256, ec, "ec", good(claims{"nbf": now.Add(2 * time.Minute).Unix()})), "early"},
		"other audience":     {token(t, jose.ES256, ec, "ec", good(claims{"aud": "shop"})), "audience"},
		"no audience":        {token(t, jose.ES256, ec, "ec", good(claims{"aud": nil})), "audience"},
		"other issuer":       {token(t, jose.ES256, ec, "ec", good(claims{"iss": issuer + "/"})), "issuer"},
		"no issuer":          {token(t, jose.ES256, ec, "ec", good(claims{"iss": nil})), "issuer"},
		"no address":         {token(t, jose.ES256, ec, "ec", good(claims{"email": nil})), "claim"},
		"address no text":    {token(t, jose.ES256, ec, "ec", good(claims{"email": 7})), "claim"},
		"unverified":         {token(t, jose.ES256, ec, "ec", good(claims{"email_verified": false})), "unverified"},
		"unverified in text": {token(t, jose.ES256, ec, "ec", good(claims{"email_verified": "false"})), "unverified"},
		"another's key":      {token(t, jose.ES256, other, "ec", good(nil)), "signature"},
		"key of that name":   {token(t, jose.ES256, ec, "rsa", good(nil)), "signature"},
		"unknown key":        {token(t, jose.ES256, ec, "new", good(nil)), "signature"},
		"encryption key":     {token(t, jose.ES256, other, "enc", good(nil)), "signature"},
		"HS256, public key":  {token(t, jose.HS256, public, "rsa", good(nil)), "token"}, // RFC 8725 §2.1
		"none":               {unsigned(t, good(nil)), "token"},
		"none, signed":       {unsigned(t, good(nil)) + "AAAA", "token"},
		"cut":                {token(t, jose.ES256, ec, "ec", good(nil))[:100], "token"},
		"empty":              {"", "token"},
		"long":               {token(t, jose.ES256, ec, "ec", good(claims{"x": strings.Repeat("x", maxToken)})), "token"},
		"changed":            {changed(token(t, jose.ES256, ec, "ec", good(nil))), "signature"},
	} {
		login, err := v.VerifyToken(t.Context(), c.token)
		if c.want == "" && (err != nil || login != an) || c.want != "" && (!errors.Is(err, sasl.ErrFailed) || sasl.Reason(err) != c.want || login != "") {
			t.Errorf("%s: %q, %v, want %q", name, login, err, c.want)
		}
		if err != nil && c.token != "" && strings.Contains(err.Error(), c.token) {
			t.Errorf("%s: the error has the token: %v", name, err)
		}
	}
	if got := v.TokenConfiguration(); got != issuer+"/.well-known/openid-configuration" {
		t.Errorf("configuration %q", got)
	}
}

// unsigned is a token with the algorithm none (RFC 7515 §A.5).
func unsigned(t *testing.T, c claims) string {
	t.Helper()
	body, err := json.Marshal(c)
	must(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"none"}`)) + "." + b64(body) + "."
}

// changed puts other claims under a signature.
func changed(token string) string {
	parts := strings.Split(token, ".")
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(body), an, "binh@hanoi.example", 1)))
	return strings.Join(parts, ".")
}

func TestAnotherClaim(t *testing.T) {
	t.Parallel()
	ec := newEC(t)
	v := byFile(t, "preferred_username", jose.JSONWebKey{Key: ec.Public(), KeyID: "ec"})
	if login, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "ec", good(claims{"preferred_username": "binh@x", "email_verified": false}))); err != nil || login != "binh@x" {
		t.Errorf("%q, %v", login, err)
	}
	if _, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "ec", good(nil))); sasl.Reason(err) != "claim" {
		t.Error(err)
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		weak = nil // this Go makes none; then there is nothing to refuse
	}
	many := make([]jose.JSONWebKey, maxKeys+1)
	for i := range many {
		many[i] = jose.JSONWebKey{Key: newEC(t).Public()}
	}
	sets := map[string][]byte{
		"secret": keySet(t, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "x", Algorithm: "HS256"}),
		"empty":  []byte(`{"keys":[]}`), "unknown": []byte(`{"keys":[{"kty":"XX"},7]}`), "no JSON": []byte("-----BEGIN"), "nothing": nil,
		"many": keySet(t, many...), "long": make([]byte, maxSet+1),
	}
	if weak != nil {
		sets["weak"] = keySet(t, jose.JSONWebKey{Key: crypto.PublicKey(weak.Public())})
	}
	for name, text := range sets {
		file := filepath.Join(t.TempDir(), "jwks.json")
		must(t, os.WriteFile(file, text, 0o600))
		if _, err := New(Options{Issuer: issuer, Audience: audience, Keys: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, source := range []string{"http://id.example.com/keys", "file:///x", filepath.Join(t.TempDir(), "none")} {
		if _, err := New(Options{Keys: source}); err == nil {
			t.Errorf("%s was taken", source)
		}
	}
}

// A private key in the set serves by its public half.
func TestPrivateKeyInTheSet(t *testing.T) {
	t.Parallel()
	ec := newEC(t)
	v := byFile(t, "", jose.JSONWebKey{Key: ec, KeyID: "ec"})
	if !v.keys.set[0].IsPublic() {
		t.Error("the private key was kept")
	}
	_, err := v.VerifyToken(t.Context(), token(t, jose.ES256, ec, "ec", good(nil)))
	must(t, err)
}

func FuzzVerify(f *testing.F) {
	ec := newEC(f)
	v := byFile(f, "", jose.JSONWebKey{Key: ec.Public(), KeyID: "ec"})
	f.Add(token(f, jose.ES256, newEC(f), "ec", good(nil)))
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		if login, err := v.VerifyToken(t.Context(), text); err == nil || login != "" {
			t.Errorf("%q: %q, %v", text, login, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add(keySet(f, jose.JSONWebKey{Key: newEC(f).Public(), KeyID: "ec"}))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseKeys(text)
		for _, k := range set {
			if err != nil || !k.IsPublic() || !k.Valid() {
				t.Errorf("%q: %+v, %v", text, k, err)
			}
		}
	})
}
