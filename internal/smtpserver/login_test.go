package smtpserver

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
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
func (withTokens) TokenConfiguration() string { return "" }

// bearer is a response of XOAUTH2.
func bearer(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=an@hanoi.example\x01auth=Bearer " + token + "\x01\x01"))
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
	o := newWorld(t).Options
	log, tap := new(bytes.Buffer), new(recorder)
	o.Guard, o.Auth, o.MaxAuthFails = login.NewGuard(slog.New(slog.NewTextHandler(log, nil))), withTokens{o.Auth}, 4
	s := New(o)
	lo := s.Options()
	lo.Tap = tap
	linetest.Play(t, "logged", `S: 220
C: EHLO x
S: ...
S: 250-AUTH SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN
S: 250
C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAd3Jvbmc=
S: 535 5.7.8
C: AUTH PLAIN AGEAYgBj
S: 501 5.5.2
C: AUTH XOAUTH2 `+bearer("wrong")+`
S: 334 eyJzdGF0dXMiOiI0MDEi
C:
S: 535 5.7.8
C: AUTH XOAUTH2
S: 334
C: `+bearer("wrong")+`
S: 334 eyJzdGF0dXMiOiI0MDEi
C: *
S: 535 5.7.8
C: AUTH xoauth2 `+bearer("sesame")+`
S: 235 2.7.0
C: QUIT
S: 221
S: <EOF>
`, s.Handle, linetest.Options{Line: lo})
	got := regexp.MustCompile(`(?m)^time=\S+ level=INFO | session=\S+`).ReplaceAllString(log.String(), "")
	want := `msg="login failed" proto=smtp remote=pipe login=an@hanoi.example mechanism=PLAIN reason=credentials
msg="login failed" proto=smtp remote=pipe login="" mechanism=PLAIN reason=malformed
msg="login failed" proto=smtp remote=pipe login=an@hanoi.example mechanism=XOAUTH2 reason=signature
msg="login failed" proto=smtp remote=pipe login=an@hanoi.example mechanism=XOAUTH2 reason=signature
msg=login proto=smtp remote=pipe login=an@hanoi.example mechanism=XOAUTH2 tls=none
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

// A refused token's dummy response that can't be read is answered once, as the line it is.
func TestUnreadableDummyResponse(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Auth = withTokens{o.Auth}
	play(t, o, "S: 220\nC: EHLO x\nS: ...\nS: 250 HELP\nC: AUTH XOAUTH2 "+bearer("wrong")+"\nS: 334\nC: "+strings.Repeat("x", maxAuthLine)+"\nS: 500 5.5.6\nC: NOOP\nS: 250\nC: QUIT\nS: 221\nS: <EOF>\n")
}

func TestRightPasswordWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		play(t, w.Options, "S: 220\nC: HELO x\nS: 250\nC: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAd3Jvbmc=\nS: 535\nC: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\nS: 235\nC: QUIT\nS: 221\nS: <EOF>\n")
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("took %v, want one delay of 200ms", took)
		}
	})
}

func TestShutdownEndsALoginsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
		s, began := New(w.Options), time.Now()
		linetest.Play(t, "shutdown", "S: 220\nC: HELO x\nS: 250\nC: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAd3Jvbmc=\nS: 535\nC: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\nS: 421 4.3.2\nS: <EOF>\n",
			s.Handle, linetest.Options{Line: s.Options(), Context: ctx})
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("the session ended after %v", took)
		}
	})
}

// TestChangedPasswordEndsSessions: by SMTP at the next command, but not within a text.
func TestChangedPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	const bye = "4.7.0 mx.hanoi.example closing connection: the account has changed, log in again"
	w := newWorld(t)
	idle, sending := textproto.NewConn(dialled(t, w.Options)), textproto.NewConn(dialled(t, w.Options))
	for _, r := range []*textproto.Conn{idle, sending} {
		_, _, err := r.ReadResponse(220)
		check(t, err)
		asking(t, r, "EHLO a", loginAn)
	}
	asking(t, sending, "MAIL FROM:<an@hanoi.example>", "RCPT TO:<an@hanoi.example>", "DATA")
	an := w.users["an"]
	check(t, w.Directory.SetPassword(t.Context(), an.Address, "another secret"))
	if got := asking(t, idle, "NOOP"); got != bye {
		t.Error(got)
	}
	if got := asking(t, sending, "Subject: x\r\n\r\ny\r\n."); !strings.HasPrefix(got, "2.0.0") {
		t.Error(got)
	}
	if got := asking(t, sending, "MAIL FROM:<an@hanoi.example>"); got != bye {
		t.Error(got)
	}
}
