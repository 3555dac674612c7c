package smtp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"tem/internal/line"
	"tem/internal/message/dsn"
	"tem/internal/sasl"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, verb, path, params string
		code                   int
	}{
		{in: "noop", verb: "NOOP"},
		{in: "MAIL FROM:<a@b.example>", verb: "MAIL", path: "a@b.example"},
		{in: "mail from: <a@b.example>  size=10 Body=8BITMIME", verb: "MAIL", path: "a@b.example", params: "SIZE=10 BODY=8BITMIME"},
		{in: "MAIL FROM:<>", verb: "MAIL"},
		{in: `MAIL FROM:<"a>b"@c>`, verb: "MAIL", path: `"a>b"@c`},
		{in: "RCPT TO:<@x,@y:a@b>", verb: "RCPT", path: "a@b"},
		{in: "RCPT TO:<điệp@b>", verb: "RCPT", path: "điệp@b"},
		{in: "RCPT TO:<>", verb: "RCPT", code: 553},
		{in: "RCPT TO:<@x>", verb: "RCPT", code: 553},
		{in: "MAIL FROM:<postmaster>", verb: "MAIL", code: 553},
		{in: "MAIL FROM:<a@b>SIZE=1", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b", verb: "MAIL", code: 501},
		{in: "MAIL FROM:a@b", verb: "MAIL", code: 501},
		{in: "MAIL TO:<a@b>", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b> X==1", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b> =1", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b> SMTPUTF8 SMTPUTF8", verb: "MAIL", code: 501},
		{in: "ſtarttls", verb: "ſTARTTLS"}, // its letters have S and I for capitals
		{in: "quıt", verb: "QUıT"},
		{in: "MAIL FROM:<a@b> ſIZE=1", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b> BODY=8BıTMIME", verb: "MAIL", code: 501},
		{in: "MAIL FROM:<a@b> SIZE=1\u00a0BODY=7BIT", verb: "MAIL", code: 501},
		{in: "RCPT TO:<a@b> ORCPT=utf-8;điệp", verb: "RCPT", path: "a@b", params: "ORCPT=utf-8;điệp"},
		{in: "NOOP \x00", code: 501},
		{in: "NOOP \xff", code: 501},
	} {
		c, err := Parse([]byte(tt.in))
		code := 0
		if r, ok := err.(*Reply); ok {
			code = r.Code
		}
		if code != tt.code || c.Verb != tt.verb || code == 0 && (c.Path.String() != tt.path || params(c) != tt.params) {
			t.Errorf("%q: %+v, %v", tt.in, c, err)
		}
	}
}

func params(c Command) string {
	var all []string
	for _, p := range c.Params {
		all = append(all, strings.TrimSuffix(p.Name+"="+p.Value, "="))
	}
	return strings.Join(all, " ")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"MAIL FROM:<a@b> SIZE=1", `RCPT TO:<"\"">`, "RCPT TO:<@a:b@c>", "EHLO x", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, l []byte) {
		c, err := Parse(l)
		if _, ok := err.(*Reply); err != nil && !ok {
			t.Fatalf("%T", err)
		}
		if err != nil || c.Verb != "MAIL" {
			return
		}
		again, err := Parse([]byte("MAIL FROM:<" + c.Path.String() + "> " + params(c)))
		if err != nil || again.Path != c.Path || params(again) != params(c) {
			t.Errorf("%q: %+v, then %+v, %v", l, c, again, err)
		}
	})
}

// TestReplyLines: whatever is quoted, a reply is ASCII unless it may be more, and its lines are not too long.
func TestReplyLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ệ", 1000)
	for _, tt := range []struct {
		reply Reply
		want  string
	}{
		{Reply{Code: 550, Lines: []string{"<điệp@b>\r\n"}}, `550 <\x{111}i\x{1EC7}p@b>??`},
		{Reply{Code: 250, Lines: []string{"<điệp@b>\t"}, UTF8: true}, "250 <điệp@b>?"},
		{Reply{Code: 250, Lines: []string{long}, UTF8: true}, "250 " + long[:3*168]},
		{Reply{Code: 501, Lines: []string{strings.Repeat("x", 2000)}}, "501 " + strings.Repeat("x", 506)},
		{Reply{Code: 334, Lines: []string{strings.Repeat("x", 2000)}}, "334 " + strings.Repeat("x", 2000)},
	} {
		client, server := net.Pipe()
		go func() {
			c := line.NewConn(server, line.Server, line.Options{})
			tt.reply.Write(c)
			c.Close()
		}()
		got, err := io.ReadAll(client)
		if err != nil || string(got) != tt.want+"\r\n" {
			t.Errorf("%v: %q, %v", tt.reply, got, err)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"AUTH PLAIN c2VjcmV0":  "AUTH PLAIN ‹secret›",
		"auth  login c2VjcmV0": "auth login ‹secret›",
		"AUTH LOGIN":           "AUTH LOGIN",
		"AUTH XOAUTH2 dXNlcj1": "AUTH XOAUTH2 ‹secret›",
		" AUTH\tPLAIN c2Vj":    "AUTH PLAIN ‹secret›",
		"MAIL FROM:<a@b> X=1":  "MAIL FROM:<a@b> X=1",
		"c2VjcmV0":             "‹secret 8 bytes›",
		"AGFuAHNlY3JldHM=":     "‹secret 16 bytes›",
		"quit":                 "quit", "STARTTLS": "STARTTLS", "DATA": "DATA", "FOO": "FOO",
	} {
		if got := string(Redact([]byte(in))); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// peer is a server that answers each line as the script says, and keeps what it was told.
func peer(t *testing.T, answers ...string) (*line.Conn, *[]string) {
	t.Helper()
	client, server := net.Pipe()
	told := &[]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		in := bufio.NewScanner(server)
		for i, a := range answers {
			if i > 0 {
				if !in.Scan() {
					return
				}
				*told = append(*told, in.Text())
			}
			if a != "" {
				io.WriteString(server, a+"\r\n")
			}
		}
	}()
	t.Cleanup(func() { client.Close(); <-done })
	return line.NewConn(client, line.Client, line.Options{}), told
}

func TestClientWithoutExtensions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c, _ := peer(t, "220 old", "500 what", "250 hello", "250 ok", "550 5.1.1 no", "250 ok", "354 go", "", "", "250 done", "421 4.3.2 bye")
	cl, err := NewClient(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.Hello(ctx, "me"); err != nil || len(cl.Ext) != 0 {
		t.Fatal(err, cl.Ext)
	}
	replies, err := cl.Send(ctx, Transaction{From: "a@b", To: []string{"x@y", "z@y"}, Content: strings.NewReader(".a\r\nb")})
	if err != nil || replies[0].Code != 550 || replies[0].Enhanced.String() != "5.1.1" || replies[1].Code != 250 {
		t.Fatalf("%v, %v", replies, err)
	}
	replies, err = cl.Send(ctx, Transaction{From: "a@b", To: []string{"x@y"}, Content: strings.NewReader("")})
	if err == nil || replies[0].Code != 421 {
		t.Errorf("%v, %v", replies, err)
	}
}

func TestClientRefusedGreeting(t *testing.T) {
	t.Parallel()
	c, _ := peer(t, "554 5.3.2 no mail here")
	_, err := NewClient(context.Background(), c)
	if r, ok := err.(*Reply); !ok || r.Status("mx").Code.String() != "5.3.2" {
		t.Error(err)
	}
}

// unproven is a client whose server owes it a proof.
type unproven struct{}

func (unproven) Mechanism() string           { return "X" }
func (unproven) Initial() ([]byte, error)    { return []byte("a"), nil }
func (unproven) Next([]byte) ([]byte, error) { return nil, nil }
func (unproven) Proven() error               { return sasl.ErrUnproven }

func TestClientWantsProof(t *testing.T) {
	t.Parallel()
	c, _ := peer(t, "220 hi", "235 2.7.0 welcome", "535 5.7.8 no")
	cl, err := NewClient(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := cl.Auth(t.Context(), unproven{}); !errors.Is(err, sasl.ErrUnproven) {
		t.Errorf("success without proof: %v", err)
	}
	var refused *Reply
	if err := cl.Auth(t.Context(), unproven{}); !errors.As(err, &refused) {
		t.Errorf("refusal: %v", err)
	}
}

func TestClientRefusesInjection(t *testing.T) {
	t.Parallel()
	c, told := peer(t, "220 hi", "250 hi")
	cl, err := NewClient(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	replies, err := cl.Send(context.Background(), Transaction{From: "a@b", To: []string{"x@y>\r\nRSET"}, Content: strings.NewReader("")})
	if err != nil || replies[0].Code != 553 || len(*told) != 0 {
		t.Errorf("%v, %v, %q", replies, err, *told)
	}
}

func TestStatusQuotes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reply *Reply
		want  string
		class func(dsn.Status) bool
	}{
		{&Reply{Code: 550, Lines: []string{""}}, "550", dsn.Status.Permanent},
		{&Reply{Code: 450, Lines: []string{"later", "please"}}, "450 later please", dsn.Status.Temporary},
		{&Reply{Code: 250, Lines: []string{"ok"}}, "250 ok", dsn.Status.OK},
		{&Reply{Code: 354, Lines: []string{"go"}}, "354 4.0.0 go", dsn.Status.Temporary},
		{&Reply{Code: 550, Enhanced: dsn.Code{5, 1, 1}, Lines: []string{"no"}}, "550 5.1.1 no", dsn.Status.Permanent},
	} {
		if s := c.reply.Status("mx"); s.String() != c.want || !c.class(s) || s.Remote != "mx" {
			t.Errorf("%v: %q, want %q", c.reply, s, c.want)
		}
	}
}
