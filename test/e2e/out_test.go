package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
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
	p.emptied(t) // the journey knows first
}

// TestPolicies: mail goes in TLS as the domain's records, or the sender, want it, or not at all.
func TestPolicies(t *testing.T) {
	t.Parallel()
	shown, pin := sinkTLS(t)
	right := newSink(t, "mx.right.example", func(s *sink) { s.tls = shown })
	wrong := newSink(t, "mx.wrong.example", func(s *sink) { s.tls = shown })
	strips := newSink(t, "mx.strips.example", nil)
	n := newNames(t, slices.Concat(mx("right.example", right), mx("wrong.example", wrong), mx("strips.example", strips))...)
	n.secure = true
	n.add(t, "_25._tcp.mx.right.example. TLSA 3 1 1 "+pin, "_25._tcp.mx.wrong.example. TLSA 3 1 1 "+strings.Repeat("00", 32),
		"_25._tcp.mx.strips.example. TLSA 3 1 1 "+pin)
	cert, key := certificate(t)
	p := newPost(t, n, []*sink{right, wrong, strips}, `dnssec = "yes"`, fmt.Sprintf("tls = { cert = %q, key = %q }", cert, key))
	p.writes(t, "right", "", "a@right.example")
	if got := right.await(t, 1); !got[0].tls {
		t.Error("no TLS where DANE asks for it")
	}
	j := p.becomes(t, "a@right.example", "delivered", "", "other-operator")
	has(t, "the attempt", fmt.Sprint(j.Events), "dane", "TLS 1.3")
	p.writes(t, "wrong", "", "a@wrong.example")
	p.becomes(t, "a@wrong.example", "waiting", "dane", "other-operator")
	p.writes(t, "strips", "", "a@strips.example")
	p.becomes(t, "a@strips.example", "waiting", "dane", "other-operator")
	for _, s := range []*sink{wrong, strips} {
		if got, _ := s.got(); len(got) > 0 {
			t.Errorf("%s got mail", s.name)
		}
	}
	p.requires(t, "a@right.example")
	p.becomes(t, "a@right.example", "failed", "requiretls", "sender")
	eventually(t, "the report", testTime, func() bool { return len(popAll(t, p.town, p.an)) == 1 })
	has(t, "the report", popAll(t, p.town, p.an)[0], "Status: 5.7.30", "Action: failed")
}

// requires submits a letter with REQUIRETLS, for which the session must be in TLS.
func (p *post) requires(t *testing.T, to string) {
	t.Helper()
	c, err := smtp.Dial(p.At("submission"))
	must(t, err)
	defer c.Close()
	must(t, c.StartTLS(&tls.Config{InsecureSkipVerify: true}))
	must(t, c.Auth(smtp.PlainAuth("", p.an.Address, p.an.Password, "127.0.0.1")))
	for _, line := range []string{"MAIL FROM:<" + p.an.Address + "> REQUIRETLS", "RCPT TO:<" + to + ">", "DATA", "From: " + p.an.Address + "\r\nSubject: secret\r\n\r\nx\r\n."} {
		must(t, c.Text.PrintfLine("%s", line))
		code, said, err := c.Text.ReadResponse(0)
		must(t, err)
		if code >= 400 {
			t.Fatalf("%s: %d %s", line, code, said)
		}
	}
}

// sinkTLS is a certificate, and what a TLSA record says of its key.
func sinkTLS(t *testing.T) (*tls.Config, string) {
	t.Helper()
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}}, fmt.Sprintf("%x", sha256.Sum256(pair.Leaf.RawSubjectPublicKeyInfo))
}

// TestOneConnection: letters to one place go over one connection, those to
// several people there in one transaction; stopping says goodbye on it.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	const kept = 4 * time.Second // for another letter, at least
	var quits, early atomic.Int32
	var last atomic.Int64 // when a letter came
	s := newSink(t, "mx.one.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			switch line {
			case ".":
				last.Store(time.Now().UnixNano())
			case "QUIT":
				quits.Add(1)
				if time.Since(time.Unix(0, last.Load())) < kept {
					early.Add(1)
				}
			}
			return ""
		}
	})
	p := newPost(t, newNames(t, mx("one.example", s)...), []*sink{s}, "", "")
	for i := range 5 {
		p.writes(t, fmt.Sprint("letter-", i), "", "a@one.example", "b@one.example")
		p.becomes(t, fmt.Sprintf("<letter-%d@hue.example>", i), "delivered", "", "other-operator") // the connection is free again
	}
	got, sessions := s.got()
	if ended := int(quits.Load()); sessions > 1+ended || early.Load() > 0 || len(got) != 5 || len(got[4].to) != 2 {
		t.Errorf("%d messages in %d sessions, of which %d were ended, %d early: %+v", len(got), sessions, ended, early.Load(), got)
	}
	began := time.Now()
	p.stop(t)
	if d := time.Since(began); d > 15*time.Second || int(quits.Load()) != sessions {
		t.Errorf("it took %v to stop, %d goodbyes in %d sessions", d, quits.Load(), sessions)
	}
}

// TestStopsInTime: a server that says nothing for ever does not keep ours from stopping.
func TestStopsInTime(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	s := newSink(t, "mx.slow.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			if line == "." {
				<-never
			}
			return ""
		}
	})
	p := newPost(t, newNames(t, mx("slow.example", s)...), []*sink{s}, "", "[limits]\ndrain = \"2s\"\n")
	p.writes(t, "slow", "", "a@slow.example")
	eventually(t, "the attempt", testTime, func() bool { _, n := s.got(); return n == 1 })
	began := time.Now()
	p.stop(t)
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("it took %v to stop", d)
	}
	p.start(t)
	has(t, "the queue", p.do(t, "queue", "list"), "slow.example")
}

// TestByHand does with the queue what an administrator can.
func TestByHand(t *testing.T) {
	t.Parallel()
	s := newSink(t, "mx.later.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			if strings.HasPrefix(line, "RCPT") {
				return "450 4.2.0 later"
			}
			return ""
		}
	})
	other := newSink(t, "other.example", nil)
	p := newPost(t, newNames(t, mx("later.example", s)...), []*sink{s}, "", "")
	for _, to := range []string{"hold", "bounce", "drop", "reroute"} {
		p.writes(t, to, "", to+"@later.example")
		p.journey(t, to+"@later.example", func(a answer) bool { return a.State == "waiting" && a.Reply != "" })
	}
	has(t, "stats", p.do(t, "queue", "stats"), "later.example", "4")
	p.do(t, "queue", "hold", "--to", "hold@later.example")
	p.becomes(t, "hold@later.example", "held", "", "operator")
	has(t, "list", p.do(t, "queue", "list"), "held")
	p.do(t, "queue", "release", "--to", "hold@later.example")
	p.becomes(t, "hold@later.example", "waiting", "", "wait")
	p.do(t, "queue", "bounce", "--to", "bounce@later.example")
	j := p.becomes(t, "bounce@later.example", "failed", "given-up", "operator")
	has(t, "the answer", j.Answers[0].Reply, "given up by the administrator", "450 4.2.0 later")
	eventually(t, "the report", testTime, func() bool { return len(popAll(t, p.town, p.an)) == 1 })
	p.do(t, "queue", "drop", "--to", "drop@later.example")
	p.becomes(t, "drop@later.example", "dropped", "", "nobody")
	p.do(t, "queue", "reroute", "--to", "reroute@later.example", "--way", fmt.Sprintf("127.0.0.1:%d", other.port))
	other.await(t, 1)
	p.becomes(t, "reroute@later.example", "delivered", "", "other-operator")
	left := p.becomes(t, "hold@later.example", "waiting", "", "wait").ID
	eventually(t, "one message in the queue", testTime, func() bool { // the journey knew first that the other was delivered
		list := p.do(t, "queue", "list")
		return strings.Contains(list, left) && strings.Contains(list, "1 at later.example")
	})
	has(t, "show", p.do(t, "queue", "show", left), "hold@later.example", "450 4.2.0 later")
}

// TestMTASTS: a domain's policy is fetched, and kept to.
func TestMTASTS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	right := newSink(t, "mx.right.example", func(s *sink) { s.tls = ca.issue(t, s.name) })
	wrong := newSink(t, "mx.wrong.example", func(s *sink) { s.tls = ca.issue(t, "another.example") })
	strips := newSink(t, "mx.strips.example", nil)
	sinks := []*sink{right, wrong, strips}
	n := newNames(t)
	for _, s := range []*sink{right, wrong, strips} {
		domain := strings.TrimPrefix(s.name, "mx.")
		web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(w, "version: STSv1\r\nmode: enforce\r\nmx: %s\r\nmax_age: 86400\r\n", s.name)
		}))
		web.TLS = ca.issue(t, "mta-sts."+domain)
		web.StartTLS()
		t.Cleanup(web.Close)
		sinks = append(sinks, &sink{name: "mta-sts." + domain, port: web.Listener.Addr().(*net.TCPAddr).Port})
		n.add(t, mx(domain, s)...)
		n.add(t, "mta-sts."+domain+". A 127.0.0.1", "_mta-sts."+domain+`. TXT "v=STSv1; id=1"`)
	}
	p := newPost(t, n, sinks, fmt.Sprintf("roots = %q", ca.file), "")
	p.writes(t, "right", "", "a@right.example")
	if got := right.await(t, 1); !got[0].tls {
		t.Error("no TLS where the policy asks for it")
	}
	has(t, "the attempt", fmt.Sprint(p.becomes(t, "a@right.example", "delivered", "", "other-operator").Events), "mta-sts", "TLS 1.3")
	for _, s := range []*sink{wrong, strips} {
		to := "a@" + strings.TrimPrefix(s.name, "mx.")
		p.writes(t, s.name, "", to)
		p.becomes(t, to, "waiting", "mta-sts", "other-operator")
		if got, _ := s.got(); len(got) > 0 {
			t.Errorf("%s got mail", s.name)
		}
	}
}

// TestRelay sends everything through a provider that wants a login.
func TestRelay(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	relay := newSink(t, "localhost", func(s *sink) {
		s.tls, s.person = ca.issue(t, s.name), &person{Address: "shop", Password: "its-secret"}
		s.offers = append(s.offers, "LIMITS MAILMAX=1") // a login for each message
	})
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("its-secret\n"), 0o600))
	n := newNames(t, "localhost. A 127.0.0.1")
	p := newPost(t, n, nil, fmt.Sprintf("roots = %q\n[[outbound.relay]]\nname = \"provider\"\nhost = \"localhost:%d\"\ntls = \"starttls\"\nlogin = \"shop\"\npassword_file = %q\nfor = [\"*\"]\n",
		ca.file, relay.port, secret), "")
	p.writes(t, "relayed", "", "a@anywhere.example", "b@elsewhere.example")
	for _, m := range relay.await(t, 2) {
		if !m.tls || !m.loggedIn {
			t.Errorf("TLS %t, login %t", m.tls, m.loggedIn)
		}
	}
	j := p.becomes(t, "a@anywhere.example", "delivered", "", "other-operator")
	has(t, "the attempt", fmt.Sprint(j.Events), "relay", "‹secret›")
	if strings.Contains(p.do(t, "journey", "a@anywhere.example", "--dialogue")+p.log.String(), "its-secret") {
		t.Error("the password is shown")
	}
	must(t, os.WriteFile(secret, []byte("mistyped\n"), 0o600))
	p.writes(t, "again", "", "c@anywhere.example")
	p.becomes(t, "c@anywhere.example", "waiting", "relay-login", "operator")
}

// TestReports asks for reports of success, from a server that makes them, one that
// does not, and ourselves.
func TestReports(t *testing.T) {
	t.Parallel()
	knows := newSink(t, "mx.knows.example", func(s *sink) { s.offers = append(s.offers, "DSN") })
	knowsNot := newSink(t, "mx.not.example", nil)
	p := newPost(t, newNames(t, append(mx("knows.example", knows), mx("not.example", knowsNot)...)...), []*sink{knows, knowsNot}, "", "")
	p.writes(t, "report", " ENVID=e+3D1 RET=HDRS", "a@knows.example NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@knows.example", "a@not.example NOTIFY=SUCCESS",
		p.binh.Address+" NOTIFY=SUCCESS", "b@not.example NOTIFY=NEVER")
	if got := knows.await(t, 1)[0]; !strings.Contains(got.mail, "ENVID=e+3D1") || !strings.Contains(got.to[0], "NOTIFY=SUCCESS,FAILURE") || !strings.Contains(got.to[0], "ORCPT=rfc822;x@knows.example") {
		t.Errorf("the wishes are not passed on: %+v", got)
	}
	knowsNot.await(t, 1)
	var reports string
	eventually(t, "two reports", testTime, func() bool {
		letters := popAll(t, p.town, p.an)
		reports = strings.Join(letters, "\n")
		return len(letters) == 2
	})
	has(t, "the reports", reports, "Action: relayed", "a@not.example", "Action: delivered", p.binh.Address, "Original-Envelope-Id: e=1",
		"handed on to the server of", "đã được chuyển tới máy chủ", "đã được giao tới")
	hasNot(t, "the reports", reports, "<a@knows.example>", "b@not.example", "Action: failed")
}

// TestHeldBack: a letter that is to go later (FUTURERELEASE) waits, for people here too.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	s := newSink(t, "mx.far.example", nil)
	p := newPost(t, newNames(t, mx("far.example", s)...), []*sink{s}, "", "")
	p.writes(t, "tomorrow", " HOLDFOR=86400", p.binh.Address, "a@far.example")
	p.becomes(t, p.binh.Address, "waiting", "held-back", "wait")
	has(t, "the queue", p.do(t, "queue", "list"), "1 here", "1 at far.example")
	began := time.Now()
	p.writes(t, "soon", " HOLDFOR=3", p.binh.Address, "a@far.example")
	s.await(t, 1)
	eventually(t, "the letter", testTime, func() bool { return len(popAll(t, p.town, p.binh)) > 0 })
	if d := time.Since(began); d < 3*time.Second {
		t.Errorf("it came after %v", d)
	}
	p.becomes(t, p.binh.Address, "delivered", "", "nobody")
	away, _ := s.got()
	if here := popAll(t, p.town, p.binh); len(here) != 1 || len(away) != 1 || !strings.Contains(here[0]+away[0].text, "Subject: soon") {
		t.Errorf("what came: %q, %+v", here, away)
	}
}
