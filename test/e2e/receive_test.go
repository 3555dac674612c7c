package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wire is a dialogue by hand, with whatever connection is under it.
type wire struct {
	*textproto.Conn
	nc net.Conn
	t  *testing.T
}

// speak begins a dialogue at an address, or a socket, and reads the greeting.
func speak(t *testing.T, network, address, preface string) *wire {
	t.Helper()
	nc, err := net.DialTimeout(network, address, testTime)
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	nc = patient{nc}
	_, err = nc.Write([]byte(preface))
	must(t, err)
	w := &wire{textproto.NewConn(nc), nc, t}
	w.expect("greeting", 220)
	return w
}

// expect reads a reply, which must have that code.
func (w *wire) expect(what string, code int) string {
	w.t.Helper()
	got, said, err := w.ReadResponse(0)
	if err != nil || got != code {
		w.t.Errorf("%s: %d %s %v, want %d", what, got, said, err, code)
	}
	return said
}

// says sends a line and expects a code.
func (w *wire) says(code int, format string, args ...any) string {
	w.t.Helper()
	line := fmt.Sprintf(format, args...)
	must(w.t, w.PrintfLine("%s", line))
	return w.expect(line, code)
}

func (w *wire) startTLS() {
	w.t.Helper()
	w.says(220, "STARTTLS")
	c := tls.Client(w.nc, &tls.Config{InsecureSkipVerify: true}) // any certificate: that is not what this is about
	must(w.t, c.Handshake())
	w.nc, w.Conn = c, textproto.NewConn(c)
}

// words are the extensions of an EHLO reply, without the greeting.
func words(said string) string {
	_, list, _ := strings.Cut(said, "\n")
	return " " + strings.Join(strings.Fields(list), " ") + " "
}

// TestReceive looks at each door as another server, a mail program, a proxy and a
// local mail server do.
func TestReceive(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	socket := filepath.Join(t.TempDir(), "lmtp.sock")
	n := newNode(t, "mail.hue.example", fmt.Sprintf("tls = { cert = %q, key = %q }\nlisten.lmtp = [%q]\n[trusted]\nproxy = [\"127.0.0.5\"]\nxclient = [\"127.0.0.1\"]\n[limits]\nmessage = \"1M\"\n",
		cert, key, socket))
	n.do(t, "domain", "add", "hue.example")
	an := n.addAccount(t, "an@hue.example")

	var taken []string // the last replies of letters
	t.Run("port 25", func(t *testing.T) {
		w := speak(t, "tcp", n.At("smtp"), "")
		clear := words(w.says(250, "EHLO there.example"))
		has(t, "in clear", clear, " PIPELINING ", " SIZE 1048576 ", " 8BITMIME ", " BINARYMIME ", " CHUNKING ", " SMTPUTF8 ", " DSN ", " ENHANCEDSTATUSCODES ", " STARTTLS ", " LIMITS RCPTMAX=1000 ", " DELIVERBY ", " MT-PRIORITY ", " RRVS ", " XCLIENT ")
		hasNot(t, "in clear", clear, " REQUIRETLS ", " FUTURERELEASE ")
		w.says(555, "MAIL FROM:<a@there.example> REQUIRETLS")
		w.startTLS()
		secure := words(w.says(250, "EHLO there.example"))
		has(t, "in TLS", secure, " REQUIRETLS ")
		hasNot(t, "in TLS", secure, " STARTTLS ")
		w.says(552, "MAIL FROM:<a@there.example> SIZE=2000000")
		w.says(250, "MAIL FROM:<a@there.example> BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=x+2B1 BY=120;R MT-PRIORITY=-3")
		w.says(550, "RCPT TO:<nobody@hue.example>")
		w.says(551, "RCPT TO:<b@there.example>")
		w.says(250, "RCPT TO:<an+tag@hue.example> NOTIFY=NEVER ORCPT=rfc822;an@hue.example")
		must(t, w.PrintfLine("BDAT 40"))
		w.W.WriteString("From: a@there.example\r\nSubject: chunks\r\n")
		must(t, w.W.Flush())
		w.expect("BDAT", 250)
		must(t, w.PrintfLine("BDAT 8 LAST"))
		w.W.WriteString("\r\nin two")
		must(t, w.W.Flush())
		taken = append(taken, "250 "+w.expect("BDAT LAST", 250))
		w.says(221, "QUIT")
	})
	t.Run("submission", func(t *testing.T) {
		w := speak(t, "tcp", n.At("submission"), "")
		w.says(250, "EHLO laptop")
		w.says(530, "MAIL FROM:<an@hue.example>")
		w.startTLS()
		offered := words(w.says(250, "EHLO laptop"))
		has(t, "submission in TLS", offered, " AUTH ", " SCRAM-SHA-256-PLUS ", " SCRAM-SHA-256 ", " SCRAM-SHA-1-PLUS ", " PLAIN ", " LOGIN ", " FUTURERELEASE ", " REQUIRETLS ")
		w.says(535, "AUTH PLAIN AGFuQGh1ZS5leGFtcGxlAHdyb25n")
	})
	t.Run("LMTP", func(t *testing.T) {
		w := speak(t, "unix", socket, "")
		w.says(500, "EHLO peer")
		w.says(250, "LHLO peer")
		w.says(250, "MAIL FROM:<a@there.example>")
		w.says(250, "RCPT TO:<an@hue.example>")
		w.says(550, "RCPT TO:<nobody@hue.example>")
		w.says(250, "RCPT TO:<an+two@hue.example>")
		w.says(354, "DATA")
		must(t, w.PrintfLine("Subject: by LMTP\r\n\r\nx\r\n."))
		first, second := w.expect("first", 250), w.expect("second", 250)
		taken = append(taken, "250 "+first+"\n      S: 250 "+second)
	})
	t.Run("XCLIENT", func(t *testing.T) {
		w := speak(t, "tcp", n.At("smtp"), "")
		w.says(250, "EHLO proxy.example")
		w.says(220, "XCLIENT ADDR=192.0.2.77 NAME=far.example")
		has(t, "hello", w.says(250, "EHLO far.example"), "192.0.2.77")
	})
	eventually(t, "the letters", testTime, func() bool { return len(popAll(t, n.town, an)) == 2 })
	letters := strings.Join(popAll(t, n.town, an), "\n")
	has(t, "the letters", letters, "Subject: chunks", "in two", "Subject: by LMTP", "with UTF8SMTPS")
	for _, reply := range taken {
		m := queuedAs.FindStringSubmatch(reply)
		if m == nil {
			t.Fatalf("no id in %q", reply)
		}
		eventually(t, "the dialogue up to "+reply, testTime, func() bool {
			out, _ := n.admin(t, "journey", m[1], "--dialogue")
			return strings.Contains(out, "      S: "+reply+"\n")
		})
	}
}

// TestLimitsAreSeen: who does too much is told so, with a code and a reason.
func TestLimitsAreSeen(t *testing.T) {
	t.Parallel()
	n := newNode(t, "mail.hue.example", `[limits]
exempt = []
smtp_connections = "40/1m"
smtp_recipients = "3/1h"
smtp_errors = "5/10m"
smtp_tarpit = "100ms"
account_messages = "1/24h"
connections_per_address = 2
`)
	n.do(t, "domain", "add", "hue.example")
	an := n.addAccount(t, "an@hue.example")
	one := speak(t, "tcp", n.At("smtp"), "")
	one.says(250, "EHLO a.example")
	one.says(250, "MAIL FROM:<a@a.example>")
	one.says(250, "RCPT TO:<an@hue.example>")
	one.says(250, "RCPT TO:<an+1@hue.example>")
	one.says(250, "RSET")
	one.says(250, "MAIL FROM:<a@a.example>")
	one.says(250, "RCPT TO:<an@hue.example>")
	has(t, "too many recipients", one.says(450, "RCPT TO:<an@hue.example>"), "4.7.1", "Too many recipients from your address", "try again in")
	second, err := dialSMTP(n.At("submission"), &an)
	must(t, err)
	third, err := net.Dial("tcp", n.At("smtp"))
	must(t, err)
	defer third.Close()
	must(t, second.send(an.Address, []string{an.Address}, "Subject: 1\r\n\r\n1\r\n"))
	err = second.send(an.Address, []string{an.Address}, "Subject: 2\r\n\r\n2\r\n")
	has(t, "one message too many", fmt.Sprint(err), "450", "4.7.1", "Too many messages from your account")
	fourth, err := dial(n.At("smtp"))
	must(t, err)
	code, said, _ := fourth.ReadResponse(0)
	has(t, "too many connections", fmt.Sprint(code, said), "421", "too many connections")
	fourth.Close()
	third.Close()
	began := time.Now()
	for range 6 {
		if err := one.PrintfLine("NONSENSE"); err != nil {
			break
		}
		code, _, err := one.ReadResponse(0)
		if err != nil || code == 421 {
			break
		}
	}
	if d := time.Since(began); d < 300*time.Millisecond {
		t.Errorf("no tarpit: %v", d)
	}
	eventually(t, "421 after so many errors", testTime, func() bool { // as soon as the server has seen the third's end: until then there are too many connections
		code, said = n.offer(t, "127.0.0.1", "x.example", "x@x.example", an.Address, "Subject: x\r\n\r\nx\r\n")
		if code != 421 {
			t.Fatalf("after so many errors: %d %s", code, said)
		}
		return strings.Contains(said, "errors")
	})
}
