package sasl

import (
	"encoding/json"
	"errors"
	"testing"
)

// RFC 7628 §4.1 and §4.3: the failure is told in JSON, answered, and final.
func TestBearerRefusal(t *testing.T) {
	t.Parallel()
	for mechanism, c := range map[string]struct{ response, key, value, dummy string }{
		"OAUTHBEARER": {"n,a=" + an + ",\x01host=server.example.com\x01port=143\x01auth=Bearer wrong\x01\x01", "status", "invalid_token", "\x01"},
		"XOAUTH2":     {"user=" + an + "\x01auth=Bearer wrong\x01\x01", "status", "401", ""},
	} {
		for _, lost := range []error{nil, errors.New("cancelled")} {
			s, _ := NewServer(mechanism, withTokens{people()}, Channel{})
			asked := 0
			err := Exchange(t.Context(), s, []byte(c.response), func(challenge []byte) ([]byte, error) {
				asked++
				var told map[string]string
				if err := json.Unmarshal(challenge, &told); err != nil || told[c.key] != c.value {
					t.Errorf("%s: challenge %s, %v", mechanism, challenge, err)
				}
				return []byte(c.dummy), lost
			})
			if asked != 1 || !errors.Is(err, ErrFailed) || Reason(err) != "signature" || s.Login() != an || lost != nil && !errors.Is(err, lost) {
				t.Errorf("%s: asked %d times, %v", mechanism, asked, err)
			}
		}
	}
}

func TestBearerGrammar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ response, authz, token string }{
		{"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer " + token + "\x01\x01", "user@example.com", token}, // §4.1
		{"y,,\x01auth=bearer  x\x01\x01", "", "x"},
		{"n,a=a=2Cb=3Dc,\x01auth=Bearer x\x01unknown=\x01\x01", "a,b=c", "x"},
		{"n,,\x01auth=Basic x\x01\x01", "", ""},
		{"n,,\x01auth=\x01\x01", "", ""},
	} {
		if authz, token, err := parseOAuthBearer([]byte(c.response)); err != nil || authz != c.authz || token != c.token {
			t.Errorf("%q: %q, %q, %v", c.response, authz, token, err)
		}
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("an,=@x", token)
	f.Fuzz(func(t *testing.T, login, token string) {
		for name, parse := range map[string]func([]byte) (string, string, error){oauthBearer: parseOAuthBearer, xoauth2: parseXOAuth2} {
			c := newBearerClient(name, login, token)
			if c == nil || login == "" || token == "" || token[0] == ' ' {
				continue
			}
			initial, _ := c.Initial()
			if gotLogin, gotToken, err := parse(initial); err != nil || gotLogin != login || gotToken != token {
				t.Errorf("%s: %q came back as %q, %q, %v", name, initial, gotLogin, gotToken, err)
			}
		}
	})
}
