package transport

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

// keep runs the lab's Remote; the function it returns ends it.
func (l *lab) keep(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	for !l.isRunning() {
		runtime.Gosched()
	}
	return func() { cancel(); <-done }
}

func (l *lab) isRunning() bool {
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	return l.pool.running
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", nil)
	l := newLab(t, x.port)
	w := new(watcher).watch(l.Remote)
	stop := l.keep(t)
	for range 3 {
		if statuses, codes := l.send(t, "a@saigon.example"); codes != "250 2.0.0" {
			t.Fatal(statuses)
		}
	}
	if x.dialogue != 1 || len(x.received()) != 3 {
		t.Errorf("%d messages in %d sessions", len(x.received()), x.dialogue)
	}
	if first, last := w.events[0].Dialogue, w.events[2].Dialogue; !strings.Contains(first, "S: 220") || strings.Contains(last, "220") || !strings.Contains(last, "C: MAIL FROM:<me@hanoi.example>") || !strings.Contains(last, "C: ‹") || strings.Contains(last, "Subject") {
		t.Errorf("each attempt has its own dialogue:\n%s\n%s", first, last)
	}
	stop()
	if l.pool.count != 0 || len(l.pool.idle) != 0 {
		t.Errorf("%d connections left", l.pool.count)
	}
	if l.send(t, "a@saigon.example"); l.pool.count != 0 {
		t.Error("kept after the end")
	}
}

// TestDeadConnection: what ended while it was idle is no failure of the message.
func TestDeadConnection(t *testing.T) {
	t.Parallel()
	const once = "220 mx\nC: EHLO\n250-mx\n250 PIPELINING\nC: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\n"
	for name, end := range map[string]string{"closed": "", "said so": "421 4.4.2 idle for too long\n"} {
		l := newLab(t, serveScript(t, once+end))
		stop := l.keep(t)
		for range 3 {
			if statuses, codes := l.send(t, "a@saigon.example"); codes != "250 2.0.0" {
				t.Errorf("%s: %v", name, statuses)
			}
		}
		stop()
	}
}

// TestLostReply: when the answer to the text is lost on a connection that was kept, the message may have
// been taken: it is not sent again at once.
func TestLostReply(t *testing.T) {
	t.Parallel()
	const hello = "220 mx\nC: EHLO\n250-mx\n250 PIPELINING\n"
	const one = "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n"
	l := newLab(t, serveScript(t, hello+one+"250 2.0.0 ok\n"+one))
	defer l.keep(t)()
	_, first := l.send(t, "a@saigon.example")
	if statuses, codes := l.send(t, "a@saigon.example"); first != "250 2.0.0" || codes != "0 4.4.2" {
		t.Errorf("%s, then %v", first, statuses)
	}
}

// TestLimits: RCPTMAX and MAILMAX (RFC 9422) are kept to, and 452 begins another transaction.
func TestLimits(t *testing.T) {
	t.Parallel()
	const one = "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: RCPT\n%s\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\n"
	const last = "C: MAIL\n250 ok\nC: RCPT\n250 ok\nC: DATA\n354 go\nC: .\r\n250 2.0.0 ok\nC: QUIT\n221 bye"
	for name, script := range map[string]string{
		"RCPTMAX": "220 mx\nC: EHLO\n250-mx\n250-PIPELINING\n250 LIMITS RCPTMAX=2\n" + fmt.Sprintf(one, "250 ok") + last,
		"MAILMAX": "220 mx\nC: EHLO\n250-mx\n250-PIPELINING\n250 LIMITS RCPTMAX=1 MAILMAX=1\n" + last,
		"452":     "220 mx\nC: EHLO\n250-mx\n250-PIPELINING\n250 LIMITS RCPTMAX=2\n" + fmt.Sprintf(one, "452 4.5.3 too many") + fmt.Sprintf(one, "250 ok") + "C: QUIT\n221 bye",
	} {
		l := newLab(t, serveScript(t, script))
		if statuses, codes := l.send(t, "a@saigon.example", "b@saigon.example", "c@saigon.example"); codes != "250 2.0.0, 250 2.0.0, 250 2.0.0" {
			t.Errorf("%s: %v", name, statuses)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	x := serveMail(t, "mx1.saigon.example", nil)
	l := newLab(t, x.port)
	w := new(watcher).watch(l.Remote)
	l.Sources = []Source{
		{Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::1")}, Senders: []string{"six.example"}},
		{Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::1")}, Hello: "out.hanoi.example", Senders: []string{"HANOI.example"}},
	}
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "250 2.0.0" || !strings.Contains(w.events[0].Dialogue, "opened 127.0.0.2:") || !strings.Contains(w.events[0].Dialogue, "C: EHLO out.hanoi.example") {
		t.Errorf("%v\n%s", statuses, w.events[0].Dialogue)
	}
	l.job.ReturnPath = "a@six.example"
	if statuses, codes := l.send(t, "a@saigon.example"); codes != "0 4.4.1" || !strings.Contains(statuses[0].Text, "no source address of the family") {
		t.Errorf("%v", statuses)
	}
}
