package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/trust/dkim"
)

// lesson writes a zone and a signed letter.
func lesson(t *testing.T) (zone, letter string) {
	t.Helper()
	key, err := dkim.GenerateKey("ed25519")
	if err != nil {
		t.Fatal(err)
	}
	record, err := dkim.Record(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	const text = "From: An <an@hanoi.example>\r\nTo: b@saigon.example\r\nSubject: hi\r\nDate: Fri, 02 Jan 2026 03:04:05 +0700\r\n\r\nHello\r\n"
	m := dkim.NewMessage()
	s, err := dkim.NewSigning(m, []dkim.Key{{Domain: "hanoi.example", Selector: "s", Signer: key}}, dkim.SigningOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Write([]byte(text))
	m.Close()
	fields, err := s.Fields()
	if err != nil {
		t.Fatal(err)
	}
	zone, letter = filepath.Join(t.TempDir(), "lesson.zone"), filepath.Join(t.TempDir(), "letter.eml")
	records := "$ORIGIN hanoi.example.\n@ TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\nxn--bcher-kva.example. MX 1 mx\nmx A 192.0.2.8\ns._domainkey TXT \"" + record + "\"\n"
	for name, content := range map[string]string{zone: records, letter: strings.ReplaceAll(string(fields)+text, "\r\n", "\n")} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return zone, letter
}

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	zone, letter := lesson(t)
	changed := letter + ".changed"
	text, err := os.ReadFile(letter)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(changed, append(text, "more\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	garbled := letter + ".garbled"
	if err := os.WriteFile(garbled, []byte(strings.Replace(string(text), "v=1;", "v=2;", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	doubtful := letter + ".doubtful"
	for name, from := range map[string]string{doubtful: "From: an@hanoi.example\rX: y", doubtful + ".nul": "From: an@hanoi.example\x00"} {
		if err := os.WriteFile(name, []byte(from+"\n\nHello\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args string // separated by |
		code int
		want []string
	}{
		{"spf|--ip|192.0.2.7|--from|an@hanoi.example", 0, []string{"SPF: pass", "1. identity: mailfrom an@hanoi.example", "hanoi.example ip4:192.0.2.0/24: match", "TXT hanoi.example: ", "(zone", "cho phép"}},
		{"spf|--ip|198.51.100.7|--from|an@hanoi.example|--lang|vi", 1, []string{"SPF: fail", "Các bước", "không cho phép"}},
		{"spf|--ip|198.51.100.7|--from||--helo|nowhere.example", 0, []string{"SPF: none", "postmaster@nowhere.example"}},
		{"spf|--ip|here|--from|an@hanoi.example", 2, nil},
		{"spf|--ip|192.0.2.7|--from|", 2, nil},
		{"dkim|" + letter, 0, []string{"DKIM: pass", "key at s._domainkey.hanoi.example", "hash "}},
		{"dkim|" + changed, 1, []string{"DKIM: fail", "signed was"}},
		{"dkim|nowhere.eml", 2, nil},
		{"dkim|" + garbled, 1, []string{"DKIM: neutral", "can't be read"}},
		{"dmarc|" + changed, 1, []string{"SPF: left out: --ip"}},
		{"dmarc|" + changed + "|--from|an@hanoi.example", 2, nil},
		{"spf|--ip|192.0.2.7|--from|<an@hanoi.example>", 2, nil},
		{"mx|an@hanoi.example|--no-connect", 2, nil},
		{"mx||--no-connect", 2, nil},
		{"mx|hanoi.example|--no-connect|--port|99999", 2, nil},
		{"mx|hanoi.example|--no-connect|--roots|/nowhere", 2, nil},
		{"dane|hanoi.example|--no-connect|--roots|" + letter, 2, nil},
		{"mta-sts|hanoi.example|--no-connect|--https-port|0", 2, nil},
		{"dane|[192.0.2.1]|--no-connect", 2, nil},
		{"mta-sts|ha noi.example|--no-connect", 2, nil},
		{"mx|Bücher.example|--no-connect", 0, []string{"MX: pass", "MX xn--bcher-kva.example: "}},
		{"dmarc|" + letter, 0, []string{"DMARC: pass", "dkim hanoi.example: verified and aligned (relaxed)", "to do by the policy: none"}},
		{"dmarc|" + changed + "|--ip|198.51.100.7|--from|an@hanoi.example", 1, []string{"DMARC: fail", "p=reject", "spf hanoi.example: not verified", "to do by the policy: reject"}},
		{"dmarc|" + changed + "|--ip|192.0.2.9|--from|an@hanoi.example", 0, []string{"DMARC: pass: spf of hanoi.example passes"}},
		{"dmarc|" + letter + "|--ip|192.0.2.9", 2, nil},
		{"dmarc|" + doubtful, 1, []string{"DMARC: permerror", "CR or LF that is not part of CRLF"}}, // as the server judges it
		{"dmarc|" + doubtful + ".nul", 1, []string{"DMARC: permerror", "control character"}},
		{"arc|" + letter, 0, []string{"ARC: none"}},
	} {
		args := append([]string{"check"}, strings.Split(c.args, "|")...)
		code, out, errOut := tem(t, "", append(args, "--zone", zone)...)
		if code != c.code || (code == 2) != (errOut != "") {
			t.Errorf("%s: exit %d, want %d: %s", c.args, code, c.code, errOut)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.args, want, out)
			}
		}
		if c.code == 2 {
			continue
		}
		_, out, _ = tem(t, "", append(args, "--zone", zone, "--json")...)
		var r checkReport
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Verdict == "" || r.Meaning.VI == "" || len(r.Steps) == 0 {
			t.Errorf("%s: %v in %s", c.args, err, out)
		}
	}
}

// What a program asks for is in fields of its own, not only in sentences.
func TestCheckTellsPrograms(t *testing.T) {
	t.Parallel()
	zone, letter := lesson(t)
	unsigned := letter + ".unsigned"
	if err := os.WriteFile(unsigned, []byte("From: An <an@hanoi.example>\n\nHello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, out, errOut := tem(t, "", "check", "dkim", unsigned, "--zone", zone, "--json"); !strings.Contains(out, `"signatures":[],`) {
		t.Errorf("unsigned: %s%s", out, errOut)
	}
	for args, want := range map[string]string{
		"dkim": `"signatures":[{"domain":"hanoi.example","selector":"s","algorithm":"ed25519-sha256","result":"pass"}],"steps"`,
		"dmarc --ip 198.51.100.7 --from x@nowhere.example": `"policy":{"author":"hanoi.example","organization":"hanoi.example","domain":"hanoi.example",` +
			`"record":"v=DMARC1; p=reject","asks":"reject","apply":"none","identifiers":[{"method":"spf","domain":"nowhere.example","pass":false,"aligned":false},` +
			`{"method":"dkim","domain":"hanoi.example","pass":true,"aligned":true}]}`,
	} {
		words := strings.Fields(args)
		_, out, errOut := tem(t, "", append([]string{"check", words[0], letter, "--zone", zone, "--json"}, words[1:]...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%s: %s%s", args, out, errOut)
		}
	}
}

func TestCheckFromStandardInput(t *testing.T) {
	t.Parallel()
	zone, letter := lesson(t)
	text, err := os.ReadFile(letter)
	if err != nil {
		t.Fatal(err)
	}
	if code, out, errOut := tem(t, string(text), "check", "dkim", "-", "--zone", zone); code != 0 || !strings.HasPrefix(out, "DKIM: pass") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	if code, _, errOut := tem(t, "", "check", "dkim", "-", "--zone", letter); code != 2 || errOut == "" {
		t.Errorf("a letter is no zone: exit %d, %s", code, errOut)
	}
}

func TestStrangersDoNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	zone := filepath.Join(t.TempDir(), "z")
	if err := os.WriteFile(zone, []byte(`bad.example. TXT "v=spf1 x=\027[2J -all exp=why.bad.example"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, out, _ := tem(t, "", "check", "spf", "--ip", "192.0.2.1", "--from", "a\x1b[2J@bad.example", "--zone", zone); strings.Contains(out, "\x1b") || out == "" {
		t.Errorf("%q", out)
	}
}

// What a program needs to know of a check is in its own help: not all help is printed of the command above.
func TestChecksTellTheirExitCodes(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{{"check", "spf"}, {"check", "dkim"}, {"check", "dmarc"}, {"check", "arc"}, {"check", "mx"}, {"check", "dane"}, {"check", "mta-sts"}, {"dns", "check"}} {
		var out strings.Builder
		run(t.Context(), append(c, "--help"), nil, &out, &out)
		if text := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(text, "Exit codes: 0") {
			t.Errorf("%v:\n%s", c, text)
		}
	}
}

// TestCheckNamesItsServers: a resolver that can't be is refused before anything is asked.
func TestCheckNamesItsServers(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"--dns=foo bar":         "write an address",
		"--dns=":                "write an address",
		"--dns=192.0.2.1:99999": "write an address",
		"--dns=192.0.2.1:0":     "write an address",
		"--dns=ns.example":      "write an address",
		"--zone=":               "name a zone file",
		"--zone=/nowhere/zone":  "no such file",
	} {
		for _, check := range []string{"mx|a.example", "mta-sts|a.example", "spf|--ip|192.0.2.1|--from|a@a.example"} {
			code, out, errOut := tem(t, "", append(append([]string{"check"}, strings.Split(check, "|")...), flag)...)
			if code != exitUsage || out != "" || !strings.Contains(errOut, want) {
				t.Errorf("%s %s: exit code %d, %s%s", check, flag, code, out, errOut)
			}
		}
	}
	for given, want := range map[string]string{"192.0.2.1": "192.0.2.1:53", "::1": "[::1]:53", "[::1]": "[::1]:53", "[::1]:5353": "[::1]:5353", "127.0.0.1:5353": "127.0.0.1:5353"} {
		if got, err := nameServer(given); got != want || err != nil {
			t.Errorf("%s: %q, %v", given, got, err)
		}
	}
}
