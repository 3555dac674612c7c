// Package oauth believes bearer tokens that an OAuth 2.0 or OpenID Connect
// provider has signed (JSON Web Tokens, RFC 7519, RFC 9068).
//
// Invariant: a token is taken only if it is signed with a public key of the
// configured set by an algorithm for public keys, names our issuer and audience,
// and has not expired. Tokens are in no error and in no log.
//
// The package starts no goroutine: the login that needs new keys fetches them,
// while others go on with those that are there.
package oauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"tem/internal/sasl"
)

// Options for New.
type Options struct {
	Issuer   string       // as tokens name it in iss
	Audience string       // one of those that tokens name in aud
	Keys     string       // file or https URL of the JSON Web Key Set (RFC 7517 §5)
	Claim    string       // that holds the account's address; "": email
	Client   *http.Client // that fetches keys; nil: one for this
	Log      *slog.Logger
}

// Verifier is safe for concurrent use.
type Verifier struct {
	o    Options
	keys *keys
}

// New reads the keys if they are in a file; those of a URL are fetched when the
// first token comes.
func New(o Options) (*Verifier, error) {
	o.Claim = cmp.Or(o.Claim, "email")
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	k, err := newKeys(o)
	if err != nil {
		return nil, err
	}
	return &Verifier{o: o, keys: k}, nil
}

// TokenConfiguration is where OpenID Connect Discovery §4 puts it; "" unless the
// issuer has an https URL.
func (v *Verifier) TokenConfiguration() string {
	if !strings.HasPrefix(v.o.Issuer, "https://") {
		return ""
	}
	return strings.TrimSuffix(v.o.Issuer, "/") + "/.well-known/openid-configuration"
}

const (
	maxToken = 8192 // octets of a token
	leeway   = time.Minute
)

// algorithms are those whose keys only the issuer has; "none" is not one, and
// no HMAC, which would take a public key for a secret (RFC 8725 §3.1).
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// VerifyToken returns the login that a token names; sasl.Refuse says what is
// wrong with one, any other error that it could not be judged now.
func (v *Verifier) VerifyToken(ctx context.Context, token string) (string, error) {
	if len(token) > maxToken {
		return "", sasl.Refuse("token")
	}
	t, err := jwt.ParseSigned(token, algorithms())
	if err != nil || len(t.Headers) != 1 {
		return "", sasl.Refuse("token")
	}
	candidates, err := v.keys.candidates(ctx, t.Headers[0])
	if err != nil {
		return "", err
	}
	for _, k := range candidates {
		var claims jwt.Claims
		other := map[string]any{}
		if t.Claims(k.Key, &claims, &other) == nil {
			return v.judge(claims, other)
		}
	}
	return "", sasl.Refuse("signature")
}

// judge reads the claims of a token whose signature is right (RFC 7519 §4.1).
func (v *Verifier) judge(c jwt.Claims, other map[string]any) (login string, err error) {
	now := time.Now()
	login, _ = other[v.o.Claim].(string)
	switch {
	case c.Issuer != v.o.Issuer:
		return "", sasl.Refuse("issuer")
	case !c.Audience.Contains(v.o.Audience):
		return "", sasl.Refuse("audience")
	case c.Expiry == nil || !now.Before(c.Expiry.Time().Add(leeway)):
		return "", sasl.Refuse("expired")
	case c.NotBefore != nil && now.Add(leeway).Before(c.NotBefore.Time()):
		return "", sasl.Refuse("early")
	case login == "":
		return "", sasl.Refuse("claim")
	case v.o.Claim == "email" && fmt.Sprint(other["email_verified"]) == "false": // some write it as a string
		return "", sasl.Refuse("unverified") // OpenID Connect Core §5.7: anybody could have claimed it
	}
	return login, nil
}
