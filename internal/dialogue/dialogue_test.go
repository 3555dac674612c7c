package dialogue

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tem/internal/line"
)

// play is a scripted server: it says the lines that begin with "S: ", expects
// those with "C: ", does the handshake at "TLS", and at the end closes.
func play(t *testing.T, nc net.Conn, cfg *tls.Config, script string) {
	defer nc.Close()
	r := bufio.NewReader(nc)
	for step := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		step = strings.TrimLeft(step, "\t")
		switch {
		case step == "":
		case step == "TLS":
			over := tls.Server(nc, cfg)
			if err := over.Handshake(); err != nil {
				t.Logf("server: %v", err)
				return
			}
			nc, r = over, bufio.NewReader(over)
		case strings.HasPrefix(step, "S: "):
			io.WriteString(nc, step[3:]+"\r\n")
		case strings.HasPrefix(step, "C: "):
			l, err := r.ReadString('\n')
			if err != nil || l != step[3:]+"\r\n" {
				t.Errorf("server: %q, %v; want %q", l, err, step[3:])
				return
			}
		default:
			t.Errorf("bad step %q", step)
		}
	}
}

// converse runs a dialogue of typed lines against a scripted server over
// loopback and returns what was shown.
func converse(t *testing.T, o Options, cfg *tls.Config, script string, typed ...string) (string, Outcome, error) {
	t.Helper()
	if o.Input == nil {
		o.Input = typing(typed)
	}
	client, server := pair(t)
	var wg sync.WaitGroup
	wg.Go(func() { play(t, server, cfg, script) })
	var shown bytes.Buffer
	o.Tap = &line.Printer{W: &shown}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outcome, err := Run(ctx, client, o)
	wg.Wait()
	return shown.String(), outcome, err
}

// pair is a connection over loopback, from both ends.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err == nil {
		server, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

func typing(lines []string) func(bool) (string, error) {
	return func(bool) (string, error) {
		if len(lines) == 0 {
			return "", io.EOF
		}
		l := lines[0]
		lines = lines[1:]
		return l, nil
	}
}

func dedent(s string) string {
	var b strings.Builder
	for l := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		b.WriteString(strings.TrimLeft(l, "\t") + "\n")
	}
	return b.String()
}

func TestDialogues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, protocol string
		server         string
		typed          []string
		shown          string
		outcome        Outcome
	}{
		{"figure 5", "smtp", `
			S: 220 mail.example ESMTP
			C: EHLO me
			S: 250-mail.example
			S: 250 AUTH PLAIN LOGIN
			C: AUTH LOGIN
			S: 334 VXNlcm5hbWU6
			C: c2VjcmV0dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: c2VjcmV0cGFzcw==
			S: 235 2.7.0 welcome
			C: AUTH PLAIN c2VjcmV0
			S: 503 5.5.1 already
			C: DATA
			S: 354 go ahead
			C: I love Computer Network
			C: ..dotted
			C: .
			S: 250 2.0.0 OK
			C: QUIT
			S: 221 bye`,
			[]string{"EHLO me", "", "AUTH LOGIN", "c2VjcmV0dXNlcg==", "c2VjcmV0cGFzcw==", "AUTH PLAIN c2VjcmV0", "DATA", "I love Computer Network", ".dotted", ".", "QUIT", "NOOP"}, `
			Server : 220 mail.example ESMTP
			Client : EHLO me
			Server : 250-mail.example
			Server : 250 AUTH PLAIN LOGIN
			Client : AUTH LOGIN
			Server : 334 VXNlcm5hbWU6
			Client : ‹secret 16 bytes›
			Server : 334 UGFzc3dvcmQ6
			Client : ‹secret 16 bytes›
			Server : 235 2.7.0 welcome
			Client : AUTH PLAIN ‹secret›
			Server : 503 5.5.1 already
			Client : DATA
			Server : 354 go ahead
			Client : I love Computer Network
			.dotted
			.
			Server : 250 2.0.0 OK
			Client : QUIT
			Server : 221 bye`, AuthRefused},
		{"temporary", "smtp", `
			S: 220 hi
			C: MAIL FROM:<>
			S: 550 no
			C: RCPT TO:<a@b>
			S: 450 later`,
			[]string{"MAIL FROM:<>", "RCPT TO:<a@b>"}, `
			Server : 220 hi
			Client : MAIL FROM:<>
			Server : 550 no
			Client : RCPT TO:<a@b>
			Server : 450 later`, Temporary},
		{"greeted with 554", "smtp", "S: 554 no\nC: QUIT\nS: 221 bye", []string{"QUIT"}, `
			Server : 554 no
			Client : QUIT
			Server : 221 bye`, Permanent},
		{"greeted with 421", "smtp", "S: 421 later", []string{"QUIT"}, "Server : 421 later", Temporary},
		{"login repaired", "smtp", `
			S: 220 hi
			C: AUTH PLAIN eA==
			S: 535 5.7.8 no
			C: AUTH PLAIN eQ==
			S: 235 yes`,
			[]string{"AUTH PLAIN eA==", "AUTH PLAIN eQ=="}, `
			Server : 220 hi
			Client : AUTH PLAIN ‹secret›
			Server : 535 5.7.8 no
			Client : AUTH PLAIN ‹secret›
			Server : 235 yes`, Fine},
		{"pop3", "pop3", `
			S: +OK ready
			C: pass  hunter2
			S: -ERR [AUTH] no
			C: APOP an c4c9334bac560ecc979e58001b3e22fb
			S: -ERR [SYS/TEMP] later
			C: CAPA
			S: +OK
			S: TOP
			S: .
			C: LIST 1
			S: +OK 1 86
			C: RETR 1
			S: +OK
			S: From: an
			S: ..I love
			S: .
			C: AUTH
			S: +OK
			S: PLAIN
			S: .
			C: AUTH PLAIN
			S: + 
			C: c2VjcmV0
			S: -ERR no
			C: UIDL
			S: +OK
			S: .
			C: QUIT
			S: +OK bye`,
			[]string{"  pass  hunter2", "APOP an c4c9334bac560ecc979e58001b3e22fb", "CAPA", "LIST 1", "RETR 1", "AUTH", "AUTH PLAIN", "c2VjcmV0", "UIDL", "QUIT"}, `
			Server : +OK ready
			Client : pass ‹secret›
			Server : -ERR [AUTH] no
			Client : APOP an ‹secret›
			Server : -ERR [SYS/TEMP] later
			Client : CAPA
			Server : +OK
			Server : TOP
			.
			Client : LIST 1
			Server : +OK 1 86
			Client : RETR 1
			Server : +OK
			Server : From: an
			.I love
			.
			Client : AUTH
			Server : +OK
			Server : PLAIN
			.
			Client : AUTH PLAIN
			Server : + 
			Client : ‹secret 8 bytes›
			Server : -ERR no
			Client : UIDL
			Server : +OK
			Server : .
			Client : QUIT
			Server : +OK bye`, AuthRefused},
		{"imap", "imap", `
			S: * OK ready
			C: a1 LOGIN an hunter2
			S: * CAPABILITY IMAP4rev1
			S: a1 OK in
			C: x SELECT INBOX
			S: * 1 EXISTS
			S: x OK [READ-WRITE] selected
			C: a2 fetch 1 (BODY[] FLAGS)
			S: * 1 FETCH (BODY[] {14}
			S: a2 OK not me
			S:  FLAGS ())
			S: a2 OK done
			C: a3 APPEND INBOX {7}
			S: + go
			C: a: b
			C: c
			S: a3 NO [OVERQUOTA] full
			C: a4 APPEND INBOX {2+}
			C: hi
			S: a4 OK
			C: a5 IDLE
			S: + idling
			C: DONE
			S: a5 OK
			C: a6 LOGOUT
			S: * BYE
			S: a6 OK`,
			[]string{"LOGIN an hunter2", "x SELECT INBOX", "fetch 1 (BODY[] FLAGS)", "APPEND INBOX {7}", "a: b", "c", "APPEND INBOX {2+}", "hi", "IDLE", "DONE", "LOGOUT"}, `
			Server : * OK ready
			Client : a1 LOGIN an ‹secret›
			Server : * CAPABILITY IMAP4rev1
			Server : a1 OK in
			Client : x SELECT INBOX
			Server : * 1 EXISTS
			Server : x OK [READ-WRITE] selected
			Client : a2 fetch 1 (BODY[] FLAGS)
			Server : * 1 FETCH (BODY[] {14}
			Server : a2 OK not me
			Server :  FLAGS ())
			Server : a2 OK done
			Client : a3 APPEND INBOX {7}
			Server : + go
			Client : a: b
			Client : c
			Server : a3 NO [OVERQUOTA] full
			Client : a4 APPEND INBOX {2+}
			Client : hi
			Server : a4 OK
			Client : a5 IDLE
			Server : + idling
			Client : DONE
			Server : a5 OK
			Client : a6 LOGOUT
			Server : * BYE
			Server : a6 OK`, Permanent},
		{"imap login by literals", "imap", `
			S: * OK ready
			C: a1 LOGIN {2}
			S: + go
			C: an {7}
			S: + go
			C: hunter2
			S: a1 NO [AUTHENTICATIONFAILED] no
			C: a2 AUTHENTICATE PLAIN
			S: + 
			C: c2VjcmV0
			S: a2 NO no
			C: a3 AUTHENTICATE PLAIN c2VjcmV0
			S: a3 NO [UNAVAILABLE] later`,
			[]string{"LOGIN {2}", "an {7}", "hunter2", "AUTHENTICATE PLAIN", "c2VjcmV0", "AUTHENTICATE PLAIN c2VjcmV0"}, `
			Server : * OK ready
			Client : a1 LOGIN {2}
			Server : + go
			Client : ‹secret 6 bytes›
			Server : + go
			Client : ‹secret 7 bytes›
			Server : a1 NO [AUTHENTICATIONFAILED] no
			Client : a2 AUTHENTICATE PLAIN
			Server : + 
			Client : ‹secret 8 bytes›
			Server : a2 NO no
			Client : a3 AUTHENTICATE PLAIN ‹secret›
			Server : a3 NO [UNAVAILABLE] later`, Temporary},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shown, outcome, err := converse(t, Options{Protocol: tt.protocol}, nil, tt.server, tt.typed...)
			if err != nil || outcome != tt.outcome {
				t.Errorf("outcome %d, want %d; %v", outcome, tt.outcome, err)
			}
			// The server may close before the end of the input is seen.
			shown = strings.TrimSuffix(shown, "  *    : the server closed the connection\n")
			if want := dedent(tt.shown); shown != want {
				t.Errorf("shown:\n%s\nwant:\n%s", shown, want)
			}
			for _, secret := range []string{"c2VjcmV0", "hunter2", "c4c9"} {
				if strings.Contains(shown, secret) {
					t.Errorf("%q was shown", secret)
				}
			}
		})
	}
}

// A server that speaks unasked is heard while nothing is typed, over TLS too.
func TestUnasked(t *testing.T) {
	t.Parallel()
	for _, security := range []Security{OnCommand, AtOnce} {
		server, client := certificate(t)
		heard := make(chan struct{})
		var once sync.Once
		typed := typing([]string{"IDLE", "DONE", "LOGOUT"})
		n := 0
		o := Options{Protocol: "imap", Security: security, TLS: client}
		o.Input = func(secret bool) (string, error) {
			if n++; n == 2 {
				<-heard
			}
			return typed(secret)
		}
		script := "S: * OK hi\nC: a1 IDLE\nS: + idling\nS: * 4 EXISTS\nC: DONE\nS: a1 OK\nC: a2 LOGOUT\nS: * BYE\nS: a2 OK"
		if security == AtOnce {
			script = "TLS\n" + script
		}
		conn, peer := pair(t)
		var wg sync.WaitGroup
		wg.Go(func() { play(t, peer, server, script) })
		o.Tap = tapFunc(func(e line.Event) {
			if strings.Contains(string(e.Text), "EXISTS") {
				once.Do(func() { close(heard) })
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		outcome, err := Run(ctx, conn, o)
		cancel()
		wg.Wait()
		if err != nil || outcome != Fine {
			t.Errorf("security %d: %d, %v", security, outcome, err)
		}
	}
}

type tapFunc func(line.Event)

func (f tapFunc) Event(e line.Event) { f(e) }

func TestServerCloses(t *testing.T) {
	t.Parallel()
	silent := func(bool) (string, error) { select {} }
	for _, tt := range []struct {
		name, server string
		input        func(bool) (string, error)
		outcome      Outcome
		err          error
	}{
		{"before the greeting", "", silent, Fine, ErrClosed},
		{"without a reply", "S: 220 hi\nC: NOOP", typing([]string{"NOOP"}), Fine, ErrClosed},
		{"while a person thinks", "S: 220 hi", silent, Fine, nil},
		{"with 421 while a person thinks", "S: 220 hi\nS: 421 waited too long", silent, Temporary, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, outcome, err := converse(t, Options{Protocol: "smtp", Input: tt.input}, nil, tt.server)
			if outcome != tt.outcome || !errors.Is(err, tt.err) {
				t.Errorf("%d, %v; want %d, %v", outcome, err, tt.outcome, tt.err)
			}
		})
	}
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	tests := []struct {
		protocol string
		server   string
		typed    []string
		security Security
	}{
		{"smtp", "S: 220 hi\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO me\nS: 250 hi\nC: QUIT\nS: 221 bye", []string{"STARTTLS", "EHLO me", "QUIT"}, OnCommand},
		{"smtp", "S: 220 hi\nC: EHLO [127.0.0.1]\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: QUIT\nS: 221 bye", []string{"QUIT"}, Upgrade},
		{"pop3", "S: +OK\nC: STLS\nS: +OK go\nTLS\nC: QUIT\nS: +OK", []string{"QUIT"}, Upgrade},
		{"imap", "S: * OK\nC: a1 STARTTLS\nS: a1 OK go\nTLS\nC: a2 LOGOUT\nS: * BYE\nS: a2 OK", []string{"LOGOUT"}, Upgrade},
		{"imap", "TLS\nS: * OK\nC: a1 LOGOUT\nS: * BYE\nS: a1 OK", []string{"LOGOUT"}, AtOnce},
	}
	for _, tt := range tests {
		t.Run(tt.protocol, func(t *testing.T) {
			t.Parallel()
			server, client := certificate(t)
			shown, outcome, err := converse(t, Options{Protocol: tt.protocol, Security: tt.security, TLS: client}, server, tt.server, tt.typed...)
			if err != nil || outcome != Fine {
				t.Errorf("%d, %v", outcome, err)
			}
			if !strings.Contains(shown, "  *    : TLS 1.3 TLS_") {
				t.Errorf("TLS is not shown:\n%s", shown)
			}
		})
	}
}

func TestTLSRefused(t *testing.T) {
	t.Parallel()
	server, client := certificate(t)
	_, outcome, err := converse(t, Options{Protocol: "pop3", Security: Upgrade, TLS: client}, server, "S: +OK\nC: STLS\nS: -ERR no")
	if !errors.Is(err, ErrTLS) || outcome != Permanent {
		t.Errorf("refused: %d, %v", outcome, err)
	}
	_, _, err = converse(t, Options{Protocol: "pop3", Security: AtOnce, TLS: &tls.Config{ServerName: "mail.example"}}, server, "TLS")
	var untrusted *tls.CertificateVerificationError
	if !errors.Is(err, ErrTLS) || !errors.As(err, &untrusted) {
		t.Errorf("untrusted: %v", err)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	o := Options{Protocol: "smtp", Notes: func(reply string) []string { return []string{"about " + reply} }}
	shown, _, err := converse(t, o, nil, "S: 220 hi\nC: EHLO me\nS: 250-a\nS: 250 b\nC: QUIT\nS: 221 bye", "EHLO me", "QUIT")
	want := "Server : 220 hi\n  *    : about 220 hi\nClient : EHLO me\nServer : 250-a\nServer : 250 b\n  *    : about 250 b\n" +
		"Client : QUIT\nServer : 221 bye\n  *    : about 221 bye\n"
	if err != nil || shown != want {
		t.Errorf("%v\n%s", err, shown)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	conn, peer := pair(t)
	defer peer.Close()
	go io.WriteString(peer, "220 hi\r\n")
	_, err := Run(ctx, conn, Options{Protocol: "smtp", Input: func(bool) (string, error) { cancel(); select {} }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Steps of a login are asked for as secrets.
func TestInputIsToldOfSecrets(t *testing.T) {
	t.Parallel()
	var secrets []bool
	typed := typing([]string{"AUTH PLAIN", "eA==", "QUIT"})
	o := Options{Protocol: "smtp", Input: func(secret bool) (string, error) {
		secrets = append(secrets, secret)
		return typed(secret)
	}}
	_, _, err := converse(t, o, nil, "S: 220 hi\nC: AUTH PLAIN\nS: 334 \nC: eA==\nS: 235 in\nC: QUIT\nS: 221 bye")
	if err != nil || len(secrets) != 3 || secrets[0] || !secrets[1] || secrets[2] {
		t.Errorf("%v, %v", secrets, err)
	}
}

// certificate is a throw-away one for mail.example, and who trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mail.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "mail.example"}
}
