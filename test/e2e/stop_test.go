package e2e

import (
	"net/textproto"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGracefulStop asks the server to stop while sessions are open: each is
// told so in its own words, nothing half done stays, and all the rest does.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.Servers[0]
	who := s.Accounts[0]
	first, err := dialSMTP(s.At("smtp"), nil)
	must(t, err)
	must(t, first.send("alice@crepes.fr", []string{who.Address}, "Subject: kept\r\n\r\nkept\r\n"))
	defer first.Close()

	idle := map[string]*textproto.Conn{}
	for service := range map[string]string{"pop3": "", "imap": ""} {
		c, err := dial(s.At(service))
		must(t, err)
		defer c.Close()
		_, err = c.ReadLine()
		must(t, err)
		idle[service] = c
	}
	half, err := dialSMTP(s.At("smtp"), nil)
	must(t, err)
	defer half.Close()
	must(t, half.say(250, "MAIL FROM:<alice@crepes.fr>"))
	must(t, half.say(250, "RCPT TO:<%s>", who.Address))
	must(t, half.say(354, "DATA"))
	must(t, half.PrintfLine("Subject: half"))

	l.Signal(syscall.SIGTERM)
	if _, _, err := first.ReadResponse(421); err != nil {
		t.Errorf("SMTP: %v", err)
	}
	for service, want := range map[string]string{"pop3": "-ERR [SYS/TEMP]", "imap": "* BYE"} {
		if got, err := idle[service].ReadLine(); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q %v, want %q", service, got, err, want)
		}
	}
	half.Close()
	start := time.Now()
	if code := l.Wait(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if d := time.Since(start); d > 25*time.Second {
		t.Errorf("it took %v to stop", d)
	}

	l.Start(t)
	if letters := popAll(t, l.Servers[0], who); len(letters) != 1 || !strings.Contains(letters[0], "Subject: kept") {
		t.Errorf("after the restart: %q", letters)
	}
	if l.Servers[0].Accounts[0] != who {
		t.Error("the restart changed an account")
	}
}
