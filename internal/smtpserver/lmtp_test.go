package smtpserver

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
)

func TestLMTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.Options
	o.Mode, o.Auth, o.MaxRecipients = LMTP, nil, 10
	to := func(names ...string) (s string) {
		for _, n := range names {
			s += "C: RCPT TO:<" + n + "@hanoi.example>\nS: 250 2.1.5\n"
		}
		return s
	}
	const start = "C: MAIL FROM:<x@crepes.fr>\nS: 250\n"
	big := strings.Repeat("C: "+strings.Repeat("x", 98)+"\n", 25)
	play(t, o, "S: 220 mx.hanoi.example LMTP\nC: EHLO a\nS: 500 5.5.1\nC: HELO a\nS: 500 5.5.1\nC: MAIL FROM:<>\nS: 503\nC: LHLO mx.crepes.fr\nS: ...\nS: 250 HELP\n"+
		start+"C: DATA\nS: 503 5.5.1\nC: RCPT TO:<x@saigon.example>\nS: 551 5.7.1\nC: RCPT TO:<nobody@hanoi.example>\nS: 550 5.1.1\n"+
		// one reply for each recipient that was accepted, and for each time it was
		to("an", "full", "binh", "an")+"C: DATA\nS: 354\nC: Subject: a\nC: \n"+big+"C: .\nS: 250 2.0.0\nS: 452 4.2.2\nS: 250 2.0.0\nS: 250 2.0.0\n"+noop+
		start+to("an", "binh")+chunkOf("A: b\r\n\r\nc\r\n", false)+"S: 250 2.0.0 11 octets\nC: BDAT 0 LAST\nS: 250 2.0.0\nS: 250 2.0.0\n"+noop+
		start+to("an", "binh")+chunkOf("A: b\n", false)+"S: 550 5.6.11\n"+noop+"C: RSET\nS: 250\n"+
		start+to("an", "binh")+"C: DATA\nS: 354\n"+raw("a\nb\r\n.\r\n")+"S: 550 5.6.11\nS: 550 5.6.11\n"+noop+
		start+to("full")+"C: DATA\nS: 354\nC: Subject: a\nC: \n"+big+"C: .\nS: 452 4.2.2\n"+noop+"C: QUIT\nS: 221\nS: <EOF>\n")
	if got := w.inbox(t, "an"); len(got) != 2 || !strings.Contains(got[0], "with LMTP id") {
		t.Errorf("%q", got)
	}
	play(t, w.Options, "S: 220\nC: LHLO a\nS: 500 5.5.1\n")
}

// proxied is the world's options where everybody may say whom they speak for.
func proxied(w *world) Options {
	o := w.Options
	o.Trusted = func(net.Addr) bool { return true }
	return o
}

func TestXClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	play(t, w.Options, hi+"C: XCLIENT ADDR=192.0.2.1\nS: 550 5.7.0\n")
	o := proxied(w)
	o.InsecureAuth = func(a net.Addr) bool { return !strings.HasPrefix(a.String(), "192.0.2.1:") }
	play(t, o, hi+mailX+"C: XCLIENT ADDR=192.0.2.1\nS: 503 5.5.1\nC: RSET\nS: 250\n"+
		"C: XCLIENT FOO=1\nS: 501 5.5.4\nC: XCLIENT LOGIN=nobody@hanoi.example\nS: 535 5.7.8\nC: XCLIENT HELO=a(b)\nS: 501 5.5.4\n"+
		"C: XCLIENT ADDR=192.0.2.1 PORT=4711 NAME=[UNAVAILABLE]\nS: 220 mx.hanoi.example ESMTP\nC: MAIL FROM:<>\nS: 503 5.5.1\n"+
		"C: EHLO behind.example\nS: 250-mx.hanoi.example Hello behind.example [192.0.2.1]\nS: ...\nS: 250-XCLIENT NAME\nS: 250 HELP\nC: AUTH PLAIN\nS: 538\n"+
		"C: XCLIENT HELO=other.example PROTO=ESMTP LOGIN=an@hanoi.example\nS: 220\n"+
		"C: MAIL FROM:<an@hanoi.example> SMTPUTF8\nS: 250\nC: RCPT TO:<x@saigon.example>\nS: 25\nC: RCPT TO:<an@hanoi.example>\nS: 250\nC: DATA\nS: 354\nC: Subject: a\nC: \nC: b\nC: .\nS: 250\n"+
		"C: XCLIENT ADDR=IPV6:2001:db8::1 LOGIN=[UNAVAILABLE]\nS: 220\nC: EHLO a\nS: 250-mx.hanoi.example Hello a [IPv6:2001:db8::1]\nS: ...\nS: 250 HELP\n"+
		"C: MAIL FROM:<an@hanoi.example>\nS: 250\nC: RCPT TO:<x@saigon.example>\nS: 551\n")
	got := w.inbox(t, "an")
	if len(got) != 1 || !strings.Contains(got[0], "from other.example ([192.0.2.1])") || !strings.Contains(got[0], "with UTF8SMTPA id") {
		t.Errorf("%q", got)
	}
}

// Who speaks before the greeting is sent away, on port 25 only.
func TestEarlyTalker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		o := w.Options
		o.GreetDelay = 5 * time.Second
		early := "C: EHLO a\nW: 1s\nS: 554 5.5.1\nS: <EOF>\n"
		play(t, o, early)
		began := time.Now()
		play(t, o, "S: 220\nC: QUIT\nS: 221\nS: <EOF>\n")
		if took := time.Since(began); took != o.GreetDelay {
			t.Errorf("greeted after %v", took)
		}
		o.Mode = Submission
		play(t, o, "C: EHLO a\nS: 220\nS: ...\nS: 250 HELP\n")
		o.Mode, o.GreetDelay = Relay, 0 // nobody is sent away for being quick
		play(t, o, "C: EHLO a\nS: 220\nS: ...\nS: 250 HELP\n")
	})
}

// Over TCP what has come is seen, and nothing where nothing has.
func TestEarlyTalkerOverTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	client, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	defer client.Close()
	server, err := l.Accept()
	check(t, err)
	c := line.NewConn(server, line.Server, line.Options{})
	defer c.Close()
	if c.Pending() {
		t.Error("something came of nothing")
	}
	client.Write([]byte("EHLO a\r\n"))
	check(t, c.Wait(time.Now().Add(time.Minute)))
	if !c.Pending() {
		t.Error("what came is not seen")
	}
}
