package main

import (
	"bytes"
	"crypto"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/dns"
	"tem/internal/trust/dkim"
)

// newKey is a key to sign with, and a file that has it.
func newKey(t *testing.T) (key crypto.Signer, file string) {
	t.Helper()
	key, err := dkim.GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	text, err := dkim.MarshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}

// TestDKIMSign: what the command prints verifies.
func TestDKIMSign(t *testing.T) {
	t.Parallel()
	signer, file := newKey(t)
	record, err := dkim.Record(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	server, err := dns.Serve("127.0.0.1:0", `s1._domainkey.hanoi.example. TXT "`+record+`"`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	verifier := dkim.NewVerifier(dns.NewResolver(server.Address()), dkim.Options{})
	for _, c := range []struct {
		in   string
		args []string
		note string
	}{
		{"From: an@hanoi.example\n\nhello\n", nil, "CRLF"},
		{"From: an@hanoi.example\r\n\r\nhello\r\n", nil, ""},
		{"From: an@hanoi.example\n\nhello\n", []string{"--json"}, ""},
		{"From: an@hanoi.example\nSubject: \xe9\n\nhello\n", []string{"--json"}, ""}, // no UTF-8
	} {
		var out, errOut bytes.Buffer
		args := append([]string{"dkim", "sign", "-", "--domain", "hanoi.example", "--selector", "s1", "--key", file}, c.args...)
		if code := run(t.Context(), args, strings.NewReader(c.in), &out, &errOut); code != 0 || !strings.Contains(errOut.String(), c.note) || (c.note == "") != (errOut.Len() == 0) {
			t.Fatalf("exit code %d: %s", code, errOut.String())
		}
		message := out.String()
		if c.args != nil {
			var s signed
			if err := json.Unmarshal(out.Bytes(), &s); err != nil || s.Record != record || s.CRLF {
				t.Fatalf("%v %+v", err, s)
			}
			message = s.Message + string(s.Octets)
		}
		v := verifier.Verify(t.Context())
		v.Write([]byte(message))
		if r := v.Results(t.Context()); len(r) != 1 || r[0].Status != dkim.Pass {
			t.Errorf("%q: %v", message, r)
		}
	}
}

// What is to be published has the domain as the DNS has it.
func TestDKIMSignIDN(t *testing.T) {
	t.Parallel()
	_, file := newKey(t)
	code, out, errOut := tem(t, "From: an@bücher.example\n\nhello\n", "dkim", "sign", "-", "--domain", "Bücher.example", "--selector", "s1", "--key", file, "--json")
	if code != 0 || !strings.Contains(out, `"name":"s1._domainkey.xn--bcher-kva.example"`) {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
}

func TestDKIMSignMistakes(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{
		"dkim sign - --domain hanoi.example --selector s1 --key /nowhere": exitUsage,
		"dkim sign -": exitUsage,
	} {
		var out, errOut bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), strings.NewReader(""), &out, &errOut); code != want || out.Len() > 0 {
			t.Errorf("%s: exit code %d, %s", args, code, errOut.String())
		}
	}
}
