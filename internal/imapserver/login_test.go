package imapserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/login"
	"tem/internal/sasl"
	"tem/internal/wire/imap/imapclient"
)

// withTokens is a backend that knows one token, of a@x.example.
type withTokens struct {
	sasl.Backend
	token string
}

func (w withTokens) VerifyToken(_ context.Context, token string) (string, error) {
	if token != w.token {
		return "", sasl.Refuse("signature")
	}
	return "a@x.example", nil
}
func (withTokens) TokenConfiguration() string { return "" }

// logTo gives a server a guard that writes to the result.
func logTo(s *Server) *bytes.Buffer {
	b := new(bytes.Buffer)
	s.o.Guard = login.NewGuard(slog.New(slog.NewTextHandler(b, nil)))
	return b
}

// wantLines compares what was logged, without times and sessions.
func wantLines(t *testing.T, log *bytes.Buffer, want ...string) {
	t.Helper()
	var got []string
	for l := range strings.Lines(log.String()) {
		fields := strings.SplitAfter(strings.TrimSpace(l), " ")
		kept := ""
		for _, f := range fields {
			if !strings.HasPrefix(f, "time=") && !strings.HasPrefix(f, "session=") && !strings.HasPrefix(f, "level=") {
				kept += f
			}
		}
		got = append(got, kept)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLoginsAreLogged(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	log := logTo(s)
	s.o.Auth = withTokens{s.o.Auth, "sesame"}
	token := func(t string) string {
		return base64.StdEncoding.EncodeToString([]byte("user=a@x.example\x01auth=Bearer " + t + "\x01\x01"))
	}
	linetest.Play(t, "logged", "S: /AUTH=OAUTHBEARER AUTH=XOAUTH2/\nC: a LOGIN a@x.example wrong\nS: a NO [AUTHENTICATIONFAILED]\n"+
		"C: b AUTHENTICATE PLAIN AGEAYgBj\nS: b BAD\n"+
		"C: c AUTHENTICATE XOAUTH2 "+token("wrong")+"\nS: + eyJzdGF0dXMiOiI0MDEi\nC:\nS: c NO [AUTHENTICATIONFAILED]\n"+
		"C: d AUTHENTICATE XOAUTH2 "+token("wrong")+"\nS: +\nC: *\nS: d NO [AUTHENTICATIONFAILED]\n"+
		"C: e AUTHENTICATE XOAUTH2 "+token("sesame")+"\nS: e OK [CAPABILITY\nC: f LOGOUT\nS: * BYE\nS: f OK\nS: <EOF>\n",
		s.Handle, linetest.Options{Line: s.Options()})
	wantLines(t, log,
		`msg="login failed" proto=imap remote=pipe login=a@x.example mechanism=LOGIN reason=credentials`,
		`msg="login failed" proto=imap remote=pipe login="" mechanism=PLAIN reason=malformed`,
		`msg="login failed" proto=imap remote=pipe login=a@x.example mechanism=XOAUTH2 reason=signature`,
		`msg="login failed" proto=imap remote=pipe login=a@x.example mechanism=XOAUTH2 reason=signature`,
		`msg=login proto=imap remote=pipe login=a@x.example mechanism=XOAUTH2 tls=none`)
}

func TestRightPasswordWaits(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		linetest.Play(t, "wait", "S: * OK\nC: a LOGIN a@x.example wrong\nS: a NO\nC: b LOGIN a@x.example \"pass word\"\nS: b OK\nC: c LOGOUT\nS: * BYE\nS: c OK\nS: <EOF>\n",
			s.Handle, linetest.Options{Line: s.Options()})
		if took := time.Since(began); took != 200*time.Millisecond {
			t.Errorf("took %v, want one delay of 200ms", took)
		}
	})
}

func TestShutdownEndsALoginsWait(t *testing.T) {
	t.Parallel()
	for _, command := range []string{`LOGIN a@x.example "pass word"`, "AUTHENTICATE PLAIN"} {
		s := newServer(t, 0)
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
			began := time.Now()
			linetest.Play(t, "shutdown", "S: * OK\nC: a LOGIN a@x.example wrong\nS: a NO\nC: b "+command+"\nS: * BYE\nS: <EOF>\n",
				s.Handle, linetest.Options{Line: s.Options(), Context: ctx})
			if took := time.Since(began); took != 50*time.Millisecond {
				t.Errorf("%s: the session ended after %v", command, took)
			}
		})
	}
}

// Our client over TLS binds its login to the channel.
func TestClientBindsToTheChannel(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	log := logTo(s)
	s.o.TLS, s.o.InsecureAuth = certificate(t), nil
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(context.WithoutCancel(t.Context()), line.NewConn(far, line.Server, s.Options()))
	}()
	c, err := imapclient.New(t.Context(), line.NewConn(near, line.Client, line.Options{MaxLine: imapclient.MaxLine}))
	if err == nil {
		err = c.StartTLS(t.Context(), &tls.Config{InsecureSkipVerify: true})
	}
	if err == nil {
		err = c.Login(t.Context(), sasl.Credentials{Login: "a@x.example", Password: "pass word"})
	}
	if err != nil {
		t.Error(err)
	}
	near.Close()
	<-done
	wantLines(t, log, `msg=login proto=imap remote=pipe login=a@x.example mechanism=SCRAM-SHA-256-PLUS tls="TLS 1.3"`)
}

// TestChangedPasswordEndsSessions: at once, whether a session idles or only waits; others go on.
func TestChangedPasswordEndsSessions(t *testing.T) {
	t.Parallel()
	s := newPeople(t, 1)
	waits, idles, other := as(t, s, "a"), as(t, s, "a"), as(t, s, "b")
	idles.want("SELECT INBOX", "* FLAGS", "* OK", "* 1 EXISTS", "* 1 RECENT", "* OK", "* OK", "* OK", "* OK", "* OK", "x OK")
	idles.send("x IDLE\r\n")
	idles.hears("+ ")
	if err := s.o.Directory.SetPassword(t.Context(), x("a"), "another pass word"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*peer{waits, idles} {
		p.hears("* BYE [EXPIRED]")
		if _, err := p.in.ReadByte(); err == nil {
			t.Error("the connection is open")
		}
	}
	other.want("NOOP", "x OK")
	acc, err := s.o.Directory.Account(t.Context(), x("b"))
	if err != nil {
		t.Fatal(err)
	}
	acc.Disabled = true
	if err := s.o.Directory.SetAccount(t.Context(), acc); err != nil {
		t.Fatal(err)
	}
	other.hears("* BYE [EXPIRED]")
}
