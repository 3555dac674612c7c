package e2e

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var returnPath = regexp.MustCompile(`MAIL FROM:<(SRS0=[^>]+@hue\.example)>`)

// TestForwarding: what is sent on leaves with a path of ours where SPF would break,
// a report to that finds the sender, and nobody else can use such a path.
func TestForwarding(t *testing.T) {
	t.Parallel()
	far := newSink(t, "mx.far.example", nil)
	good := newSink(t, "mx.good.example", nil)
	n := newNames(t, append(mx("far.example", far), mx("good.example", good)...)...)
	n.add(t, `good.example. TXT "v=spf1 ip4:127.0.0.7 -all"`)
	p := newPost(t, n, []*sink{far, good}, "", "")
	p.do(t, "account", "forward", p.binh.Address, "--to", "x@far.example", "--keep")
	if code, said := p.offer(t, "127.0.0.7", "mx.good.example", "me@good.example", p.binh.Address, plainLetter("me@good.example", "onward")); code != 250 {
		t.Fatal(code, said)
	}
	got := far.await(t, 1)[0]
	m := returnPath.FindStringSubmatch(got.mail)
	if m == nil {
		t.Fatalf("it left as %s", got.mail)
	}
	if kept := popAll(t, p.town, p.binh); len(kept) != 1 {
		t.Errorf("%d copies were kept", len(kept))
	}
	report := plainLetter("postmaster@far.example", "report")
	if code, said := p.offer(t, "127.0.0.1", "mx.far.example", "", m[1], report); code != 250 {
		t.Errorf("the report was answered %d %s", code, said)
	}
	if back := good.await(t, 1)[0]; !strings.HasPrefix(back.mail, "MAIL FROM:<>") || !strings.HasPrefix(back.to[0], "RCPT TO:<me@good.example>") {
		t.Errorf("the report went on as %s %s", back.mail, back.to)
	}
	for _, c := range []struct{ from, to string }{{"spam@far.example", m[1]}, {"", strings.Replace(m[1], "=me@", "=you@", 1)}, {"", strings.Replace(m[1], "good.example=", "evil.example=", 1)}} {
		if code, said := p.offer(t, "127.0.0.1", "mx.far.example", c.from, c.to, report); code < 500 && c.to != m[1] || code == 250 && c.from != "" {
			t.Errorf("<%s> to %s was answered %d %s", c.from, c.to, code, said)
		}
	}
	j := p.journey(t, "<onward@test>", inState("delivered"))
	if len(j.Answers) != 2 {
		t.Errorf("not an answer for the copy here and one for that elsewhere: %+v", j.Answers)
	}
}

// TestPlaces: aliases, catch-all, tags, blocked senders and replies of who is away.
func TestPlaces(t *testing.T) {
	t.Parallel()
	far := newSink(t, "mx.far.example", nil)
	p := newPost(t, newNames(t, mx("far.example", far)...), []*sink{far}, "", "")
	p.do(t, "alias", "add", "info@hue.example", p.an.Address)
	p.do(t, "group", "add", "all@hue.example", p.an.Address, p.binh.Address)
	p.do(t, "alias", "add", "@hue.example", p.binh.Address)
	p.do(t, "account", "reply", p.an.Address, "--text", "Tôi đi vắng.")
	p.do(t, "account", "block", p.an.Address, "add", "bad.example", "nobody@worse.example")
	send := func(want int, from, to, subject string) {
		t.Helper()
		letter := strings.Replace(plainLetter(from, subject), "To: an@hue.example", "To: "+to, 1)
		if code, said := p.offer(t, "127.0.0.1", "mx.far.example", from, to, letter); code != want {
			t.Errorf("%s was answered %d %s", subject, code, said)
		}
	}
	send(250, "friend@far.example", "info@hue.example", "alias")
	send(250, "friend@far.example", "an+tag@hue.example", "tag")
	send(250, "friend@far.example", "all@hue.example", "group")
	send(250, "friend@far.example", "whoever@hue.example", "catch-all")
	send(250, "x@sub.bad.example", "an@hue.example", "blocked")
	p.do(t, "account", "block", p.an.Address, "refuse")
	send(550, "x@bad.example", "an@hue.example", "refused")
	p.becomes(t, "x@bad.example", "refused", "blocked-sender", "recipient")
	if got := popAll(t, p.town, p.an); len(got) != 3 {
		t.Errorf("An has %d letters", len(got))
	}
	if got := popAll(t, p.town, p.binh); len(got) != 2 {
		t.Errorf("Bình has %d letters", len(got))
	}
	reply := far.await(t, 1)[0]
	has(t, "the reply", reply.mail+reply.text, "MAIL FROM:<>", "Auto-Submitted: auto-replied", "Subject: Auto:")
	j := p.journey(t, "<blocked@test>", inState("delivered"))
	has(t, "where it lies", j.Answers[0].What, "Junk")
	p.writes(t, "to-far", "", "friend@far.example")
	far.await(t, 2)
	if got, _ := far.got(); len(got) != 2 {
		t.Errorf("one reply a week, but %d messages went out", len(got))
	}
}

// TestLoopBetweenServers: two people on two servers who send on to each other
// have the letter a few times at most.
func TestLoopBetweenServers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an, binh, chi, _ := l.people()
	data := func(i int) string { return filepath.Join(l.Dir, l.Servers[i].Domain) }
	tool(t, binary, "account", "forward", "--data", data(0), an.Address, "--to", chi.Address)
	tool(t, binary, "account", "forward", "--data", data(1), chi.Address, "--to", an.Address)
	l.hand(t, binh, an, fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: round and round\r\n\r\nx\r\n", binh.Address, an.Address))
	eventually(t, "the end of the loop", testTime, func() bool {
		return strings.Contains(tool(t, binary, "queue", "list", "--data", data(0))+tool(t, binary, "queue", "list", "--data", data(1)), "empty") &&
			len(popAll(t, l.Servers[0], an))+len(popAll(t, l.Servers[1], chi)) > 0
	})
	if n := len(popAll(t, l.Servers[0], an)) + len(popAll(t, l.Servers[1], chi)); n > 3 {
		t.Errorf("%d copies", n)
	}
	if n := len(popAll(t, l.Servers[0], binh)); n > 1 {
		t.Errorf("the sender has %d reports", n)
	}
	for i, who := range []person{an, chi} {
		for _, letter := range popAll(t, l.Servers[i], who) {
			has(t, "a copy", letter, "dkim=pass", "dmarc=pass")
		}
	}
}
