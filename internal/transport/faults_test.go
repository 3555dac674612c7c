package transport

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"tem/internal/dns"
)

// TestFaults: whatever a server or a network does, the status says whose turn it
// is and the journey what happened. Each script is followed by silence, or by
// the end of the connection if it ends with "cut".
func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		greeting = "220 mx\n"
		hello    = greeting + "C: EHLO\n250-mx\n250 PIPELINING\n"
		steps    = greeting + "C: EHLO\n250 mx\n"
		body     = hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n"
		never    = "C: never\n"
	)
	for _, c := range []struct{ name, script, want, reason string }{
		{"silence after connect", never, "0 4.4.2", "i/o timeout"},
		{"silence after the greeting", greeting + never, "0 4.4.2", "i/o timeout"},
		{"silence after EHLO", hello + never, "0 4.4.2", "i/o timeout"},
		{"silence after MAIL", steps + "C: MAIL\n250 ok\n" + never, "0 4.4.2", "i/o timeout"},
		{"silence after RCPT", steps + "C: MAIL\n250 ok\nC: RCPT\n250 ok\n" + never, "0 4.4.2", "i/o timeout"},
		{"silence after the text", body + never, "0 4.4.2", "i/o timeout"},
		{"cut after connect", "", "0 4.4.2", "EOF"},
		{"cut after the greeting", greeting + "C: EHLO\n", "0 4.4.2", "EOF"},
		{"cut after MAIL", steps + "C: MAIL\n", "0 4.4.2", "EOF"},
		{"cut after RCPT", steps + "C: MAIL\n250 ok\nC: RCPT\n", "0 4.4.2", "EOF"},
		{"cut after the text", body, "0 4.4.2", "EOF"},
		{"HTTP", "HTTP/1.1 400 Bad Request\n", "0 4.4.2", "is not an SMTP reply"},
		{"SSH", "SSH-2.0-OpenSSH_9.2\n", "0 4.4.2", "is not an SMTP reply"},
		{"endless greeting", strings.Repeat("220-more\n", 1<<15), "0 4.4.2", "more than 32768 lines"},
		{"endless line", "220 " + strings.Repeat("x", 5000) + "\n", "0 4.4.2", "too long"},
		{"codes that differ", "220-mx\n250 mx\n", "0 4.4.2", "is not an SMTP reply"},
		{"354 to MAIL", steps + "C: MAIL\n354 go\n" + never, "0 4.4.2", "out of step: 354 to MAIL"},
		{"354 to RCPT", hello + "C: MAIL\n250 ok\nC: RCPT\n354 go\n" + never, "0 4.4.2", "out of step: 354 to RCPT"},
		{"250 to DATA", hello + "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n250 ok\n" + never, "0 4.4.2", "out of step: 250 to DATA"},
		{"354 to the text", body + "354 go on\n" + never, "0 4.4.2", "out of step: 354 to the text"},
		{"421 in the middle", hello + "C: MAIL\n250 ok\nC: RCPT\n421 4.3.2 going down\n", "421 4.3.2", ""},
		{"itself by another name", "220 US.example ESMTP\nC: QUIT\n221 bye\n", "0 5.4.6", "is this server"},
		{"refused text", body + "554 5.7.1 spam\nC: QUIT\n221 bye\n", "554 5.7.1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, serveScript(t, c.script))
			if c.reason == "i/o timeout" {
				l.Timeout = 2 * time.Second
			}
			w := new(watcher).watch(l.Remote)
			statuses, codes := l.send(t, "a@saigon.example")
			e := w.events[0]
			if codes != c.want || len(w.events) != 1 || !strings.Contains(e.Reason, c.reason) || (e.Reason == "") != (c.reason == "") || e.Status != statuses[0] {
				t.Errorf("%v; reason %q in %d events", statuses, e.Reason, len(w.events))
			}
			if !strings.HasPrefix(e.Remote, "mx1.saigon.example [127.0.0.1:") || e.Job != "A-1" || e.ID != "A" || fmt.Sprint(e.To) != "[a@saigon.example]" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestExchangersBehindOurselves: those behind a host that is this server are not tried.
func TestExchangersBehindOurselves(t *testing.T) {
	t.Parallel()
	behind := serveMail(t, "mx2.saigon.example", nil)
	l := newLab(t, serveScript(t, "220 us.example\nC: QUIT\n221 bye\n"), behind.port)
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "0 5.4.6" {
		t.Errorf("%v", statuses)
	}
}

// TestSlowDrip: a server that says a little all the time is given up, too.
func TestSlowDrip(t *testing.T) {
	t.Parallel()
	lab := newLab(t, serve(t, func(c net.Conn) {
		for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
			if _, err := c.Write([]byte("220-still here\r\n")); err != nil {
				return
			}
		}
	}))
	lab.Timeout = 2 * time.Second
	if statuses, codes := lab.send(t, "a@saigon.example"); codes != "0 4.4.2" || !strings.Contains(statuses[0].Text, errSlow.Error()) {
		t.Errorf("%v", statuses)
	}
}

// TestNameFaults: what the name servers do to mail.
func TestNameFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[dns.Fault]string{
		dns.ServFail: "0 4.4.3", dns.Refused: "0 4.4.3", dns.Cut: "0 4.4.3", dns.Garbage: "0 4.4.3", dns.Denied: "0 5.1.2", dns.Truncated: "250 2.0.0",
	} {
		for _, name := range []string{"saigon.example", "mx1.saigon.example"} {
			if fault == dns.Denied && name == "saigon.example" {
				continue // the implicit MX is what then is looked for
			}
			t.Run(fmt.Sprint(fault, " ", name), func(t *testing.T) {
				t.Parallel()
				s, err := dns.Faults{name: fault}.Serve("127.0.0.1:0", "saigon.example. MX 1 mx1.saigon.example.", "mx1.saigon.example. A 127.0.0.1")
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				l := newLab(t, serveMail(t, "mx1.saigon.example", nil).port)
				l.Resolver = dns.NewResolver(s.Address())
				w := new(watcher).watch(l.Remote)
				statuses, codes := l.send(t, "a@saigon.example")
				if codes != want || len(w.events) != 1 || (w.events[0].Reason == "") != statuses[0].OK() || w.events[0].Status != statuses[0] {
					t.Errorf("%v; %+v", statuses, w.events)
				}
			})
		}
	}
}
