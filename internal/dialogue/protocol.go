package dialogue

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"tem/internal/wire/pop3"
	"tem/internal/wire/smtp"
)

// protocol is what differs between the three.
type protocol interface {
	// redact hides the secrets in a line of the client.
	redact(line []byte) []byte
	// command understands a typed line.
	command(typed string) command
	// reply reads the whole reply to a command, or the greeting to the zero
	// command, and returns the line that says how it went.
	reply(t *talk, cmd command) (string, error)
	// unasked reads what the server says by itself; the result is judged.
	unasked(t *talk) (string, error)
	// literal is the size of the literal that a line of the client announces,
	// -1 for none, and whether the server is asked before.
	literal(typed string) (size int, waits bool)
	// closes says whether the server closes the connection after a reply.
	closes(reply string) bool
	// upgrade is what to say to start TLS.
	upgrade(local net.Addr) []string
}

// command is one command of the client.
type command struct {
	line      string // as it is sent
	verb      string // in upper case
	tag       string // of IMAP
	auth      bool   // a login
	text      bool   // message text follows the go-ahead
	startsTLS bool
	quits     bool
	multi     bool // POP3: the positive reply has more lines, up to a lone dot
}

func protocols() map[string]protocol {
	return map[string]protocol{"smtp": smtpTalk{}, "pop3": pop3Talk{}, "imap": &imapTalk{}}
}

// verbs splits a typed line into its words, the first in upper case.
func verbs(typed string) (verb string, rest []string) {
	words := strings.Fields(typed)
	if len(words) == 0 {
		return "", nil
	}
	return strings.ToUpper(words[0]), words[1:]
}

// noLiteral is for the protocols that have none.
type noLiteral struct{}

func (noLiteral) literal(string) (int, bool) { return -1, true }

// loosely hides what redact hides, also behind the odd blanks that people type.
func loosely(redact func([]byte) []byte, l []byte) []byte {
	shown := redact(bytes.Join(bytes.Fields(l), []byte(" ")))
	if bytes.Contains(shown, []byte("‹secret›")) {
		return shown
	}
	return l
}

type smtpTalk struct{ noLiteral }

func (smtpTalk) redact(l []byte) []byte { return loosely(smtp.Redact, l) }

func (smtpTalk) command(typed string) command {
	verb, _ := verbs(typed)
	return command{line: typed, verb: verb,
		auth: verb == "AUTH", text: verb == "DATA", startsTLS: verb == "STARTTLS", quits: verb == "QUIT"}
}

// reply reads up to the line without a hyphen behind its code (RFC 5321 §4.2.1).
func (smtpTalk) reply(t *talk, _ command) (string, error) {
	for {
		l, err := t.readLine()
		if err != nil || len(l) < 4 || l[3] != '-' {
			return l, err
		}
	}
}

func (s smtpTalk) unasked(t *talk) (string, error) { return s.reply(t, command{}) }

func (smtpTalk) closes(reply string) bool { return strings.HasPrefix(reply, "421") }

// upgrade greets with the address literal that every client has (RFC 5321 §4.1.4).
func (smtpTalk) upgrade(local net.Addr) []string {
	name := "localhost"
	if a, ok := local.(*net.TCPAddr); ok {
		name = "[" + a.IP.String() + "]"
		if a.IP.To4() == nil {
			name = "[IPv6:" + a.IP.String() + "]" // RFC 5321 §4.1.3
		}
	}
	return []string{"EHLO " + name, "STARTTLS"}
}

type pop3Talk struct{ noLiteral }

func (pop3Talk) redact(l []byte) []byte {
	words := bytes.Fields(l)
	if len(words) > 2 && bytes.EqualFold(words[0], []byte("APOP")) {
		return fmt.Appendf(nil, "%s %s ‹secret›", words[0], words[1])
	}
	return loosely(pop3.Redact, l)
}

func (pop3Talk) command(typed string) command {
	verb, args := verbs(typed)
	c := command{line: typed, verb: verb, startsTLS: verb == "STLS", quits: verb == "QUIT"}
	switch verb {
	case "PASS", "APOP":
		c.auth = true
	case "AUTH": // alone, it asks for the list of mechanisms
		c.auth, c.multi = len(args) > 0, len(args) == 0
	case "CAPA", "RETR", "TOP":
		c.multi = true
	case "LIST", "UIDL", "LANG": // RFC 1939 §5, §7; RFC 6856 §3.2: alone, all of them
		c.multi = len(args) == 0
	}
	return c
}

func (pop3Talk) reply(t *talk, cmd command) (string, error) {
	l, err := t.readLine()
	if err != nil || !cmd.multi || !strings.HasPrefix(l, "+OK") {
		return l, err
	}
	_, err = io.Copy(io.Discard, t.conn.DotReader(false))
	return l, err
}

func (p pop3Talk) unasked(t *talk) (string, error) { return p.reply(t, command{}) }

func (pop3Talk) closes(string) bool { return false }

func (pop3Talk) upgrade(net.Addr) []string { return []string{"STLS"} }

// literalSize is the size of the literal that a line ends by announcing
// (RFC 9051 §4.3, RFC 7888), -1 for none.
func literalSize(l string) (size int, waits bool) {
	open := strings.LastIndexByte(l, '{')
	if open < 0 || !strings.HasSuffix(l, "}") {
		return -1, true
	}
	digits, plus := strings.CutSuffix(l[open+1:len(l)-1], "+")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil {
		return -1, true
	}
	return int(n), !plus
}
