package sasl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// bearerServer is OAUTHBEARER (RFC 7628) and, with another grammar, Google's
// and Microsoft's XOAUTH2. It checks no host and port. DEVIATES(RFC 7628 §3.2): a server
// behind port forwarding has names and ports that it does not know, and
// a bearer token is not bound to them; TLS tells the client where it is.
type bearerServer struct {
	identity
	tokens Tokens
	parse  func(response []byte) (authz, token string, err error)
	refuse func(configuration string) []byte
}

func (s *bearerServer) Next(ctx context.Context, response []byte) ([]byte, bool, error) {
	if response == nil {
		return []byte{}, false, nil
	}
	authz, token, err := s.parse(response)
	if err != nil {
		return nil, false, err
	}
	s.login = authz
	err = s.verify(ctx, authz, token)
	if errors.Is(err, ErrFailed) {
		return s.refuse(s.tokens.TokenConfiguration()), false, err
	}
	return nil, err == nil, err
}

func (s *bearerServer) verify(ctx context.Context, authz, token string) error {
	login, err := s.tokens.VerifyToken(ctx, token)
	if err != nil {
		return err
	}
	if s.login == "" {
		s.login = login
	}
	if s.principal, err = s.backend.Principal(ctx, login); err != nil {
		return err
	}
	return same(ctx, s.backend, authz, s.principal)
}

// parseOAuthBearer reads "n,a=user,^Ahost=…^Aauth=Bearer token^A^A" (RFC 7628 §3.1).
func parseOAuthBearer(response []byte) (authz, token string, err error) {
	header, pairs, ok := bytes.Cut(response, []byte{1})
	f := strings.Split(string(header), ",") // gs2-header, RFC 5801 §4
	if !ok || len(f) != 3 || f[0] != "n" && f[0] != "y" || f[2] != "" {
		return "", "", ErrMalformed
	}
	if f[1] != "" {
		name, ok := strings.CutPrefix(f[1], "a=")
		if authz, err = saslName(name); !ok || err != nil || authz == "" {
			return "", "", ErrMalformed
		}
	}
	token, err = bearerPair(pairs)
	return authz, token, err
}

// saslName decodes =2C and =3D (RFC 5801 §4).
func saslName(s string) (string, error) {
	decoded := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s)
	if strings.Count(s, "=") != strings.Count(s, "=2C")+strings.Count(s, "=3D") || strings.Contains(s, "\x00") {
		return "", ErrMalformed
	}
	return decoded, nil
}

// parseXOAuth2 reads "user=name^Aauth=Bearer token^A^A".
func parseXOAuth2(response []byte) (user, token string, err error) {
	first, pairs, ok := bytes.Cut(response, []byte{1})
	name, isUser := bytes.CutPrefix(first, []byte("user="))
	if !ok || !isUser || len(name) == 0 {
		return "", "", ErrMalformed
	}
	token, err = bearerPair(pairs)
	return string(name), token, err
}

// bearerPair finds the token in key=value pairs that each end in ^A, and end in
// one more. Unknown keys are ignored (RFC 7628 §3.1).
func bearerPair(pairs []byte) (token string, err error) {
	body, ok := bytes.CutSuffix(pairs, []byte("\x01\x01"))
	if !ok {
		return "", ErrMalformed
	}
	found := false
	for pair := range bytes.SplitSeq(body, []byte{1}) {
		key, value, ok := bytes.Cut(pair, []byte("="))
		if !ok || len(key) == 0 || found && string(key) == "auth" {
			return "", ErrMalformed
		}
		if string(key) == "auth" {
			found = true
			token = bearer(string(value))
		}
	}
	if !found {
		return "", ErrMalformed
	}
	return token, nil
}

// bearer is the token of "Bearer token" (RFC 6750 §2.1); "" for another scheme,
// which no server of tokens accepts.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// oauthBearerError is the challenge that says why (RFC 7628 §3.2.2).
func oauthBearerError(configuration string) []byte {
	text, _ := json.Marshal(struct { // strings always can be written
		Status        string `json:"status"`
		Configuration string `json:"openid-configuration,omitempty"`
	}{"invalid_token", configuration})
	return text
}

func xoauth2Error(string) []byte { return []byte(`{"status":"401","schemes":"bearer"}`) }

// bearerClient sends a token, and lets a server that refuses it finish.
type bearerClient struct {
	trusting
	name, initial, dummy string
}

func newBearerClient(name, login, token string) Client {
	if strings.ContainsAny(login+token, "\x00\x01") {
		return nil
	}
	if name == xoauth2 {
		return &bearerClient{name: name, initial: "user=" + login + "\x01auth=Bearer " + token + "\x01\x01"}
	}
	authz := strings.NewReplacer(",", "=2C", "=", "=3D").Replace(login)
	return &bearerClient{name: name, initial: "n,a=" + authz + ",\x01auth=Bearer " + token + "\x01\x01", dummy: "\x01"}
}

func (c *bearerClient) Mechanism() string        { return c.name }
func (c *bearerClient) Initial() ([]byte, error) { return []byte(c.initial), nil }

// Next answers the error that a server tells before it fails (RFC 7628 §3.2.3).
func (c *bearerClient) Next([]byte) ([]byte, error) { return []byte(c.dummy), nil }
