package e2e

import (
	"strings"
	"sync/atomic"
	"testing"
)

// TestFates sends to servers that fare in every way, and asks the journey what
// became of each letter, why, and whose move it is.
func TestFates(t *testing.T) {
	t.Parallel()
	n := newNames(t, "nullmx.example. MX 0 .", "broken.example. MX 10 mx.broken.example.")
	n.breaks("servfail.example.")
	var sinks []*sink
	reply := func(domain, when, text string) {
		s := newSink(t, "mx."+domain, func(s *sink) {
			s.replies = func(_ int, line string) string {
				if strings.HasPrefix(line, when) && (when != "" || line == "") {
					return text
				}
				return ""
			}
		})
		n.add(t, mx(domain, s)...)
		sinks = append(sinks, s)
	}
	reply("good.example", "never", "")
	reply("grey.example", "RCPT", "451 4.7.1 Greylisted, come back later")
	reply("unknown.example", "RCPT", "550 5.1.1 No such user")
	reply("full.example", ".", "452 4.2.2 Mailbox full")
	reply("cuts.example", "DATA", hangUp)
	reply("busy.example", "", "421 4.7.0 too many connections")
	reply("listed.example", "MAIL", "550 5.7.1 [127.0.0.1] blocked using zen.spamhaus.org")
	p := newPost(t, n, sinks, "", "")
	for to, c := range map[string]struct{ state, cause, party string }{
		"a@good.example":     {"delivered", "", "other-operator"},
		"a@grey.example":     {"waiting", "greylisted", "wait"},
		"a@unknown.example":  {"failed", "no-user", "sender"},
		"a@full.example":     {"waiting", "full", "recipient"},
		"a@cuts.example":     {"waiting", "connection", "wait"},
		"a@busy.example":     {"waiting", "rate", "wait"},
		"a@listed.example":   {"failed", "blocked-address", "operator"},
		"a@nullmx.example":   {"failed", "null-mx", "sender"},
		"a@servfail.example": {"waiting", "dns", "wait"},
		"a@nowhere.example":  {"failed", "no-domain", "sender"},
	} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			subject := strings.NewReplacer("@", "-", ".", "-").Replace(to)
			p.writes(t, subject, "", to)
			j := p.becomes(t, to, c.state, c.cause, c.party)
			a := j.Answers[0]
			if a.Cause == "" && a.Why != "" || a.Cause != "" && (a.Why == "" || a.Next == "") {
				t.Errorf("the answer is not whole: %+v", a)
			}
			if again := p.journey(t, "<"+subject+"@hue.example>", inState(c.state)); again.ID != j.ID {
				t.Errorf("by Message-ID: %s, by address: %s", again.ID, j.ID)
			}
			human := p.do(t, "journey", j.ID, "--lang", "vi", "--dialogue")
			has(t, "the answer in Vietnamese", human, "Đến lượt:", "Việc cần làm:")
		})
	}
}

// TestGreylisted: what is asked to come back is sent again by hand, over a
// connection that is kept.
func TestGreylisted(t *testing.T) {
	t.Parallel()
	var known atomic.Bool
	s := newSink(t, "mx.grey.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			if strings.HasPrefix(line, "RCPT") && !known.Load() {
				return "451 4.7.1 Greylisted"
			}
			return ""
		}
	})
	n := newNames(t, mx("grey.example", s)...)
	p := newPost(t, n, []*sink{s}, "", "")
	p.writes(t, "grey", "", "a@grey.example", "b@grey.example")
	p.becomes(t, "a@grey.example", "waiting", "greylisted", "wait")
	known.Store(true)
	has(t, "queue retry", p.do(t, "queue", "retry", "--all"), "1")
	got := s.await(t, 1)
	if len(got) != 1 || len(got[0].to) != 2 {
		t.Errorf("not one transaction for both recipients: %+v", got)
	}
	p.becomes(t, "a@grey.example", "delivered", "", "other-operator")
	has(t, "the queue", p.do(t, "queue", "list"), "empty")
}
