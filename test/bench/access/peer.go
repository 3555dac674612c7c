package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tem/test/bench/dovecot"
	"tem/test/bench/machine"
)

// newPeer configures Dovecot; it does not start it.
func newPeer(root string, o *options) (*server, error) {
	root = filepath.Join(root, "peer")
	c := &dovecot.Config{Dir: root, IMAP: machine.FreePort(), POP3: machine.FreePort(), Maildir: o.maildir, Sessions: 300, Certificate: o.certificate}
	if err := c.Write(); err != nil {
		return nil, err
	}
	passwords, err := peerPasswords(o)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(root, "passwd"), []byte(passwords), 0o644); err != nil {
		return nil, err
	}
	return &server{name: "Dovecot", version: dovecot.Version() + " (" + peerFormat(o) + ")", dir: root, imap: c.IMAP, pop3: c.POP3, secure: o.tls,
		launch: c.Start}, nil
}

func peerFormat(o *options) string {
	if o.maildir {
		return "maildir"
	}
	return "mdbox"
}

// peerPasswords is a line for each of the people: in clear, or with the same
// hash for all, as all have the same password.
func peerPasswords(o *options) (string, error) {
	secret := "{PLAIN}" + password
	if o.scheme != "PLAIN" {
		out, err := exec.Command("doveadm", "pw", "-s", o.scheme, "-p", password).Output()
		if err != nil {
			return "", fmt.Errorf("doveadm pw -s %s: %w", o.scheme, err)
		}
		secret = strings.TrimSpace(string(out))
	}
	var b strings.Builder
	for _, address := range o.people() {
		fmt.Fprintf(&b, "%s:%s\n", address, secret)
	}
	return b.String(), nil
}

// sleeper reconfigures Dovecot for so many sessions, which sleep in one process
// after a second if hibernate; s must be restarted.
func (s *server) sleeper(o *options, sessions int, hibernate bool) error {
	c := &dovecot.Config{Dir: s.dir, IMAP: s.imap, POP3: s.pop3, Maildir: o.maildir, Sessions: sessions, Certificate: o.certificate}
	if hibernate {
		c.Hibernate = "1 secs"
	}
	return c.Write()
}
