package smtpserver

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"strings"
	"testing"

	"tem/internal/line"
	"tem/internal/sasl"
	"tem/internal/wire/smtp"
)

func TestTrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	play(t, w.Options, "S: 220\nC: HELO ComputerNetwork\nS: 250\nC: AUTH LOGIN\nS: 334\nC: YW5AaGFub2kuZXhhbXBsZQ==\nS: 334\nC: c2VjcmV0\nS: 235\n"+
		"C: MAIL FROM: <an@hanoi.example>\nS: 250\nC: RCPT TO: <an@hanoi.example>\nS: 250\nC: DATA\nS: 354\nC: I love Computer Network\nC: .\nS: 250 2.0.0\n")
	got := w.inbox(t, "an")
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	_, id, _ := strings.Cut(got[0], " id ")
	id = id[:26]
	want := "Return-Path: <an@hanoi.example>\r\nReceived: from ComputerNetwork ([pipe])\r\n\tby mx.hanoi.example with SMTPA id " + id +
		"\r\n\tfor <an@hanoi.example>;\r\n\tMon, 30 Nov 2020 20:27:32 -0800\r\nMessage-ID: <" + id + "@mx.hanoi.example>\r\n" +
		"Date: Mon, 30 Nov 2020 20:27:32 -0800\r\nFrom: <an@hanoi.example>\r\n\r\nI love Computer Network\r\n"
	if got[0] != want {
		t.Errorf("got\n%s\nwant\n%s", got[0], want)
	}
}

func TestRelayLeavesTheMessageAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := "Subject: a\r\n\r\n.b\r\n"
	play(t, w.Options, "S: 220\nC: EHLO a\nC: MAIL FROM:<x@y.example>\nC: RCPT TO:<an@hanoi.example>\nC: RCPT TO:<binh@hanoi.example>\nC: DATA\nS: ...\nS: 354\nC: Subject: a\nC: \nC: ..b\nC: .\nS: 250 2.0.0\n")
	for _, name := range []string{"an", "binh"} {
		got := w.inbox(t, name)
		if len(got) != 1 || !strings.HasSuffix(got[0], " -0800\r\n"+text) || strings.Contains(got[0], "for <") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// upgrade says EHLO and STARTTLS with extra bytes in the same write, and does the handshake.
func upgrade(t *testing.T, nc net.Conn, extra string) *textproto.Conn {
	t.Helper()
	r := textproto.NewConn(nc)
	_, _, err := r.ReadResponse(220)
	check(t, err)
	go io.WriteString(nc, "EHLO a\r\nMAIL FROM:<x@y.example>\r\nSTARTTLS\r\n"+extra)
	for _, code := range []int{250, 250, 220} {
		_, _, err = r.ReadResponse(code)
		check(t, err)
	}
	tc := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	check(t, tc.Handshake())
	return textproto.NewConn(tc)
}

func TestStartTLSDiscardsPlaintext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.Options
	o.TLS, o.InsecureAuth = testTLS(t), nil
	c := upgrade(t, dialled(t, o), "EHLO evil\r\nAUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\r\nMAIL FROM:<evil@y.example>\r\n")
	c.PrintfLine("RCPT TO:<an@hanoi.example>") // neither EHLO nor MAIL of before counts (RFC 3207 §4.2)
	if _, _, err := c.ReadResponse(503); err != nil {
		t.Fatal(err)
	}
	c.PrintfLine("EHLO b")
	_, text, err := c.ReadResponse(250)
	check(t, err)
	if !strings.Contains(text, "AUTH SCRAM-SHA-256") || strings.Contains(text, "STARTTLS") {
		t.Error(text)
	}
	for _, l := range []string{"MAIL FROM:<x@y.example>", "RCPT TO:<an@hanoi.example>"} {
		c.PrintfLine("%s", l)
		_, _, err = c.ReadResponse(250)
		check(t, err)
	}
	c.PrintfLine("DATA")
	_, _, err = c.ReadResponse(354)
	check(t, err)
	c.PrintfLine("Subject: a\r\n\r\nb\r\n.")
	_, _, err = c.ReadResponse(250)
	check(t, err)
	got := w.inbox(t, "an")
	if len(got) != 1 || !strings.Contains(got[0], "with ESMTPS id ") || !strings.Contains(got[0], "(version=TLS1_3 cipher=TLS_") || strings.Contains(got[0], "evil") {
		t.Errorf("%q", got)
	}
}

// counting counts what the server writes.
type counting struct {
	net.Conn
	writes int
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

func TestPipeliningIsAnsweredInOneWrite(t *testing.T) {
	t.Parallel()
	s := New(newWorld(t).Options)
	client, server := net.Pipe()
	count := &counting{Conn: server}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Handle(t.Context(), line.NewConn(count, line.Server, s.Options()))
	}()
	go io.WriteString(client, "EHLO a\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<an@hanoi.example>\r\nRCPT TO:<nobody@hanoi.example>\r\nRSET\r\nQUIT\r\n")
	io.Copy(io.Discard, bufio.NewReader(client))
	<-done
	if count.writes != 2 { // the greeting, and all the rest
		t.Errorf("%d writes", count.writes)
	}
}

func TestClientAgainstServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.Options
	o.Mode, o.TLS, o.InsecureAuth = Submission, testTLS(t), nil
	ctx := t.Context()
	c, err := smtp.NewClient(ctx, line.NewConn(dialled(t, o), line.Client, line.Options{}))
	check(t, err)
	check(t, c.Hello(ctx, "client.example"))
	check(t, c.StartTLS(ctx, &tls.Config{InsecureSkipVerify: true}))
	m, err := sasl.NewClient(strings.Fields(c.Ext["AUTH"]), sasl.Credentials{Login: "an@hanoi.example", Password: "secret", Channel: sasl.Under(c.Conn())})
	check(t, err)
	check(t, c.Auth(ctx, m))
	for range 2 {
		replies, err := c.Send(ctx, smtp.Transaction{
			From: "an@hanoi.example", To: []string{"binh@hanoi.example", "nobody@hanoi.example"},
			Content: strings.NewReader("Subject: a\r\n\r\n.dot\r\n"), Size: 20,
		})
		check(t, err)
		if replies[0].Code != 250 || replies[1].Code != 550 || replies[1].Enhanced.String() != "5.1.1" {
			t.Errorf("%v", replies)
		}
		replies, err = c.Send(ctx, smtp.Transaction{From: "an@hanoi.example", To: []string{"nobody@hanoi.example"}, Content: strings.NewReader("")})
		if err != nil || replies[0].Code != 550 {
			t.Errorf("%v, %v", replies, err)
		}
	}
	check(t, c.Quit(ctx))
	if got := w.inbox(t, "binh"); len(got) != 2 || !strings.HasSuffix(got[0], "\r\n.dot\r\n") || !strings.Contains(got[0], "with ESMTPSA id") {
		t.Errorf("%q", got)
	}
}
