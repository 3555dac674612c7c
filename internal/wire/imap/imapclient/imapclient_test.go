package imapclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tem/internal/line"
	"tem/internal/sasl"
)

// serve plays the server's part of a transcript on one end of a pipe: "S: "
// lines are sent, "C: " lines must come. "\n" in a line stands for CRLF.
func serve(t *testing.T, script string) *line.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- play(far, script)
		far.Close()
	}()
	t.Cleanup(func() {
		near.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return line.NewConn(near, line.Client, line.Options{MaxLine: MaxLine, ReadTimeout: 5 * time.Second})
}

func play(c net.Conn, script string) error {
	in := bufio.NewReader(c)
	for l := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		text := strings.ReplaceAll(l[3:], `\n`, "\r\n")
		if strings.HasPrefix(l, "S: ") {
			if _, err := io.WriteString(c, text+"\r\n"); err != nil {
				return err
			}
			continue
		}
		want := text + "\r\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
			return fmt.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	return nil
}

const hello = "S: * OK [CAPABILITY IMAP4rev1 UIDPLUS MOVE LITERAL+ IDLE AUTH=PLAIN SASL-IR] hi\n"

func start(t *testing.T, script string) *Client {
	t.Helper()
	c, err := New(t.Context(), serve(t, script))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSession(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("testdata/session.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, string(script))
	ctx := t.Context()
	if err := c.Login(ctx, sasl.Credentials{Login: "an@hanoi.example", Password: "bí mật"}); err != nil {
		t.Fatal(err)
	}
	boxes, err := c.List(ctx, "*")
	if err != nil || len(boxes) != 2 || boxes[1].Name != "Thư đã gửi" || !boxes[1].Is(`\sent`) {
		t.Fatalf("List = %+v, %v", boxes, err)
	}
	n, err := c.Select(ctx, "INBOX", false)
	if err != nil || n.Messages != 2 || n.UIDValidity != 7 || c.Exists() != 2 {
		t.Fatalf("Select = %+v, %v", n, err)
	}
	uids, err := c.Search(ctx, "FROM", Text("Bình"))
	if err != nil || !slices.Equal(uids, []uint32{4, 9}) {
		t.Fatalf("Search = %v, %v", uids, err)
	}
	var got []*Message
	if err := c.Fetch(ctx, "4,9", Summary, func(m *Message) error { got = append(got, m); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	m := got[0]
	if m.UID != 9 || m.Envelope.Subject != "Chào bạn" || m.Envelope.From[0].Name != "Bình" || !m.Attachments || m.Size != 321 {
		t.Errorf("Fetch = %+v", m)
	}
	uid, err := c.Append(ctx, "Thư đã gửi", []string{`\Seen`}, time.Time{}, strings.NewReader("A: b\r\n\r\n"), 8)
	if err != nil || uid != 12 {
		t.Errorf("Append = %d, %v", uid, err)
	}
	if err := c.Move(ctx, "9", "INBOX"); err == nil || err.Error() != "NO [OVERQUOTA] full" {
		t.Errorf("Move = %v", err)
	}
	if err := c.Logout(ctx); err != nil {
		t.Errorf("Logout = %v", err)
	}
}

func TestIdle(t *testing.T) {
	t.Parallel()
	c := start(t, hello+"C: a1 IDLE\nS: + idling\nS: * OK still here\nS: * 3 EXISTS\nC: DONE\nS: a1 OK done\n")
	if err := c.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Exists() != 3 {
		t.Errorf("Exists = %d", c.Exists())
	}
}

func TestSynchronisingLiteral(t *testing.T) {
	t.Parallel()
	const caps = "S: * OK [CAPABILITY IMAP4rev1] hi\n"
	c := start(t, caps+"C: a1 APPEND \"Big\" {4}\nS: + go\nC: a\\nb\nS: a1 OK done\n")
	if _, err := c.Append(t.Context(), "Big", nil, time.Time{}, strings.NewReader("a\r\nb"), 4); err != nil {
		t.Error(err)
	}
	c = start(t, caps+"C: a1 APPEND \"Big\" {4}\nS: a1 NO [TRYCREATE] no such mailbox\n")
	_, err := c.Append(t.Context(), "Big", nil, time.Time{}, strings.NewReader("abcd"), 4)
	var st *Status
	if !errors.As(err, &st) || st.Code != "TRYCREATE" {
		t.Errorf("Append to nowhere = %v", err)
	}
}

func TestByeEndsTheSession(t *testing.T) {
	t.Parallel()
	c := start(t, hello+"C: a1 NOOP\nS: * BYE shutting down\n")
	var st *Status
	if err := c.Noop(t.Context()); !errors.As(err, &st) || st.Kind != "BYE" {
		t.Errorf("Noop = %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	c := start(t, hello+"C: a1 NOOP\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Noop(ctx); err == nil {
		t.Error("no error after the context ended")
	}
}

func TestRemoveWithoutUIDPLUS(t *testing.T) {
	t.Parallel()
	c := start(t, "S: * OK [CAPABILITY IMAP4rev1] hi\nC: a1 UID SEARCH DELETED NOT UID 5\nS: * SEARCH 3\nS: a1 OK done\n")
	if err := c.Remove(t.Context(), "5"); err == nil || !strings.Contains(err.Error(), "1 other") {
		t.Errorf("Remove = %v, but message 3 would be lost", err)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, l := range []string{`a1 LOGIN me "hunter2"`, "a1 login me hunter2", "a1 AUTHENTICATE PLAIN hunter2", "a1 authenticate xoauth2 hunter2", "a1 LOGIN \"me too\" hunter2"} {
		if got := string(Redact([]byte(l))); strings.Contains(got, "hunter2") {
			t.Errorf("Redact(%q) = %q", l, got)
		}
	}
	if got := string(Redact([]byte("a1 SELECT My Box"))); got != "a1 SELECT My Box" {
		t.Errorf("Redact hides too much: %q", got)
	}
}

// tapped collects what a tap shows.
type tapped struct{ strings.Builder }

func (t *tapped) Event(e line.Event) { fmt.Fprintf(t, "%s\n", e.Text) }

func TestLoginHidesThePasswordBehindALiteral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ login, password, script string }{
		{"bình", "hunter2", "C: a1 LOGIN {5+}\nC: bình \"hunter2\"\nS: a1 OK [CAPABILITY IMAP4rev1] in\n"},
		{"binh", "mật khẩu", "C: a1 LOGIN \"binh\" {12+}\nC: mật khẩu\nS: a1 OK [CAPABILITY IMAP4rev1] in\n"},
		{"binh", "hunter2", "C: a1 LOGIN \"binh\" \"hunter2\"\nS: a1 OK [CAPABILITY IMAP4rev1] in\n"},
	} {
		near, far := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- play(far, "S: * OK [CAPABILITY IMAP4rev1 LITERAL+] hi\n"+c.script) }()
		tap := new(tapped)
		conn := line.NewConn(near, line.Client, line.Options{MaxLine: MaxLine, ReadTimeout: 5 * time.Second, Tap: tap, Redact: Redact})
		cl, err := New(t.Context(), conn)
		if err == nil {
			err = cl.Login(t.Context(), sasl.Credentials{Login: c.login, Password: c.password})
		}
		if err := errors.Join(err, <-done); err != nil {
			t.Errorf("%s: %v", c.login, err)
		}
		if strings.Contains(tap.String(), c.password) || !strings.Contains(tap.String(), "‹secret") {
			t.Errorf("%s: the tap shows\n%s", c.login, tap)
		}
		near.Close()
		far.Close()
	}
}

// unproven is a client whose server owes it a proof.
type unproven struct{}

func (unproven) Mechanism() string           { return "X" }
func (unproven) Initial() ([]byte, error)    { return []byte("a"), nil }
func (unproven) Next([]byte) ([]byte, error) { return nil, nil }
func (unproven) Proven() error               { return sasl.ErrUnproven }

func TestClientWantsProof(t *testing.T) {
	t.Parallel()
	c := start(t, hello+"C: a1 AUTHENTICATE X YQ==\nS: a1 OK [CAPABILITY IMAP4rev1] in\n")
	if err := c.Authenticate(t.Context(), unproven{}); !errors.Is(err, sasl.ErrUnproven) {
		t.Errorf("success without proof: %v", err)
	}
}

func TestSets(t *testing.T) {
	t.Parallel()
	if s := FormatSet([]uint32{1, 2, 3, 7, 9, 10}); s != "1:3,7,9:10" {
		t.Errorf("FormatSet = %s", s)
	}
	if ns := appendSet(nil, "1:3,7,10:9,x,0"); !slices.Equal(ns, []uint32{1, 2, 3, 7, 9, 10}) {
		t.Errorf("appendSet = %v", ns)
	}
}

// loopConn is a connection whose peer has said everything already.
type loopConn struct {
	net.Conn
	r io.Reader
}

func (l loopConn) Read(p []byte) (int, error)     { return l.r.Read(p) }
func (l loopConn) Write(p []byte) (int, error)    { return len(p), nil }
func (loopConn) SetReadDeadline(time.Time) error  { return nil }
func (loopConn) SetWriteDeadline(time.Time) error { return nil }
func (loopConn) SetDeadline(time.Time) error      { return nil }
func (loopConn) Close() error                     { return nil }

func FuzzResponses(f *testing.F) {
	for _, s := range []string{
		"* 1 FETCH (UID 9 FLAGS (\\Seen) BODY[HEADER.FIELDS (FROM)] {3}\r\nabc)\r\na1 OK\r\n",
		"* LIST (\\Sent) \"/\" \"a\\\"b\"\r\n", "* ESEARCH (TAG \"a1\") UID ALL 1:4294967295\r\n", "* 1 FETCH ((((\r\n",
		"* STATUS x (MESSAGES 1)\r\n", "* OK [CODE", "+ \r\n", "* 1 FETCH (BODY[] {99999999999}\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := &Client{conn: line.NewConn(loopConn{r: strings.NewReader(string(in))}, line.Client, line.Options{MaxLine: 1 << 16})}
		for range 100 {
			r, err := c.read()
			if err != nil {
				return
			}
			if r.name == "FETCH" && len(r.args) > 0 {
				parseFetch(r.args[0].List)
			}
		}
	})
}
