package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tem/internal/dns"
	"tem/internal/pgtest"
	"tem/internal/s3test"
	"tem/test/outside"
)

// node is one `tem serve`.
type node struct {
	town
	*outside.Process        // the running one
	file             string // its configuration
	data             string // its data directory
	flags            []string
	log              *outside.Log
}

// newNode starts a server with more in its configuration, and stops it at the end.
func newNode(t *testing.T, hostname, more string) *node {
	t.Helper()
	return newNodeIn(t, t.TempDir(), hostname, more)
}

// newNodeIn is newNode with its data in a directory that is there.
func newNodeIn(t *testing.T, data, hostname, more string) *node {
	t.Helper()
	base := outside.FreeBase(t)
	n := &node{data: data, log: outside.NewLog(t, hostname)}
	n.town = town{Hostname: hostname, Address: "127.0.0.1", Ports: map[string]int{"smtp": base + 25, "pop3": base + 110, "imap": base + 143, "submission": base + 587}}
	n.file = configFile(t, fmt.Sprintf(`hostname = %q
data = %q
insecure_auth = "loopback"
listen.smtp = [%q]
listen.imap = [%q]
listen.pop3 = [%q]
listen.submission = [%q]
listen.submissions = []
listen.pop3s = []
listen.imaps = []
%s
`, hostname, n.data, n.At("smtp"), n.At("imap"), n.At("pop3"), n.At("submission"), more))
	t.Cleanup(func() { n.stop(t) })
	n.start(t)
	return n
}

// start returns when the server answers.
func (n *node) start(t *testing.T) {
	t.Helper()
	before := strings.Count(n.log.String(), "msg=ready")
	n.Process = outside.Start(t, n.log, n.log, binary, append([]string{"serve", "--config", n.file}, n.flags...)...)
	eventually(t, n.Hostname, testTime, func() bool {
		select {
		case <-n.Exited():
			t.Fatalf("%s does not start", n.Hostname)
		default:
		}
		return strings.Count(n.log.String(), "msg=ready") > before
	})
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	n.End(t)
}

// admin runs one verb of the administrator's on this node and returns what it
// printed, and its exit code.
func (n *node) admin(t *testing.T, args ...string) (string, int) {
	t.Helper()
	out, err := n.command(t, args...).CombinedOutput()
	return string(out), exitCode(t, err)
}

// asks is admin with standard output and standard error apart.
func (n *node) asks(t *testing.T, args ...string) (out, said string, code int) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := n.command(t, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	code = exitCode(t, cmd.Run())
	return stdout.String(), stderr.String(), code
}

func (n *node) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), binary, append(args, "--config", n.file)...)
}

// do is admin for what must succeed.
func (n *node) do(t *testing.T, args ...string) string {
	t.Helper()
	out, code := n.admin(t, args...)
	if code != 0 {
		t.Fatalf("tem %q: exit %d\n%s", args, code, out)
	}
	return out
}

// emptied waits until nothing is queued any more.
func (n *node) emptied(t *testing.T) {
	t.Helper()
	eventually(t, "an empty queue", testTime, func() bool { return strings.Contains(n.do(t, "queue", "list"), "empty") })
}

// addAccount gives somebody a mailbox.
func (n *node) addAccount(t *testing.T, address string) person {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(secret, []byte("a-word-for-it\n"), 0o600))
	n.do(t, "account", "add", "--password-file", secret, address)
	return person{Address: address, Password: "a-word-for-it"}
}

// send hands a letter over by SMTP; nil means that it was taken.
func (n *node) send(to, text string) error {
	c, err := dialSMTP(n.At("smtp"), nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.send("alice@crepes.fr", []string{to}, text)
}

// imapSession is a hand-made IMAP client. Every step of it must come within testTime.
type imapSession struct {
	*textproto.Conn
	t *testing.T
	n int
}

// dialIMAP logs in and selects INBOX.
func dialIMAP(t *testing.T, n *node, who person) *imapSession {
	t.Helper()
	c, err := dial(n.At("imap"))
	must(t, err)
	t.Cleanup(func() { c.Close() })
	s := &imapSession{Conn: c, t: t}
	s.until("* OK")
	s.say("LOGIN %s %s", who.Address, who.Password)
	s.say("SELECT INBOX")
	return s
}

// say sends a command and returns all that was answered, which must end with OK.
func (s *imapSession) say(format string, args ...any) string {
	s.t.Helper()
	s.n++
	must(s.t, s.PrintfLine("a%d "+format, append([]any{s.n}, args...)...))
	return s.until(fmt.Sprintf("a%d OK", s.n))
}

// until reads up to a line that begins with start.
func (s *imapSession) until(start string) string {
	s.t.Helper()
	var text strings.Builder
	for {
		l, err := s.ReadLine()
		if err != nil {
			s.t.Fatalf("waiting for %q: %v after\n%s", start, err, tail(text.String(), 2000))
		}
		text.WriteString(l + "\n")
		if strings.HasPrefix(l, start) {
			return text.String()
		}
		if strings.HasPrefix(l, fmt.Sprintf("a%d ", s.n)) {
			s.t.Fatalf("waiting for %q, heard %q", start, l)
		}
	}
}

// idle begins to wait for news; done ends it.
func (s *imapSession) idle() {
	s.t.Helper()
	s.n++
	must(s.t, s.PrintfLine("a%d IDLE", s.n))
	s.until("+")
}

func (s *imapSession) done() {
	s.t.Helper()
	must(s.t, s.PrintfLine("DONE"))
	s.until(fmt.Sprintf("a%d OK", s.n))
}

// cluster is what nodes share: one PostgreSQL, one object service. places are
// the lines of the configuration that name them.
func cluster(t *testing.T) (places string, pg *pgtest.Server) {
	t.Helper()
	pg = pgtest.New(t)
	database, err := pg.Create(t.Context(), "tem")
	must(t, err)
	objects, err := s3test.Start("")
	must(t, err)
	t.Cleanup(func() {
		if err := objects.Stop(); err != nil {
			t.Error(err)
		}
	})
	bucket, err := objects.Create(t.Context(), "bodies")
	must(t, err)
	return fmt.Sprintf("store = %q\nbodies = %q\n", database, bucket), pg
}

// largeText is a letter whose body, above 1 MB, does not lie beside its rows.
func largeText(subject string) string {
	return "Subject: " + subject + "\r\n\r\n" + strings.Repeat(strings.Repeat("x", 62)+"\r\n", 1<<14) + "the last line\r\n"
}

// TestCluster runs two servers on one PostgreSQL and one object service: what
// is done on one is seen on the other, and either goes on without the other.
func TestCluster(t *testing.T) {
	t.Parallel()
	places, _ := cluster(t)
	a, b := newNode(t, "a.hue.example", places), newNode(t, "b.hue.example", places)
	a.do(t, "domain", "add", "hue.example")
	who := a.addAccount(t, "an@hue.example")
	onB := dialIMAP(t, b, who)
	onB.idle()
	must(t, a.send(who.Address, "Subject: small\r\n\r\nsmall\r\n"))
	onB.until("* 1 EXISTS")
	must(t, a.send(who.Address, largeText("large")))
	onB.until("* 2 EXISTS")
	onB.done()
	if text := onB.say("FETCH 2 BODY.PEEK[]"); len(text) < 1_000_000 || !strings.Contains(tail(text, 200), "the last line") {
		t.Errorf("%d octets of the large letter, ending with %q", len(text), tail(text, 200))
	}

	onA := dialIMAP(t, a, who)
	onA.idle()
	onB.say(`STORE 1 +FLAGS (\Flagged \Deleted)`)
	has(t, "flags on A", onA.until("* 1 FETCH"), `\Flagged`)
	onB.say("EXPUNGE")
	onA.until("* 1 EXPUNGE")
	onA.done()

	a.Kill()
	must(t, b.send(who.Address, "Subject: alone\r\n\r\nB goes on\r\n"))
	has(t, "B alone", onB.say("NOOP"), "* 2 EXISTS")
	has(t, "the verbs of a node that is down", a.do(t, "account", "list"), who.Address)
	has(t, "the large letter on B", onB.say("FETCH 1 BODY.PEEK[]"), "the last line")

	a.start(t)
	onA = dialIMAP(t, a, who)
	has(t, "A again", onA.say("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), "Subject: large", "Subject: alone")
	onA.idle()
	must(t, b.send(who.Address, "Subject: together\r\n\r\nboth\r\n"))
	onA.until("* 3 EXISTS")
	onA.done()
	has(t, "info", b.do(t, "store", "info"), "postgres:///tem", "/bodies")
	has(t, "check", b.do(t, "store", "check"), "3 letters read", "all is well")
	for _, n := range []*node{a, b} {
		hasNot(t, "the log of "+n.Hostname, n.log.String(), "level=ERROR")
		if _, err := os.Stat(filepath.Join(n.data, "rows")); err == nil {
			t.Errorf("%s has made a store of its own", n.Hostname)
		}
	}
}

// TestClusterDatabaseRestarts crashes the database: sessions live on, and hear
// of what comes after it.
func TestClusterDatabaseRestarts(t *testing.T) {
	t.Parallel()
	places, pg := cluster(t)
	a, b := newNode(t, "a.hue.example", places), newNode(t, "b.hue.example", places)
	a.do(t, "domain", "add", "hue.example")
	who := b.addAccount(t, "an@hue.example")
	must(t, a.send(who.Address, "Subject: before\r\n\r\nkept\r\n"))
	s := dialIMAP(t, b, who)
	s.idle()
	must(t, pg.Restart())
	eventually(t, "a letter after the crash", testTime, func() bool {
		return a.send(who.Address, "Subject: after\r\n\r\nthe crash\r\n") == nil
	})
	for !strings.Contains(s.until("* "), " EXISTS") { // a letter that was not answered may be there too
	}
	s.done()
	has(t, "letters", s.say("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"), "Subject: before", "Subject: after")
}

// TestClusterSendsOnce sends to a server elsewhere through both of two servers:
// everything goes out once, also after one was killed.
func TestClusterSendsOnce(t *testing.T) {
	t.Parallel()
	away := newNode(t, "mail.saigon.example", "")
	away.do(t, "domain", "add", "saigon.example")
	chi := away.addAccount(t, "chi@saigon.example")
	zone, err := dns.Serve("127.0.0.1:0", "saigon.example. 300 IN MX 10 mail.saigon.example.", "mail.saigon.example. 300 IN A 127.0.0.1")
	must(t, err)
	t.Cleanup(func() { zone.Close() })
	places, _ := cluster(t)
	shared := fmt.Sprintf("%s\noutbound = { dns = [%q], ports = { \"mail.saigon.example\" = %d } }\n", places, zone.Address(), away.Ports["smtp"])
	nodes := []*node{newNode(t, "a.hue.example", shared), newNode(t, "b.hue.example", shared)}
	nodes[0].do(t, "domain", "add", "hue.example")
	an := nodes[0].addAccount(t, "an@hue.example")
	nodes[0].do(t, "alias", "add", "both@hue.example", an.Address, chi.Address)
	letters := 0
	send := func(nodes ...*node) {
		for range 5 {
			for _, n := range nodes {
				must(t, n.send("both@hue.example", fmt.Sprintf("Subject: token=%d;\r\n\r\n%s\r\n", letters, ending)))
				letters++
			}
		}
	}
	arrived := func() {
		t.Helper()
		eventually(t, "letters elsewhere", testTime, func() bool {
			there := count(t, popAll(t, away.town, chi))
			for token, n := range there {
				if n != 1 {
					t.Fatalf("letter %s came %d times", token, n)
				}
			}
			return len(there) == letters
		})
	}
	send(nodes...)
	arrived()
	nodes[1].emptied(t) // else what was taken elsewhere, and is not noted yet, rightly goes out again
	nodes[0].Kill()
	send(nodes[1])
	arrived()
}

// TestClusterMistakes starts servers that can't have their store.
func TestClusterMistakes(t *testing.T) {
	t.Parallel()
	places, _ := cluster(t)
	first := newNode(t, "a.hue.example", places)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, nobody.Close())
	const secret = "hush-hush"
	store := fmt.Sprintf("store = \"postgres://tem:%s@%s/tem\"\n", secret, nobody.Addr())
	bodies := fmt.Sprintf("bodies = \"s3://K:%s@%s/bucket?tls=off\"\n", secret, nobody.Addr())
	for name, c := range map[string]struct{ more, say string }{
		"no PostgreSQL":   {store + bodies, "store = \"postgres://" + nobody.Addr().String() + "/tem\""},
		"no S3":           {bodies, "bodies = \"s3://" + nobody.Addr().String() + "/bucket\""},
		"bodies here":     {store, "could be read on this node only"},
		"data of another": {places, first.data},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			if name == "data of another" {
				data = first.data
			}
			file := configFile(t, fmt.Sprintf("hostname = \"c.hue.example\"\ndata = %q\nlisten = { smtp = [], submission = [], submissions = [], pop3 = [], pop3s = [], imap = [], imaps = [] }\n%s", data, c.more))
			cmd := exec.Command(binary, "serve", "--config", file)
			out := new(bytes.Buffer)
			cmd.Stdout, cmd.Stderr = out, out
			timer := time.AfterFunc(testTime, func() { cmd.Process.Kill() })
			defer timer.Stop()
			code := exitCode(t, cmd.Run())
			said := out.String()
			if code != 2 || strings.Count(said, "\n") != 1 || !strings.Contains(said, c.say) {
				t.Errorf("exit %d; it should say one line about %q, but said:\n%s", code, c.say, said)
			}
			hasNot(t, "what it said", said, secret)
		})
	}
}
