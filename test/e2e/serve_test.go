package e2e

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tem/test/outside"
)

// configFile writes a configuration file
// and returns its name.
func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tem.toml")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// certificate makes one with openssl, as an operator would.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	needs(t, "openssl")
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	tool(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=mail.hue.example", "-addext", "subjectAltName=DNS:mail.hue.example,DNS:localhost")
	return cert, key
}

// six is a whole server in six lines.
func six(t *testing.T, cert, key string, port int) string {
	return fmt.Sprintf(`hostname = "mail.hue.example"
data = %q
insecure_auth = "loopback"
tls = { cert = %q, key = %q }
listen = { smtp = ["127.0.0.1:%d"], submission = [], submissions = [], pop3 = ["127.0.0.1:%d"], pop3s = [], imap = [], imaps = [] }
limits = { message = "1M" }
`, t.TempDir(), cert, key, port, port+85)
}

func TestServeMistakes(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { busy.Close() })
	good := six(t, cert, key, outside.FreeBase(t)+25)
	for name, c := range map[string]struct{ text, say string }{
		"unknown key": {"hostnam = 'x'\n" + good, "hostnam"},
		"not TOML":    {good + "\n[[", "tem.toml:8"},
		"port in use": {strings.Replace(good, "submission = []", fmt.Sprintf("submission = [%q]", busy.Addr()), 1), busy.Addr().String()},
		"certificate": {strings.Replace(good, cert, "/nowhere/cert.pem", 1), "/nowhere/cert.pem"},
		"key":         {strings.Replace(good, key, cert, 1), "key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(binary, "serve", "--config", configFile(t, c.text))
			out := new(bytes.Buffer)
			cmd.Stdout, cmd.Stderr = out, out
			timer := time.AfterFunc(testTime, func() { cmd.Process.Kill() })
			defer timer.Stop()
			cmd.Run()
			said := out.String()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("exit code %d", code)
			}
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "tem: ") || !strings.Contains(said, c.say) {
				t.Errorf("it should say one line about %q, but said:\n%s", c.say, said)
			}
		})
	}
}

// TestServeSixLines runs a server of six lines: people are added while it
// runs, mail arrives, it reloads and stops.
func TestServeSixLines(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	port := outside.FreeBase(t) + 25
	file := configFile(t, six(t, cert, key, port))
	tool(t, binary, "config", "check", file)
	log := outside.NewLog(t, "the server")
	p := outside.Start(t, log, nil, binary, "serve", "--config", file)
	defer p.End(t)
	s := town{Address: "127.0.0.1", Ports: map[string]int{"smtp": port, "pop3": port + 85}}
	eventually(t, "the server", testTime, func() bool { return strings.Contains(log.String(), "msg=ready") })
	who := person{Address: "hue@hue.example", Password: "a-word-for-hue"}
	secret := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(secret, []byte(who.Password+"\n"), 0o600))
	tool(t, binary, "domain", "add", "--config", file, "hue.example")
	tool(t, binary, "account", "add", "--config", file, "--password-file", secret, who.Address)
	c, err := dialSMTP(s.At("smtp"), nil)
	must(t, err)
	must(t, c.send("alice@crepes.fr", []string{who.Address}, "Subject: six lines\r\n\r\nmake a server\r\n"))
	if err := c.say(552, "MAIL FROM:<alice@crepes.fr> SIZE=2000000"); err != nil {
		t.Errorf("a message over the limit: %v", err)
	}
	c.Close()
	if letters := popAll(t, s, who); len(letters) != 1 || !strings.Contains(letters[0], "make a server") {
		t.Errorf("letters: %q", letters)
	}
	before := shown(t, s.At("smtp"))
	newCert, newKey := certificate(t)
	must(t, os.Rename(newKey, key))
	must(t, os.Rename(newCert, cert))
	p.Signal(syscall.SIGHUP)
	eventually(t, "the reload", testTime, func() bool { return strings.Contains(log.String(), "reloaded") })
	if bytes.Equal(before, shown(t, s.At("smtp"))) {
		t.Error("the old certificate is still shown after SIGHUP")
	}
	p.End(t)
	tool(t, binary, "account", "list", "--config", file) // on the stopped server
}

// shown is the certificate that a server shows behind STARTTLS.
func shown(t *testing.T, address string) []byte {
	t.Helper()
	c, err := smtp.Dial(address)
	must(t, err)
	defer c.Close()
	must(t, c.StartTLS(&tls.Config{InsecureSkipVerify: true})) // any certificate: it is what we ask for
	state, _ := c.TLSConnectionState()
	return state.PeerCertificates[0].Raw
}
