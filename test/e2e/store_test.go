package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// alone starts a server on a directory, with a domain and people of it.
func alone(t *testing.T, names ...string) (*node, []person) {
	t.Helper()
	n := newNode(t, "mail.hue.example", "")
	n.do(t, "domain", "add", "hue.example")
	var people []person
	for _, name := range names {
		people = append(people, n.addAccount(t, name+"@hue.example"))
	}
	return n, people
}

// TestRestore brings back what was expunged and what went with its mailbox,
// while somebody looks on, and again with the server stopped.
func TestRestore(t *testing.T) {
	t.Parallel()
	n, people := alone(t, "an")
	an := people[0]
	must(t, n.send(an.Address, "From: Bob <bob@crepes.fr>\r\nSubject: from the inbox\r\n\r\none\r\n"))
	must(t, n.send(an.Address, largeText("from a mailbox")))
	s := dialIMAP(t, n, an)
	s.say("CREATE Letters")
	s.say("MOVE 2 Letters")
	s.say("DELETE Letters")
	s.say(`STORE 1 +FLAGS (\Flagged \Deleted)`)
	s.say("EXPUNGE")
	list := n.do(t, "account", "deleted", an.Address)
	has(t, "deleted", list, "from the inbox", "Bob <bob@crepes.fr>", "from a mailbox", "Letters", "INBOX")
	s.idle()
	has(t, "restore", n.do(t, "account", "restore", an.Address, "--all"), "into INBOX: 2")
	s.until("* 2 EXISTS")
	s.done()
	text := s.say("FETCH 1:* (FLAGS BODY.PEEK[])")
	has(t, "what came back", text, "Subject: from the inbox", "one", `\Flagged`, "Subject: from a mailbox", "the last line")
	hasNot(t, "what came back", text, `\Deleted`)
	has(t, "nothing is left", n.do(t, "account", "deleted", an.Address), "nothing can be brought back")

	s.say(`STORE 1 +FLAGS (\Deleted)`)
	s.say("EXPUNGE")
	n.stop(t)
	if out, code := n.admin(t, "account", "restore", an.Address, "12345"); code != 3 {
		t.Errorf("an id that is not there: exit %d: %s", code, out)
	}
	has(t, "restore on the stopped server", n.do(t, "account", "restore", an.Address, "--since", time.Now().Add(-time.Hour).Format(time.RFC3339)), "into INBOX: 1")
	has(t, "check", n.do(t, "store", "check"), "2 letters read", "all is well")
	n.start(t)
	if letters := popAll(t, n.town, an); len(letters) != 2 {
		t.Errorf("%d letters", len(letters))
	}
}

// TestDomainQuota fills a domain: whose letter does not fit is refused for now,
// and taken when there is room.
func TestDomainQuota(t *testing.T) {
	t.Parallel()
	n, people := alone(t, "an", "binh")
	an, binh := people[0], people[1]
	n.do(t, "domain", "set", "hue.example", "--quota", "1500K")
	chi := n.addAccount(t, "chi@hue.example")
	must(t, n.send(an.Address, largeText("one")))
	for _, who := range []person{an, binh, chi} {
		if err := n.send(who.Address, largeText("two")); err == nil || !strings.HasPrefix(err.Error(), `452 "4.2.2`) {
			t.Errorf("a letter to %s that does not fit: %v", who.Address, err)
		}
	}
	must(t, n.send(binh.Address, "Subject: small\r\n\r\nthere is room for this\r\n"))
	has(t, "list", n.do(t, "domain", "list"), "hue.example", "1.0M of 1500K")
	s := dialIMAP(t, n, an)
	s.say(`STORE 1 +FLAGS (\Deleted)`)
	s.say("EXPUNGE") // what can be brought back does not count
	must(t, n.send(chi.Address, largeText("three")))
	if out, code := n.admin(t, "account", "restore", an.Address, "--all"); code != 1 || !strings.Contains(out, "raise the quota") {
		t.Errorf("restore into a full domain: exit %d: %s", code, out)
	}
	has(t, "no limit", n.do(t, "domain", "set", "hue.example", "--quota", "0"), "no limit")
	n.do(t, "account", "restore", an.Address, "--all")
}

// bodyFiles are the files of the bodies that do not lie beside their rows.
func (n *node) bodyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.data, "bodies", "[0-9A-Z][0-9A-Z]", "*"))
	must(t, err)
	return files
}

// TestStoreCheck damages a store: each wound is found and named, and what is
// left can still be read.
func TestStoreCheck(t *testing.T) {
	t.Parallel()
	n, people := alone(t, "an", "binh")
	for _, who := range people {
		must(t, n.send(who.Address, largeText("large")))
		must(t, n.send(who.Address, "Subject: small\r\n\r\nsmall\r\n"))
	}
	has(t, "a store that is whole", n.do(t, "store", "check"), "4 messages of 2 accounts, 4 letters read", "all is well")
	files := n.bodyFiles(t)
	if len(files) != 2 {
		t.Fatalf("files of bodies: %q", files)
	}
	flipBit(t, files[0])
	must(t, os.Remove(files[1]))
	for _, running := range []bool{true, false} {
		if !running {
			n.stop(t)
		}
		out, code := n.admin(t, "store", "check", "--repair")
		if code != 1 {
			t.Errorf("exit %d", code)
		}
		has(t, "the damage", out, "body "+filepath.Base(files[0])+": its SHA-256 is", "body "+filepath.Base(files[1])+": it can't be opened",
			"problems: 2, repaired: 0, lost: 2", people[0].Address+": ", people[1].Address+": ", "only come from a copy")
		if out, code = n.admin(t, "store", "check", "--quick"); code != 1 || strings.Contains(out, filepath.Base(files[0])) {
			t.Errorf("quick: exit %d: %s", code, out) // finds the missing one without reading the other
		}
	}
	n.start(t)
	s := dialIMAP(t, n, people[0])
	has(t, "what is left", s.say("FETCH 2 BODY.PEEK[]"), "Subject: small")
}

func flipBit(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	text[len(text)/2] ^= 1
	must(t, os.WriteFile(file, text, 0o600))
}

// TestStoreCheckIsResumed stops a check and goes on with it.
func TestStoreCheckIsResumed(t *testing.T) {
	t.Parallel()
	n, people := alone(t, "an")
	c, err := dialSMTP(n.At("smtp"), nil)
	must(t, err)
	defer c.Close()
	for range 20 {
		must(t, c.send("alice@crepes.fr", []string{people[0].Address}, largeText("large")))
	}
	master, slave := terminal(t)
	check := n.command(t, "store", "check")
	check.Stdin, check.Stdout, check.Stderr = slave, slave, slave
	must(t, check.Start())
	slave.Close()
	screen := make([]byte, 4096)
	got := ""
	for !strings.Contains(got, " of 20 messages") && !strings.Contains(got, "all is well") {
		k, err := master.Read(screen)
		if err != nil {
			break
		}
		got += string(screen[:k])
	}
	has(t, "progress on a terminal", got, " of 20 messages")
	check.Process.Signal(syscall.SIGINT)
	exitCode(t, check.Wait())
	has(t, "go on", n.do(t, "store", "check", "--resume"), "all is well")
	hasNot(t, "the log", n.log.String(), "level=ERROR")
}
