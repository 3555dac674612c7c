package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tem/internal/explain"
	"tem/internal/line"
)

// tem runs one command line.
func tem(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args string // separated by |
		code int
		want []string
	}{
		{"550|5.1.1", 0, []string{"550  permanent", "5.1.1  permanent", "Tiếng Việt"}},
		{"550 5.1.1 No such user|--lang|en", 0, []string{"550  permanent", "no such mailbox"}},
		{"-ERR [IN-USE]", 0, []string{"-ERR [IN-USE]  temporary"}},
		{"-ERR|[SYS/TEMP]|--lang=vi", 0, []string{"-ERR [SYS/TEMP]  lỗi tạm thời"}},
		{"NO [OVERQUOTA]", 0, []string{"NO [OVERQUOTA]  permanent"}},
		{"446", 0, []string{"historic", "Today", "554 5.4.6"}},
		{"459", exitUnknown, []string{"not in the catalogue", "Refused for now"}},
		{"bicycle", exitUnknown, nil},
		{"--lang|en", 0, []string{"SMTP      550", "5.7.30", "[OVERQUOTA]"}},
	}
	for _, tt := range tests {
		code, out, errOut := tem(t, "", append([]string{"explain"}, strings.Split(tt.args, "|")...)...)
		if code != tt.code || code == 0 && errOut != "" {
			t.Errorf("%s: exit %d, want %d: %s", tt.args, code, tt.code, errOut)
		}
		for _, want := range tt.want {
			if !strings.Contains(strings.ReplaceAll(out, "SMTP  550", "SMTP      550"), want) {
				t.Errorf("%s: no %q in\n%s", tt.args, want, out)
			}
		}
	}
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	_, out, _ := tem(t, "", "explain", "421", "4.3.2", "--json")
	var notes []map[string]any
	if err := json.Unmarshal([]byte(out), &notes); err != nil || len(notes) != 2 || notes[1]["code"] != "4.3.2" || notes[0]["class"] != "temporary" {
		t.Errorf("%v: %s", err, out)
	}
}

func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"explain", "trace"} {
		code, out, _ := tem(t, "", verb, "--help")
		if code != 0 || !strings.Contains(out, "Examples:") || !strings.Contains(out, "tem "+verb+" ") {
			t.Errorf("%s --help: %d\n%s", verb, code, out)
		}
	}
}

// answer is a server for one connection: it greets, then answers each line
// with the next reply.
func answer(t *testing.T, greeting string, replies ...string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		io.WriteString(nc, greeting+"\r\n")
		r := bufio.NewReader(nc)
		for _, reply := range replies {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			io.WriteString(nc, reply+"\r\n")
		}
		io.Copy(io.Discard, r)
	}()
	return l.Addr().String()
}

func TestTraceCommand(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "session.txt")
	if err := os.WriteFile(script, []byte("PASS hunter2\r\nQUIT\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		address string
		in      string
		flags   string
		code    int
		want    []string
	}{
		{"smtp", "smtp " + answer(t, "220 hi", "250 hello", "221 bye"), "EHLO me\nQUIT\n", "", 0,
			[]string{"Server : 220 hi\nClient : EHLO me\nServer : 250 hello\nClient : QUIT\nServer : 221 bye\n"}},
		{"permanent", "smtp " + answer(t, "220 hi", "550 5.1.1 no"), "RCPT TO:<x@y>\n", "--explain --lang en", exitPermanent,
			[]string{"  *    : 550: The mailbox is not available", "  *    : 5.1.1: There is no such mailbox"}},
		{"temporary", "imap " + answer(t, "* OK hi", "a1 NO [UNAVAILABLE] later"), "NOOP\n", "", exitTemporary, []string{"Client : a1 NOOP"}},
		{"login", "pop3 " + answer(t, "+OK hi", "-ERR no", "+OK bye"), "", "--script " + script, exitAuth, []string{"Client : PASS ‹secret›"}},
		{"both languages", "pop3 " + answer(t, "+OK hi", "+OK"), "NOOP\n", "--explain", 0, []string{"The command succeeded", "Lệnh thành công"}},
		{"times", "smtp " + answer(t, "220 hi", "221 bye"), "QUIT\n", "--times", 0, []string{"s Server : 220 hi"}},
		{"not TLS", "smtp " + answer(t, "220 hi"), "", "--tls", exitNetwork, nil},
		{"no server", "smtp 127.0.0.1:1", "", "", exitNetwork, nil},
		{"no STARTTLS", "imap " + answer(t, "* OK hi", "a1 BAD what"), "", "--starttls", exitNetwork, []string{"a1 STARTTLS"}},
		{"no such script", "smtp 127.0.0.1:1", "", "--script /does/not/exist", exitUsage, nil},
		{"both ways of TLS", "smtp 127.0.0.1:1", "", "--tls --starttls", exitUsage, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"trace"}, strings.Fields(tt.address+" "+tt.flags)...)
			code, out, errOut := tem(t, tt.in, args...)
			if code != tt.code {
				t.Errorf("exit %d, want %d: %s\n%s", code, tt.code, errOut, out)
			}
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if strings.Contains(out+errOut, "hunter2") {
				t.Error("the password was shown")
			}
		})
	}
}

func TestTraceAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		protocol, server string
		tls              bool
		want             string
	}{
		{"smtp", "mail.example", false, "mail.example:25"},
		{"pop3", "mail.example", true, "mail.example:995"},
		{"imap", "mail.example:1143", true, "mail.example:1143"},
		{"imap", "::1", false, "[::1]:143"},
		{"imap", "[::1]:1993", true, "[::1]:1993"},
	}
	for _, tt := range tests {
		c := TraceCommand{Protocol: tt.protocol, Server: tt.server, TLS: tt.tls}
		if got := c.address(); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

// At a terminal what was typed is not printed again, secrets are not echoed,
// and what comes unasked goes over the prompt.
func TestPrompt(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newPrompt(context.Background(), os.Stdin, &out, &line.Printer{W: &out})
	say := func(from line.Side, kind line.Kind, text string) {
		p.Event(line.Event{From: from, Kind: kind, Text: []byte(text)})
	}
	p.ask()
	say(line.Server, line.Line, "* 2 EXISTS")
	p.answered(true)
	say(line.Client, line.Line, "NOOP")
	say(line.Server, line.Line, "a1 OK")
	p.ask()
	p.answered(false)
	say(line.Client, line.Line, "‹secret 8 bytes›")
	want := "Client : \rServer : * 2 EXISTS\nClient : Server : a1 OK\nClient : \rClient : ‹secret 8 bytes›\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// What --explain can say is never empty for a code that is known.
func TestNotesOfTheProtocolOnly(t *testing.T) {
	t.Parallel()
	notes := (&TraceCommand{Protocol: "imap", Explain: true, Lang: "en"}).notes()
	if got := notes("+ go"); len(got) != 1 || !strings.HasPrefix(got[0], "+: ") || explain.Classify("+ go") != explain.Continue {
		t.Errorf("%q", got)
	}
}
