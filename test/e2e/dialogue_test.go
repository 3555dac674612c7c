package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// patient is a connection on which every step must come within testTime,
// however long the whole dialogue is.
type patient struct{ net.Conn }

func (c patient) Read(b []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(testTime))
	return c.Conn.Read(b)
}

func (c patient) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(testTime))
	return c.Conn.Write(b)
}

// dial opens a dialogue in lines.
func dial(address string) (*textproto.Conn, error) {
	nc, err := net.DialTimeout("tcp", address, testTime)
	if err != nil {
		return nil, err
	}
	return textproto.NewConn(patient{nc}), nil
}

// smtpSession is a hand-made SMTP client that knows exactly what was answered.
type smtpSession struct{ *textproto.Conn }

// dialSMTP greets the server, and logs in when it is told how.
func dialSMTP(address string, who *person) (smtpSession, error) {
	c, err := dial(address)
	if err != nil {
		return smtpSession{}, err
	}
	s := smtpSession{c}
	if _, _, err = s.ReadResponse(220); err == nil {
		err = s.say(250, "EHLO crepes.fr")
	}
	if err == nil && who != nil {
		err = s.say(235, "AUTH PLAIN %s", base64.StdEncoding.EncodeToString([]byte("\x00"+who.Address+"\x00"+who.Password)))
	}
	if err != nil {
		s.Close()
	}
	return s, err
}

func (s smtpSession) say(code int, format string, args ...any) error {
	if err := s.PrintfLine(format, args...); err != nil {
		return err
	}
	_, _, err := s.ReadResponse(code)
	return err
}

// send sends one letter; nil means that the final dot was answered with 250.
func (s smtpSession) send(from string, to []string, text string) error {
	if err := s.say(250, "MAIL FROM:<%s>", from); err != nil {
		return err
	}
	for _, r := range to {
		if err := s.say(250, "RCPT TO:<%s>", r); err != nil {
			return err
		}
	}
	if err := s.say(354, "DATA"); err != nil {
		return err
	}
	w := s.DotWriter()
	fmt.Fprint(w, text)
	if err := w.Close(); err != nil {
		return err
	}
	_, _, err := s.ReadResponse(250)
	return err
}

// popAll returns every letter of an inbox, read over POP3.
func popAll(t testing.TB, s town, who person) (letters []string) {
	t.Helper()
	c, err := dial(s.At("pop3"))
	must(t, err)
	defer c.Close()
	ok := func(format string, args ...any) string {
		t.Helper()
		if format != "" {
			must(t, c.PrintfLine(format, args...))
		}
		l, err := c.ReadLine()
		must(t, err)
		if !strings.HasPrefix(l, "+OK") {
			t.Fatalf("POP3 %.4s: %s", format, l)
		}
		return l
	}
	ok("")
	ok("USER %s", who.Address)
	ok("PASS %s", who.Password)
	var n, size int
	fmt.Sscanf(ok("STAT"), "+OK %d %d", &n, &size)
	for i := range n {
		ok("RETR %d", i+1)
		text, err := c.ReadDotBytes()
		must(t, err)
		letters = append(letters, string(text))
	}
	ok("QUIT")
	return letters
}

// eventually tries until it succeeds or the time is over.
func eventually(t testing.TB, what string, within time.Duration, try func() bool) {
	t.Helper()
	for began := time.Now(); !try(); time.Sleep(pause(began)) {
		if time.Since(began) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
	}
}

// pause is how long to wait until what was first asked at began is asked again:
// longer and longer, so that the server's log is not of questions only.
func pause(began time.Time) time.Duration {
	return min(50*time.Millisecond+time.Since(began)/10, 2*time.Second)
}
