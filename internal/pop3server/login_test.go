package pop3server

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/login"
	"tem/internal/sasl"
)

// withTokens is a backend that knows one token, of an@hanoi.example.
type withTokens struct{ sasl.Backend }

func (w withTokens) VerifyToken(_ context.Context, token string) (string, error) {
	if token != "sesame" {
		return "", sasl.Refuse("signature")
	}
	return "an@hanoi.example", nil
}
func (withTokens) TokenConfiguration() string { return "https://id.example/c" }

// bearer is a response of OAUTHBEARER.
func bearer(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("n,a=an@hanoi.example,\x01auth=Bearer " + token + "\x01\x01"))
}

// recorder keeps what a tap sees.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Event(e line.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, "%s\n", e.Text)
}

func TestLoginsAreLogged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log, tap := new(bytes.Buffer), new(recorder)
	h.o.Guard, h.o.Auth = login.NewGuard(slog.New(slog.NewTextHandler(log, nil))), withTokens{h.o.Auth}
	o := h.Options()
	o.Tap = tap
	linetest.Play(t, "logged", `S: +OK
C: AUTH
S: +OK
S: /^SCRAM-SHA-256$/
S: /^SCRAM-SHA-1$/
S: /^OAUTHBEARER$/
S: /^XOAUTH2$/
S: /^PLAIN$/
S: /^LOGIN$/
S: .
C: USER an@hanoi.example
S: +OK
C: PASS wrong
S: -ERR [AUTH]
C: AUTH PLAIN AGEAYgBj
S: -ERR the response
C: AUTH OAUTHBEARER
S: +
C: `+bearer("wrong")+`
S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIi
C: AQ==
S: -ERR [AUTH]
C: AUTH OAUTHBEARER `+bearer("wrong")+`
S: +
C: *
S: -ERR [AUTH]
C: AUTH oauthbearer `+bearer("sesame")+`
S: +OK 3 messages
C: QUIT
S: +OK
S: <EOF>
`, h.Handle, linetest.Options{Line: o})
	got := regexp.MustCompile(`(?m)^time=\S+ level=INFO | session=\S+`).ReplaceAllString(log.String(), "")
	want := `msg="login failed" proto=pop3 remote=pipe login=an@hanoi.example mechanism=USER reason=credentials
msg="login failed" proto=pop3 remote=pipe login="" mechanism=PLAIN reason=malformed
msg="login failed" proto=pop3 remote=pipe login=an@hanoi.example mechanism=OAUTHBEARER reason=signature
msg="login failed" proto=pop3 remote=pipe login=an@hanoi.example mechanism=OAUTHBEARER reason=signature
msg=login proto=pop3 remote=pipe login=an@hanoi.example mechanism=OAUTHBEARER tls=none
`
	if got != want {
		t.Errorf("logged\n%swant\n%s", got, want)
	}
	for _, secret := range []string{bearer("wrong"), bearer("sesame"), "sesame"} {
		if strings.Contains(tap.text.String(), secret) || strings.Contains(log.String(), secret) {
			t.Errorf("the tap or the log shows %s", secret)
		}
	}
}

func TestRightPasswordWaits(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		linetest.Play(t, "wait", "S: +OK\nC: USER an@hanoi.example\nC: PASS wrong\nS: +OK\nS: -ERR [AUTH]\nC: USER an@hanoi.example\nC: PASS secret\nS: +OK\nS: +OK 3 messages\nC: QUIT\nS: +OK\nS: <EOF>\n",
			h.Handle, linetest.Options{Line: h.Options()})
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("took %v, want one delay of 200ms", took)
		}
	})
}

func TestShutdownEndsALoginsWait(t *testing.T) {
	t.Parallel()
	for _, commands := range []string{"USER an@hanoi.example\nS: +OK\nC: PASS secret", "AUTH PLAIN"} {
		h := newHouse(t)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
			began := time.Now()
			linetest.Play(t, "shutdown", "S: +OK\nC: USER an@hanoi.example\nC: PASS wrong\nS: +OK\nS: -ERR [AUTH]\nC: "+commands+"\nS: -ERR [SYS/TEMP]\nS: <EOF>\n",
				h.Handle, linetest.Options{Line: h.Options(), Context: ctx})
			if took := time.Since(began); took != 50*time.Millisecond {
				t.Errorf("%s: the session ended after %v", commands, took)
			}
		})
	}
}

// TestChangedPasswordEndsSessions: at once, without deleting anything, and the maildrop is free.
func TestChangedPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	near, far := net.Pipe()
	defer near.Close()
	done := h.serve(far)
	r := textproto.NewConn(near)
	_, err := r.ReadLine()
	must(t, err)
	for _, l := range []string{"USER an@hanoi.example", "PASS secret", "DELE 1"} {
		must(t, r.PrintfLine("%s", l))
		got, err := r.ReadLine()
		if must(t, err); !strings.HasPrefix(got, "+OK") {
			t.Fatalf("%s: %s", l, got)
		}
	}
	all, err := h.o.Directory.Accounts(t.Context())
	must(t, err)
	must(t, h.o.Directory.SetPassword(t.Context(), all[0].Address, "another secret"))
	if got, err := r.ReadLine(); err != nil || !strings.HasPrefix(got, "-ERR [AUTH]") {
		t.Errorf("%q, %v", got, err)
	}
	<-done
	linetest.Play(t, "again", "S: +OK\nC: USER an@hanoi.example\nS: +OK\nC: PASS another secret\nS: +OK 3 messages\nC: QUIT\nS: +OK\nS: <EOF>\n", h.Handle, linetest.Options{Line: h.Options()})
}
