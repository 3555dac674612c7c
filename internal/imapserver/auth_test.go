package imapserver

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"tem/internal/line"
	"tem/internal/sasl"
)

// certificate is a throw-away one.
func certificate(t *testing.T) *tls.Config {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	return &tls.Config{Certificates: web.TLS.Certificates}
}

func TestStartTLSThrowsPlaintextAway(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	s.o.InsecureAuth, s.o.TLS = nil, certificate(t)
	p := connect(t, s, s.Options(), nil)
	p.want("CAPABILITY", "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE STARTTLS LOGINDISABLED", "x OK")
	p.send("a STARTTLS\r\nb LOGIN a@x.example \"pass word\"\r\nc CREATE injected\r\n")
	p.until("a OK")
	over := tls.Client(p.nc, &tls.Config{InsecureSkipVerify: true})
	if err := over.Handshake(); err != nil {
		t.Fatal(err)
	}
	p.nc, p.in = over, bufio.NewReader(over)
	got := p.do("CAPABILITY")
	if len(got) != 2 || strings.Contains(got[0], "STARTTLS") || !strings.Contains(got[0], "AUTH=") {
		t.Fatalf("after TLS: %q", got)
	}
	p.want("STARTTLS", "x BAD")
	p.want(`LOGIN a@x.example "pass word"`, "x OK [CAPABILITY")
	p.want(`LIST "" injected`, "x OK")
}

func TestMechanisms(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	for _, name := range sasl.Mechanisms(s.o.Auth, sasl.Channel{}) {
		for _, ir := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", name, ir), func(t *testing.T) {
				t.Parallel()
				authenticate(t, connect(t, s, s.Options(), nil), name, "pass word", ir, "x OK [CAPABILITY")
				authenticate(t, connect(t, s, s.Options(), nil), name, "pass", ir, "x NO [AUTHENTICATIONFAILED]")
			})
		}
	}
}

// authenticate does one exchange; ir sends the initial response with the
// command (RFC 4959).
func authenticate(t *testing.T, p *peer, name, password string, ir bool, want string) {
	t.Helper()
	c, err := sasl.NewClient([]string{name}, sasl.Credentials{Login: "a@x.example", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Initial()
	if err != nil {
		t.Fatal(err)
	}
	command := "x AUTHENTICATE " + name
	initial := response != nil
	if ir && initial {
		command += " " + base64.StdEncoding.EncodeToString(response)
		initial = false
	}
	p.send(command + "\r\n")
	for {
		got := p.line()
		challenge, more := strings.CutPrefix(got, "+ ")
		if !more {
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			return
		}
		if text, err := base64.StdEncoding.DecodeString(challenge); err != nil {
			t.Fatal(err)
		} else if initial {
			initial = false
		} else if response, err = c.Next(text); err != nil {
			t.Fatal(err)
		}
		p.send(base64.StdEncoding.EncodeToString(response) + "\r\n")
	}
}

// recorder keeps what a tap sees.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) Event(e line.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.text, "%d %s\n", e.From, e.Text)
}

func TestTapSeesNoSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	encoded := base64.StdEncoding.EncodeToString([]byte("\x00a@x.example\x00sesame"))
	encodedToken := base64.StdEncoding.EncodeToString([]byte("user=a@x.example\x01auth=Bearer sesame\x01\x01"))
	s.o.Auth = withTokens{s.o.Auth, "another"}
	for name, text := range map[string]string{
		"quoted":     "a LOGIN a@x.example \"sesame\"\r\n",
		"spaced":     "a  LOGIN  a@x.example  sesame\r\n",
		"no tag":     "LOGIN a@x.example sesame\r\n",
		"literal":    "a LOGIN a@x.example {6+}\r\nsesame\r\n",
		"literals":   "a LOGIN {11+}\r\na@x.example {6+}\r\nsesame\r\n",
		"too long":   "a LOGIN a@x.example {9000+}\r\n" + strings.Repeat("sesame", 1500) + "\r\n",
		"garbage":    "a LOGIN a@x.example {6+}\r\nsesame sesame\r\n",
		"initial":    "a AUTHENTICATE PLAIN " + encoded + "\r\n",
		"continued":  "a AUTHENTICATE PLAIN\r\n" + encoded + "\r\n",
		"login":      "a AUTHENTICATE LOGIN\r\nYUB4LmV4YW1wbGU=\r\nc2VzYW1l\r\n",
		"token":      "a AUTHENTICATE XOAUTH2 " + encodedToken + "\r\n\r\n",
		"token, too": "a AUTHENTICATE OAUTHBEARER\r\n" + encodedToken + "\r\nAQ==\r\n",
		"incomplete": "a LOGIN {6+}\r\nsesame\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &recorder{}
			o := s.Options()
			o.Tap = seen
			p := connect(t, s, o, nil)
			go p.nc.Write([]byte(text + "z LOGOUT\r\n"))
			p.until("z OK")
			seen.mu.Lock()
			defer seen.mu.Unlock()
			for _, secret := range []string{"sesame", encoded, encodedToken, "c2VzYW1l"} {
				if strings.Contains(seen.text.String(), secret) {
					t.Errorf("the tap saw %q:\n%.1000s", secret, seen.text.String())
				}
			}
		})
	}
}
