package sasl

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// Every mechanism against its own client, in clear and over TLS.
func TestExchange(t *testing.T) {
	t.Parallel()
	b := withTokens{people()}
	a := newAuthority(t)
	card := a.issue(t, "AN@hanoi.example")
	near, far := a.channels(t, tls.VersionTLS13, &card)
	for _, mechanism := range Mechanisms(b, far) {
		for _, tt := range []struct {
			login, password, token string
			want                   error
		}{
			{an, secret, token, nil},
			{"AN@hanoi.example", secret, token, nil},
			{an, "wrong", "wrong", ErrFailed},
			{"nobody@hanoi.example", secret, token, ErrFailed},
			{binh, secret, token, ErrFailed},
		} {
			who := Credentials{Login: tt.login, Password: tt.password}
			if strings.HasSuffix(mechanism, plus) {
				who.Channel = near // else the client would say that it was not offered this
			}
			switch mechanism {
			case oauthBearer, xoauth2:
				who.Token = tt.token
			case external:
				who.Password = ""
				if tt.password == "wrong" {
					continue // a certificate can't be
				}
			}
			c, err := NewClient([]string{strings.ToLower(mechanism)}, who)
			if err != nil || c.Mechanism() != mechanism {
				t.Fatalf("%s: %v", mechanism, err)
			}
			s, err := NewServer(strings.ToLower(mechanism), b, far)
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(t, c, s); !errors.Is(err, tt.want) {
				t.Errorf("%s %s: %v, want %v", mechanism, tt.login, err, tt.want)
			} else if err == nil && s.Principal() != an {
				t.Errorf("%s: principal %q", mechanism, s.Principal())
			}
			if s.Login() != tt.login {
				t.Errorf("%s: login %q, want %q", mechanism, s.Login(), tt.login)
			}
		}
	}
}

func TestMechanismsTellTheTruth(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	card, blank := a.issue(t, an), a.issue(t)
	_, plainTLS := a.channels(t, tls.VersionTLS13, nil)
	_, tls12 := a.channels(t, tls.VersionTLS12, nil)
	_, carded := a.channels(t, tls.VersionTLS13, &card)
	_, blanked := a.channels(t, tls.VersionTLS13, &blank)
	unsure := tls12
	unsure.Certificate = nil
	for _, c := range []struct {
		name string
		b    Backend
		ch   Channel
		want string
	}{
		{"clear", people(), Channel{}, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		{"tokens", withTokens{people()}, Channel{}, "SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN"},
		{"TLS 1.3", people(), plainTLS, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		{"TLS 1.2", people(), tls12, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		{"TLS 1.2, certificate not known", people(), unsure, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		{"certificate", people(), carded, "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
		{"certificate without an address", people(), blanked, "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"},
	} {
		offered := Mechanisms(c.b, c.ch)
		if got := strings.Join(offered, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		for _, name := range []string{external, scramSHA256 + plus, scramSHA1 + plus, scramSHA256, scramSHA1, oauthBearer, xoauth2, plain, loginName,
			"CRAM-MD5", "PLAIN-PLUS", "EXTERNAL-PLUS", "-PLUS", ""} {
			if _, err := NewServer(name, c.b, c.ch); (err == nil) != slices.Contains(offered, name) {
				t.Errorf("%s: %s: %v, but offered are %v", c.name, name, err, offered)
			}
		}
	}
}

func TestClientTakesTheBest(t *testing.T) {
	t.Parallel()
	near, _ := newAuthority(t).channels(t, tls.VersionTLS13, nil)
	near12, _ := newAuthority(t).channels(t, tls.VersionTLS12, nil)
	all := "LOGIN PLAIN XOAUTH2 OAUTHBEARER SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS EXTERNAL"
	for _, c := range []struct {
		offered string
		who     Credentials
		want    string // "": none
	}{
		{all, Credentials{Login: an, Password: secret, Channel: near}, "SCRAM-SHA-256-PLUS"},
		{"LOGIN SCRAM-SHA-1-PLUS SCRAM-SHA-256", Credentials{Login: an, Password: secret, Channel: near}, "SCRAM-SHA-1-PLUS"},
		{all, Credentials{Login: an, Password: secret, Channel: near12}, "SCRAM-SHA-256"},
		{all, Credentials{Login: an, Password: secret}, "SCRAM-SHA-256"},
		{"login plain scram-sha-1", Credentials{Login: an, Password: secret}, "SCRAM-SHA-1"},
		{"LOGIN PLAIN", Credentials{Login: an, Password: secret}, "PLAIN"},
		{"LOGIN", Credentials{Login: an, Password: secret}, "LOGIN"},
		{all, Credentials{Login: an, Password: "\u0007"}, "PLAIN"}, // SASLprep has no such character
		{all, Credentials{Login: an, Password: "a\x00b"}, "LOGIN"},
		{all, Credentials{Login: an, Token: token, Channel: near}, "OAUTHBEARER"},
		{"PLAIN XOAUTH2", Credentials{Login: an, Token: token}, "XOAUTH2"},
		{"PLAIN SCRAM-SHA-256", Credentials{Login: an, Token: token}, ""},
		{all, Credentials{Login: an, Token: "a\x01b"}, ""},
		{all, Credentials{Login: an}, "EXTERNAL"},
		{"OAUTHBEARER EXTERNAL CRAM-MD5", Credentials{Login: an, Password: secret}, ""},
	} {
		m, err := NewClient(strings.Fields(c.offered), c.who)
		if c.want == "" && !errors.Is(err, ErrUnknownMechanism) || c.want != "" && (err != nil || m.Mechanism() != c.want) {
			t.Errorf("%s for %+v: %v, %v, want %q", c.offered, c.who, m, err, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for _, tt := range []struct{ mechanism, response string }{
		{"PLAIN", ""}, {"PLAIN", "a"}, {"PLAIN", "\x00\x00"}, {"PLAIN", "a\x00b\x00c\x00d"}, {"PLAIN", "\x00" + long + "\x00x"},
		{"SCRAM-SHA-256", ""}, {"SCRAM-SHA-256", "n,,"}, {"SCRAM-SHA-256", "x,,n=a,r=b"}, {"SCRAM-SHA-1", "n,,n=" + long + ",r=b"},
		{"LOGIN", long},
		{"OAUTHBEARER", ""}, {"OAUTHBEARER", "\x01"}, {"OAUTHBEARER", "n,,\x01\x01"}, {"OAUTHBEARER", "n,a=,\x01auth=Bearer x\x01\x01"},
		{"OAUTHBEARER", "p=x,,\x01auth=Bearer x\x01\x01"}, {"OAUTHBEARER", "n,a=b=,\x01auth=Bearer x\x01\x01"},
		{"OAUTHBEARER", "n,,\x01auth=Bearer x\x01"}, {"OAUTHBEARER", "n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01"}, {"OAUTHBEARER", "n,,\x01auth=Bearer " + long + "\x01\x01"},
		{"XOAUTH2", ""}, {"XOAUTH2", "user=\x01auth=Bearer x\x01\x01"}, {"XOAUTH2", "auth=Bearer x\x01\x01"}, {"XOAUTH2", "user=a\x01auth\x01\x01"},
	} {
		s, err := NewServer(tt.mechanism, withTokens{people()}, Channel{})
		if err != nil {
			t.Fatal(err)
		}
		err = Exchange(t.Context(), s, []byte(tt.response), func([]byte) ([]byte, error) { return nil, errors.New("asked") })
		if !errors.Is(err, ErrMalformed) || Reason(err) != "malformed" {
			t.Errorf("%s %.40q: %v", tt.mechanism, tt.response, err)
		}
	}
}

// Names that nobody can have are wrong names, not errors of ours.
func TestOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"\xff\xfe", "a\nb", strings.Repeat("x", 5000), "\u202e"} {
		unprepared, err := scram.SHA256.NewClientUnprepped(name, secret, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, mechanism := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-256"} {
			c := map[string]Client{
				"PLAIN": plainClient{login: name, password: secret}, "LOGIN": &loginClient{answers: []string{name, secret}},
				"SCRAM-SHA-256": &scramClient{name: scramSHA256, talk: unprepared.NewConversation()},
			}[mechanism]
			s, err := NewServer(mechanism, people(), Channel{})
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(t, c, s); !errors.Is(err, ErrFailed) || s.Login() != name {
				t.Errorf("%s %.20q: %v, login %.20q", mechanism, name, err, s.Login())
			}
		}
	}
}

// Nobody may act for another (RFC 4616 §2), but for oneself under another spelling.
func TestAuthorization(t *testing.T) {
	t.Parallel()
	for authz, want := range map[string]error{"": nil, an: nil, "AN@hanoi.example": nil, binh: ErrFailed, "nobody": ErrFailed} {
		s, _ := NewServer("PLAIN", people(), Channel{})
		_, done, err := s.Next(t.Context(), []byte(authz+"\x00"+an+"\x00"+secret))
		if !errors.Is(err, want) || done != (want == nil) || want != nil && Reason(err) != "authzid" {
			t.Errorf("as %q: %v", authz, err)
		}
	}
}

func FuzzServer(f *testing.F) {
	for i, response := range []string{"\x00an\x00x", "an", "n,,n=an,r=abc", "p=tls-exporter,,n=an,r=a", "n,a=an,\x01auth=Bearer x\x01\x01", "user=an\x01auth=Bearer x\x01\x01", "an"} {
		f.Add(uint8(i), []byte(response), []byte("c=biws,r=abc,p=AAAA"))
	}
	b := withTokens{people()}
	f.Fuzz(func(t *testing.T, which uint8, first, second []byte) {
		all := Mechanisms(b, Channel{})
		s, err := NewServer(all[int(which)%len(all)], b, Channel{})
		if err != nil {
			t.Fatal(err)
		}
		left := [][]byte{second}
		err = Exchange(t.Context(), s, first, func([]byte) ([]byte, error) {
			if len(left) == 0 {
				return nil, errors.New("enough")
			}
			answer := append([]byte{}, left[0]...)
			left = nil
			return answer, nil
		})
		if err == nil && !strings.Contains(string(first)+string(second), secret) && !strings.Contains(string(first)+string(second), token) &&
			!strings.Contains(string(first)+string(second), "other") {
			t.Errorf("%q, %q: logged in as %s", first, second, s.Principal())
		}
	})
}
