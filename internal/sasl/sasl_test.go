package sasl

import (
	"context"
	"errors"
	"strings"
	"testing"
)

type backend map[string]string

func (b backend) VerifyPassword(_ context.Context, login, password string) (string, error) {
	if want, ok := b[login]; ok && want == password {
		return login, nil
	}
	return "", ErrFailed
}

func (b backend) SCRAMSHA256(_ context.Context, login string) (string, SCRAMSecrets, error) {
	want, ok := b[login]
	if !ok {
		return "", SCRAMSecrets{}, ErrFailed
	}
	s, err := DeriveSCRAMSHA256(want, []byte("0123456789abcdef"), 4096)
	return login, s, err
}

// exchange runs both ends and returns the server's verdict.
func exchange(t *testing.T, c Client, s Server) error {
	t.Helper()
	response, err := c.Initial()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		challenge, done, err := s.Next(t.Context(), response)
		if err != nil {
			return err
		}
		if done && len(challenge) > 0 {
			_, err = c.Next(challenge)
		}
		if done {
			return err
		}
		if response, err = c.Next(challenge); err != nil {
			return err
		}
	}
	t.Fatal("no end")
	return nil
}

func TestExchange(t *testing.T) {
	t.Parallel()
	b := backend{"an@hanoi.example": "mật khẩu"}
	for _, mechanism := range Mechanisms() {
		for _, tt := range []struct {
			login, password string
			want            error
		}{
			{"an@hanoi.example", "mật khẩu", nil},
			{"an@hanoi.example", "wrong", ErrFailed},
			{"nobody@hanoi.example", "mật khẩu", ErrFailed},
		} {
			c, err := NewClient([]string{strings.ToLower(mechanism)}, tt.login, tt.password)
			if err != nil {
				t.Fatal(err)
			}
			s, err := NewServer(mechanism, b)
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(t, c, s); !errors.Is(err, tt.want) {
				t.Errorf("%s %s: %v, want %v", mechanism, tt.login, err, tt.want)
			} else if err == nil && s.Principal() != tt.login {
				t.Errorf("%s: principal %q", mechanism, s.Principal())
			}
		}
	}
}

func TestUnknownUserLooksTheSame(t *testing.T) {
	t.Parallel()
	var salts []string
	for range 2 {
		s, _ := NewServer("SCRAM-SHA-256", backend{})
		challenge, _, err := s.Next(t.Context(), []byte("n,,n=nobody,r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(challenge), ",s=")
		salts = append(salts, rest)
	}
	if salts[0] != salts[1] || salts[0] == "" {
		t.Errorf("salts %q", salts)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mechanism, response string }{
		{"PLAIN", ""}, {"PLAIN", "a"}, {"PLAIN", "\x00\x00"}, {"PLAIN", "a\x00b\x00c\x00d"},
		{"SCRAM-SHA-256", ""}, {"SCRAM-SHA-256", "n,,"}, {"SCRAM-SHA-256", "x,,n=a,r=b"},
	} {
		s, _ := NewServer(tt.mechanism, backend{})
		if _, done, err := s.Next(t.Context(), []byte(tt.response)); done || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s %q: %v", tt.mechanism, tt.response, err)
		}
	}
	if _, err := NewServer("CRAM-MD5", nil); !errors.Is(err, ErrUnknownMechanism) {
		t.Error(err)
	}
}
