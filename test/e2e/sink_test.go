package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/xdg-go/scram"
)

// sink is a mail server that remembers what it was told.
type sink struct {
	name    string
	port    int
	offers  []string    // words of EHLO beside the name
	tls     *tls.Config // nil: no STARTTLS
	person  *person     // who may log in, by SCRAM-SHA-256
	bearer  *bearer     // who may log in by a token
	replies func(session int, line string) string

	mu       sync.Mutex
	sessions int
	taken    []accepted
}

// accepted is a message that a sink took.
type accepted struct {
	session  int
	mail     string   // the command
	to       []string // the commands
	text     string
	tls      bool
	loggedIn bool
}

// hangUp, as a reply, ends the connection.
const hangUp = "hang up"

// newSink starts a mail server. Its replies come from replies, where that says
// something; change sets it up.
func newSink(t *testing.T, name string, change func(*sink)) *sink {
	t.Helper()
	s := &sink{name: name, offers: []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"}}
	if change != nil {
		change(s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	s.port = l.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.sessions++
			n := s.sessions
			s.mu.Unlock()
			go s.serve(c, n)
		}
	}()
	return s
}

// port is a line of outbound.ports.
func (s *sink) route() string { return fmt.Sprintf("%q = %d", s.name, s.port) }

// got returns what was taken so far, and how many sessions there were.
func (s *sink) got() ([]accepted, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken), s.sessions
}

// await waits until so many messages were taken.
func (s *sink) await(t *testing.T, n int) []accepted {
	t.Helper()
	eventually(t, fmt.Sprintf("%d messages at %s", n, s.name), testTime, func() bool {
		list, _ := s.got()
		return len(list) >= n
	})
	list, _ := s.got()
	return list
}

// sinkSession is one connection of a sink.
type sinkSession struct {
	*sink
	net.Conn
	in *bufio.Reader
	n  int
	m  accepted // the one that is being said
}

func (s *sink) serve(c net.Conn, n int) {
	x := &sinkSession{sink: s, Conn: c, in: bufio.NewReader(c), n: n, m: accepted{session: n}}
	defer func() { x.Conn.Close() }()
	if !x.say("", "220 "+s.name+" ESMTP") {
		return
	}
	for {
		line, err := x.in.ReadString('\n')
		if err != nil || !x.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

// say answers a line, by the sink's own reply if it has one; false: hang up.
func (x *sinkSession) say(line, usual string) bool {
	if x.replies != nil {
		if r := x.replies(x.n, line); r != "" {
			usual = r
		}
	}
	if usual == hangUp {
		return false
	}
	_, err := io.WriteString(x.Conn, usual+"\r\n")
	return err == nil && !strings.HasPrefix(usual, "421")
}

func (x *sinkSession) own(line string) string {
	if x.replies == nil {
		return ""
	}
	return x.replies(x.n, line)
}

func (x *sinkSession) command(line string) bool {
	verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
	switch verb {
	case "EHLO":
		return x.say(line, x.hello())
	case "STARTTLS":
		return x.startTLS(line)
	case "AUTH":
		if x.bearer != nil {
			return x.token(line)
		}
		return x.login(line)
	case "MAIL":
		x.m = accepted{session: x.n, mail: line, tls: x.m.tls, loggedIn: x.m.loggedIn}
	case "RCPT":
		if x.own(line) == "" {
			x.m.to = append(x.m.to, line)
		}
	case "DATA":
		return x.data(line)
	case "QUIT":
		x.say(line, "221 2.0.0 bye")
		return false
	}
	return x.say(line, "250 2.0.0 ok")
}

func (x *sinkSession) hello() string {
	words := append([]string{x.name}, x.offers...)
	if x.tls != nil && !x.m.tls {
		words = append(words, "STARTTLS")
	}
	if x.person != nil {
		words = append(words, "AUTH SCRAM-SHA-256 PLAIN")
	}
	if x.bearer != nil && x.m.tls {
		words = append(words, "AUTH PLAIN "+x.bearer.mechanism())
	}
	return "250-" + strings.Join(words[:len(words)-1], "\r\n250-") + "\r\n250 " + words[len(words)-1]
}

func (x *sinkSession) startTLS(line string) bool {
	if !x.say(line, "220 2.0.0 go on") || x.own(line) != "" {
		return x.own(line) != hangUp
	}
	c := tls.Server(x.Conn, x.tls)
	if c.Handshake() != nil {
		return false
	}
	x.Conn, x.in, x.m.tls = c, bufio.NewReader(c), true
	return true
}

// login takes SCRAM-SHA-256 (RFC 7677), as another project speaks it.
func (x *sinkSession) login(line string) bool {
	words := strings.Fields(line)
	if len(words) < 3 || words[1] != "SCRAM-SHA-256" {
		return x.say(line, "504 5.5.4 another mechanism")
	}
	client, err := scram.SHA256.NewClient(x.person.Address, x.person.Password, "")
	if err != nil {
		return false
	}
	stored := client.GetStoredCredentials(scram.KeyFactors{Salt: "salt", Iters: 4096})
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		return false
	}
	dialogue := server.NewConversation()
	for message := words[2]; ; {
		said, _ := base64.StdEncoding.DecodeString(message)
		answer, err := dialogue.Step(string(said))
		if err != nil {
			return x.say(line, "535 5.7.8 no")
		}
		if dialogue.Valid() && len(said) == 0 {
			x.m.loggedIn = true
			return x.say(line, "235 2.7.0 welcome")
		}
		io.WriteString(x.Conn, "334 "+base64.StdEncoding.EncodeToString([]byte(answer))+"\r\n")
		if message, err = x.in.ReadString('\n'); err != nil {
			return false
		}
		if message = strings.TrimSpace(message); message == "" && dialogue.Valid() {
			x.m.loggedIn = true
			return x.say(line, "235 2.7.0 welcome")
		}
	}
}

func (x *sinkSession) data(line string) bool {
	if len(x.m.to) == 0 {
		return x.say(line, "503 5.5.1 no recipients")
	}
	if !x.say(line, "354 go on") {
		return false
	}
	var text strings.Builder
	for {
		l, err := x.in.ReadString('\n')
		if err != nil {
			return false
		}
		if l == ".\r\n" {
			break
		}
		text.WriteString(l)
	}
	x.m.text = text.String()
	if r := x.own("."); r == "" || r[0] == '2' {
		x.mu.Lock()
		x.taken = append(x.taken, x.m)
		x.mu.Unlock()
	}
	return x.say(".", "250 2.0.0 taken as "+strconv.Itoa(x.n))
}

// port is where a listener is.
func port(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
