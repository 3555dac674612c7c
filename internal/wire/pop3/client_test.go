package pop3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/sasl"
)

// dial plays a server from a script: "S: " is said, "C: " is what must come.
func dial(t *testing.T, script string) (*Client, error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		in := bufio.NewReader(far)
		for step := range strings.Lines(script) {
			step = strings.TrimRight(strings.TrimLeft(step, "\t"), "\n")
			if text, ok := strings.CutPrefix(step, "S: "); ok {
				io.WriteString(far, text+"\r\n")
			} else if want, ok := strings.CutPrefix(step, "C: "); ok {
				got, err := in.ReadString('\n')
				if want == "<EOF>" && err == io.EOF {
					return
				}
				if err != nil || got != want+"\r\n" {
					t.Errorf("client said %q (%v), want %q", got, err, want)
					return
				}
			}
		}
	}()
	conn := line.NewConn(near, line.Client, line.Options{Redact: Redact})
	t.Cleanup(func() { conn.Close(); <-done })
	return NewClient(t.Context(), conn)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, err := dial(t, `
		S: +OK ready
		C: CAPA
		S: +OK
		S: SASL PLAIN LOGIN
		S: uidl
		S: .
		C: USER an
		S: +OK
		C: PASS x y
		S: +OK
		C: STAT
		S: +OK 2 320
		C: LIST
		S: +OK
		S: 1 120
		S: 2 200
		S: .
		C: UIDL
		S: +OK
		S: 1 7.1
		S: .
		C: RETR 1
		S: +OK
		S: Subject: x
		S: 
		S: ..dot
		S: .
		C: TOP 2 1
		S: +OK
		S: A: b
		S: more
		S: .
		C: DELE 2
		S: -ERR [SYS/TEMP] busy
		C: QUIT
		S: +OK bye`)
	must(t, err)
	k, err := c.Capa(ctx)
	must(t, err)
	if !k.Has("UIDL") || len(k["SASL"]) != 2 {
		t.Errorf("capabilities %v", k)
	}
	must(t, c.Login(ctx, "an", "x y"))
	if n, size, err := c.Stat(ctx); n != 2 || size != 320 || err != nil {
		t.Errorf("STAT: %d %d %v", n, size, err)
	}
	if l, err := c.List(ctx); err != nil || len(l) != 2 || l[1] != (Listed{2, 200}) {
		t.Errorf("LIST: %v %v", l, err)
	}
	if l, err := c.UIDL(ctx); err != nil || len(l) != 1 || l[0] != (Unique{1, "7.1"}) {
		t.Errorf("UIDL: %v %v", l, err)
	}
	body, err := c.Retr(ctx, 1)
	must(t, err)
	if text, err := io.ReadAll(body); err != nil || string(text) != "Subject: x\r\n\r\n.dot\r\n" {
		t.Errorf("RETR: %q %v", text, err)
	}
	_, err = c.Top(ctx, 2, 1) // not read: the next command skips it
	must(t, err)
	var refused *Error
	if err := c.Dele(ctx, 2); !errors.As(err, &refused) || refused.Code != CodeTemporary || !refused.Temporary() || refused.Text != "busy" {
		t.Errorf("DELE: %v", err)
	}
	must(t, c.Quit(ctx))
}

func TestClientHearsNonsense(t *testing.T) {
	t.Parallel()
	if _, err := dial(t, "S: 220 smtp.example ESMTP"); err == nil || !strings.Contains(err.Error(), "220 smtp.example") {
		t.Errorf("greeting: %v", err)
	}
	c, err := dial(t, "S: +OK\nC: STAT\nS: +OK none\nC: LIST\nS: +OK\nS: x\nS: .\nC: NOOP\nS: +OK")
	must(t, err)
	if _, _, err := c.Stat(t.Context()); err == nil {
		t.Error("STAT took nonsense")
	}
	if _, err := c.List(t.Context()); err == nil {
		t.Error("LIST took nonsense")
	}
	must(t, c.Noop(t.Context())) // still in step
}

// plain is SASL PLAIN without a server's help.
type plain struct{ initial []byte }

func (plain) Mechanism() string             { return "PLAIN" }
func (p plain) Initial() ([]byte, error)    { return p.initial, nil }
func (plain) Proven() error                 { return nil }
func (plain) Next(c []byte) ([]byte, error) { return nil, errors.New("unexpected challenge") }

func TestClientAuth(t *testing.T) {
	t.Parallel()
	c, err := dial(t, "S: +OK\nC: AUTH PLAIN AGEAYg==\nS: -ERR [AUTH] no\nC: AUTH PLAIN AGEAYg==\nS: + eA==\nC: *\nS: -ERR cancelled\nC: NOOP\nS: +OK")
	must(t, err)
	var refused *Error
	if err := c.Auth(t.Context(), plain{[]byte("\x00a\x00b")}); !errors.As(err, &refused) || refused.Code != CodeAuth {
		t.Errorf("refusal: %v", err)
	}
	if err := c.Auth(t.Context(), plain{[]byte("\x00a\x00b")}); err == nil || err.Error() != "unexpected challenge" {
		t.Errorf("cancelled: %v", err)
	}
	must(t, c.Noop(t.Context()))
}

// unproven is a client whose server owes it a proof.
type unproven struct{ plain }

func (unproven) Proven() error { return sasl.ErrUnproven }

func TestClientWantsProof(t *testing.T) {
	t.Parallel()
	c, err := dial(t, "S: +OK\nC: AUTH PLAIN AGEAYg==\nS: +OK in\nC: AUTH PLAIN AGEAYg==\nS: -ERR [AUTH] no")
	must(t, err)
	m := unproven{plain{[]byte("\x00a\x00b")}}
	if err := c.Auth(t.Context(), m); !errors.Is(err, sasl.ErrUnproven) {
		t.Errorf("success without proof: %v", err)
	}
	var refused *Error
	if err := c.Auth(t.Context(), m); !errors.As(err, &refused) {
		t.Errorf("refusal: %v", err)
	}
}

// A response that would make the command too long goes behind the first challenge.
func TestClientAuthLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("AAAA", 80)
	c, err := dial(t, "S: +OK\nC: AUTH PLAIN\nS: + \nC: "+long+"\nS: +OK")
	must(t, err)
	must(t, c.Auth(t.Context(), plain{make([]byte, 240)}))
}

func TestClientContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := dial(t, "S: +OK\nC: NOOP\nC: <EOF>")
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := c.Noop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("NOOP without an answer: %v", err)
		}
		c.Close()
	})
}
