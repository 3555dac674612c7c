package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestNameServerFaults: name servers that say nothing, have trouble or lie are
// named by the journey, and cost no mail.
func TestNameServerFaults(t *testing.T) {
	t.Parallel()
	n := newNames(t, "lies.example. MX 10 mx.lies.example.", "mx.lies.example. CNAME mx.lies.example.",
		"points.example. MX 10 nowhere.points.example.", "here.example. MX 10 mail.hue.example.", "mail.hue.example. A 127.0.0.1")
	n.breaks("trouble.example.")
	n.hush("silent.example.")
	p := newPost(t, n, nil, "", "")
	for domain, c := range map[string]struct{ state, cause, party string }{
		"trouble.example": {"waiting", "dns", "wait"},
		"silent.example":  {"waiting", "dns", "wait"},
		"points.example":  {"failed", "no-domain", "sender"},
		"lies.example":    {"failed", "no-domain", "sender"},
	} {
		t.Run(domain, func(t *testing.T) {
			t.Parallel()
			p.writes(t, domain, "", "a@"+domain)
			p.becomes(t, "a@"+domain, c.state, c.cause, c.party)
		})
	}
}

// TestKillWhileSending kills the server while it sends: every letter arrives,
// at most twice.
func TestKillWhileSending(t *testing.T) {
	t.Parallel()
	var slow atomic.Bool
	slow.Store(true)
	s := newSink(t, "mx.far.example", func(s *sink) {
		s.replies = func(_ int, line string) string {
			if line == "." && slow.Load() {
				time.Sleep(20 * time.Millisecond) // a server that syncs
			}
			return ""
		}
	})
	p := newPost(t, newNames(t, mx("far.example", s)...), []*sink{s}, "", "")
	const rounds, each = 4, 15
	for round := range rounds {
		for i := range each {
			p.writes(t, fmt.Sprintf("letter-%d-%d-end", round, i), "", "a@far.example")
		}
		p.Kill()
		p.start(t)
	}
	slow.Store(false)
	p.emptied(t)
	there := map[string]int{}
	got, _ := s.got()
	for _, m := range got {
		_, after, _ := strings.Cut(m.text, "Subject: ")
		subject, _, _ := strings.Cut(after, "\r\n")
		there[subject]++
	}
	if len(there) != rounds*each {
		t.Errorf("%d letters of %d arrived", len(there), rounds*each)
	}
	for subject, n := range there {
		if n > 1+rounds {
			t.Errorf("%s came %d times", subject, n)
		}
	}
	t.Logf("%d letters, %d duplicates", len(there), len(got)-len(there))
}

// TestPublished: what `tem dns records` prints is what `tem dns check` wants.
func TestPublished(t *testing.T) {
	t.Parallel()
	n := newNames(t)
	cert, key := certificate(t)
	p := newPost(t, n, nil, "", fmt.Sprintf("tls = { cert = %q, key = %q }", cert, key))
	address := []string{"--address", "192.0.2.1"}
	out, code := p.admin(t, append([]string{"dns", "check", "hue.example", "--dns", n.at, "--lang", "en"}, address...)...)
	if code == 0 {
		t.Errorf("nothing is published, and yet:\n%s", out)
	}
	has(t, "the check of nothing", out, "MX", "SPF")
	records := p.do(t, append([]string{"dns", "records", "hue.example"}, address...)...)
	has(t, "the records", records, "v=spf1", "v=DKIM1", "v=DMARC1", "v=STSv1", "v=TLSRPTv1", "_submissions._tcp", "TLSA")
	zone := filepath.Join(t.TempDir(), "zone")
	must(t, os.WriteFile(zone, []byte(records), 0o600))
	checked, code := p.admin(t, append([]string{"dns", "check", "hue.example", "--zone", zone, "--lang", "en"}, address...)...)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	has(t, "the check of all but the PTR record", checked, "1 to do", "ok         MX", "missing    PTR", "whose move: you, at who gave you the address")
	vi, _ := p.admin(t, append([]string{"dns", "check", "hue.example", "--zone", zone, "--lang", "vi"}, address...)...)
	if vi == checked {
		t.Error("the check is the same in Vietnamese")
	}
	has(t, "SPF", tool(t, binary, "check", "spf", "--ip", "192.0.2.1", "--from", p.an.Address, "--zone", zone), "pass")
	p.signs(t, zone)
}

// signs signs a letter with a key that was given away, and checks it and its
// broken copy against the zone.
func (p *post) signs(t *testing.T, zone string) {
	t.Helper()
	dir := t.TempDir()
	key, letter, signed := filepath.Join(dir, "key.pem"), filepath.Join(dir, "letter"), filepath.Join(dir, "signed")
	must(t, os.WriteFile(letter, []byte(plainLetter(p.an.Address, "by-hand")), 0o600))
	text, err := os.ReadFile(zone)
	must(t, err)
	selector, _, _ := strings.Cut(string(text[strings.Index(string(text), "tem-"):]), "._domainkey")
	p.do(t, "domain", "dkim", "export", "hue.example", selector, key)
	out := tool(t, binary, "dkim", "sign", "--domain", "hue.example", "--selector", selector, "--key", key, letter)
	must(t, os.WriteFile(signed, []byte(out), 0o600))
	has(t, "the signature", tool(t, binary, "check", "dkim", "--zone", zone, signed), "pass")
	must(t, os.WriteFile(signed, []byte(strings.Replace(out, "Xin", "Hin", 1)), 0o600))
	broken, err := exec.Command(binary, "check", "dkim", "--zone", zone, signed).CombinedOutput()
	if exitCode(t, err) != 1 {
		t.Errorf("a broken signature:\n%s", broken)
	}
}
