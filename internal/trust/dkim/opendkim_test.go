package dkim

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenDKIMSigns: what opendkim signs passes here. It signs for a filter;
// in its test mode it prints the field that it would have inserted.
func TestOpenDKIMSigns(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("opendkim")
	if err != nil {
		t.Skip("opendkim is not on this machine; test/packages installs it")
	}
	dir := t.TempDir()
	ks, zone := hanoi(t)
	key, err := MarshalKey(ks[0].Signer)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, text := write("key.pem", string(key)), write("letter.eml", letter)
	v := NewVerifier(resolver(t, zone...), Options{})
	for _, c := range []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"} {
		conf := write("conf", fmt.Sprintf("Mode s\nDomain hanoi.example\nKeyFile %s\nSelector rsa2048\nCanonicalization %s\n"+
			"Socket local:%s/socket\nSyslog no\nSignatureAlgorithm rsa-sha256\nOversignHeaders From\nRequireSafeKeys no\n", file, c, dir))
		out, err := exec.CommandContext(t.Context(), program, "-x", conf, "-v", "-v", "-t", text).Output()
		_, value, found := strings.Cut(string(out), "hname='DKIM-Signature' hvalue='")
		if err != nil || !found {
			t.Fatalf("%s: %v\n%s", c, err, out)
		}
		value, _, _ = strings.Cut(value, "'")
		// Of simple headers even the space behind the colon counts; it leaves that to the mail server.
		field := "DKIM-Signature: " + strings.ReplaceAll(value, "\n", "\r\n") + "\r\n"
		if r := results(t, v, field+letter); len(r) != 1 || r[0].Status != Pass {
			t.Errorf("%s: %v\n%s", c, r[0].String(), field)
		}
	}
}
