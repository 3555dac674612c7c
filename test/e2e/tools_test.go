package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a program that this project did not write and returns its output.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// needs skips a test on a machine without the program; `make test` installs it.
func needs(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: test/packages installs it", name)
	}
}

func TestCurl(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	l := newLab(t)
	s := l.Servers[0]
	an, binh := s.Accounts[0], s.Accounts[1]
	letter := filepath.Join(t.TempDir(), "letter.txt")
	curl := func(args ...string) string {
		t.Helper()
		return tool(t, "curl", append([]string{"-sS", "--cacert", l.CA, "--max-time", fmt.Sprint(testTime.Seconds())}, args...)...)
	}
	send := func(subject string, args ...string) {
		t.Helper()
		must(t, os.WriteFile(letter, []byte("From: "+an.Address+"\nSubject: "+subject+"\n\nsent by curl\n"), 0o600))
		curl(append([]string{"--crlf", "--mail-from", an.Address, "--mail-rcpt", binh.Address, "-T", letter, "-u", an.Address + ":" + an.Password}, args...)...)
	}
	send("one", fmt.Sprintf("smtp://localhost:%d/crepes.fr", s.Ports["submission"]), "--ssl-reqd")
	send("two", fmt.Sprintf("smtps://localhost:%d/crepes.fr", s.Ports["submissions"]))
	user := []string{"-u", binh.Address + ":" + binh.Password}
	for _, url := range []string{
		fmt.Sprintf("pop3://localhost:%d/1", s.Ports["pop3"]), fmt.Sprintf("pop3s://localhost:%d/1", s.Ports["pop3s"]),
		fmt.Sprintf("imap://localhost:%d/INBOX;UID=1", s.Ports["imap"]), fmt.Sprintf("imaps://localhost:%d/INBOX;UID=1", s.Ports["imaps"]),
	} {
		if got := curl(append(user, url)...); !strings.Contains(got, "Subject: one\r\n") || !strings.Contains(got, "sent by curl") {
			t.Errorf("%s: %q", url, got)
		}
	}
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		got := curl(append(user, "--login-options", "AUTH="+mechanism, fmt.Sprintf("pop3s://localhost:%d/", s.Ports["pop3s"]))...)
		if len(strings.Fields(got)) != 4 {
			t.Errorf("LIST after AUTH %s: %q", mechanism, got)
		}
	}
}

func TestSwaks(t *testing.T) {
	t.Parallel()
	needs(t, "swaks")
	l := newLab(t)
	s := l.Servers[0]
	an, binh := s.Accounts[0], s.Accounts[1]
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		out := tool(t, "swaks", "--server", "127.0.0.1", "--port", fmt.Sprint(s.Ports["submission"]), "--auth", mechanism,
			"--auth-user", an.Address, "--auth-password", an.Password, "--from", an.Address, "--to", binh.Address,
			"--header", "Subject: by "+mechanism, "--hide-all")
		if strings.Contains(out, "***") {
			t.Errorf("%s: %s", mechanism, out)
		}
	}
	if letters := popAll(t, s, binh); len(letters) != 2 || !strings.Contains(letters[1], "Subject: by LOGIN") {
		t.Errorf("%d letters", len(letters))
	}
}
