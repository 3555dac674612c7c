package smtp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/message/dsn"
)

// flights is a server that answers each write of the client with the next of
// answers, in which "|" stands for a line end, and keeps the writes.
func flights(t *testing.T, answers ...string) (*Client, *[]string) {
	t.Helper()
	client, server := net.Pipe()
	told := &[]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer server.Close()
		buf := make([]byte, 128<<10)
		for i, a := range append([]string{"220 hi"}, answers...) {
			if i > 0 {
				n, err := server.Read(buf)
				if err != nil {
					return
				}
				*told = append(*told, string(buf[:n]))
			}
			io.WriteString(server, strings.ReplaceAll(a, "|", "\r\n")+"\r\n")
		}
	}()
	t.Cleanup(func() { client.Close(); <-done })
	c, err := NewClient(t.Context(), line.NewConn(client, line.Client, line.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return c, told
}

// hangsUp is a server over TCP that answers EHLO and the envelope, and ends the connection with last words once some of the text is there.
func hangsUp(t *testing.T, hello, envelope, last string) *Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer l.Close()
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		buf := make([]byte, 4<<10)
		for _, a := range []string{"220 hi\r\n", hello, envelope, last} {
			io.WriteString(nc, a)
			nc.Read(buf)
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); <-done })
	c, err := NewClient(t.Context(), line.NewConn(nc, line.Client, line.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// endless is a text of many lines.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	line := []byte("01234567890123456789012345678901234567890123456789012345678901\r\n")
	n := 0
	for n+len(line) <= len(p) {
		n += copy(p[n:], line)
	}
	return n, nil
}

// codes are the replies' codes, "?" for none.
func codes(replies []*Reply) string {
	var all []string
	for _, r := range replies {
		if r == nil {
			all = append(all, "?")
		} else {
			all = append(all, fmt.Sprint(r.Code))
		}
	}
	return strings.Join(all, " ")
}

// TestFlights says how many writes a transaction takes, and what is in each.
func TestFlights(t *testing.T) {
	t.Parallel()
	const text = "Subject: x\r\n\r\n.\r\n"
	for _, c := range []struct {
		name    string
		answers []string // the first is to EHLO
		lmtp    bool
		to      []string
		want    []string
		codes   string
		untaken bool // and an error
	}{
		{name: "one round trip with chunks",
			answers: []string{"250-x|250-PIPELINING|250 CHUNKING", "250 1|250 2|550 3|250 4"}, to: []string{"a@b", "c@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|RCPT TO:<c@b>|BDAT 17 LAST|Subject: x||.|"}, codes: "250 550"},
		{name: "chunk for nobody",
			answers: []string{"250-x|250-PIPELINING|250 CHUNKING", "250 1|550 2|503 3"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|BDAT 17 LAST|Subject: x||.|"}, codes: "550"},
		{name: "chunk refused",
			answers: []string{"250-x|250-PIPELINING|250 CHUNKING", "250 1|250 2|554 3"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|BDAT 17 LAST|Subject: x||.|"}, codes: "554"},
		{name: "two with DATA",
			answers: []string{"250-x|250 PIPELINING", "250 1|250 2|354 3", "250 4"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|DATA|", "Subject: x||..|.|"}, codes: "250"},
		{name: "354 for nobody is answered by a lone dot",
			answers: []string{"250-x|250 PIPELINING", "250 1|550 2|354 3", "554 4"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|DATA|", ".|"}, codes: "550"},
		{name: "chunks step by step",
			answers: []string{"250-x|250 CHUNKING", "250 1", "250 2", "250 3"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|", "RCPT TO:<a@b>|", "BDAT 17 LAST|Subject: x||.|"}, codes: "250"},
		{name: "nobody, step by step",
			answers: []string{"250 x", "250 1", "550 2"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|", "RCPT TO:<a@b>|"}, codes: "550"},
		{name: "LMTP has a reply for each", lmtp: true,
			answers: []string{"250-x|250 PIPELINING", "250 1|250 2|550 3|250 4|354 5", "250 6|452 7"}, to: []string{"a@b", "c@b", "d@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|RCPT TO:<c@b>|RCPT TO:<d@b>|DATA|", "Subject: x||..|.|"}, codes: "250 550 452"},
		{name: "354 to RCPT is a lie",
			answers: []string{"250-x|250 PIPELINING", "250 1|354 2|354 3"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|DATA|"}, codes: "?", untaken: true},
		{name: "250 to DATA is no delivery",
			answers: []string{"250-x|250 PIPELINING", "250 1|250 2|250 3"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|DATA|"}, codes: "?", untaken: true},
		{name: "421 instead",
			answers: []string{"250-x|250-PIPELINING|250 CHUNKING", "421 1"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|BDAT 17 LAST|Subject: x||.|"}, codes: "421", untaken: true},
		{name: "no reply",
			answers: []string{"250-x|250 PIPELINING", "garbage"}, to: []string{"a@b"},
			want: []string{"MAIL FROM:<me@x>|RCPT TO:<a@b>|DATA|"}, codes: "?", untaken: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cl, told := flights(t, c.answers...)
			cl.LMTP = c.lmtp
			if err := cl.Hello(t.Context(), "me"); err != nil {
				t.Fatal(err)
			}
			replies, err := cl.Send(t.Context(), Transaction{From: "me@x", To: c.to, Size: 17, Content: strings.NewReader(text)})
			if (err != nil) != c.untaken || c.untaken && !cl.Untaken() || codes(replies) != c.codes {
				t.Errorf("%s, %v, untaken %v", codes(replies), err, cl.Untaken())
			}
			cl.Close()
			got := (*told)[1:]
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "\r\n", "|")
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// A transaction that was left open is taken back in the same flight as the next begins.
func TestReset(t *testing.T) {
	t.Parallel()
	cl, told := flights(t, "250-x|250-PIPELINING|250 CHUNKING", "250 1|550 2|503 3", "250 reset|250 1|250 2|250 3", "250 1|250 2|250 3")
	if err := cl.Hello(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		code, first string
		clean       bool
	}{{"550", "MAIL", false}, {"250", "RSET\r\nMAIL", true}, {"250", "MAIL", true}} {
		replies, err := cl.Send(t.Context(), Transaction{To: []string{"a@b"}, Size: 1, Content: strings.NewReader("x")})
		if err != nil || codes(replies) != want.code || cl.Clean() != want.clean || !strings.HasPrefix((*told)[i+1], want.first) {
			t.Errorf("%d: %s, %v, clean %v, %q", i, codes(replies), err, cl.Clean(), (*told)[i+1])
		}
	}
}

// A text that is larger than a flight waits until somebody wants it.
func TestLargeTextWaits(t *testing.T) {
	t.Parallel()
	for _, answers := range [][]string{{"250 1|550 2"}, {"250 1|250 2", "", "250 3"}} {
		cl, told := flights(t, append([]string{"250-x|250-PIPELINING|250 CHUNKING"}, answers...)...)
		if err := cl.Hello(t.Context(), "me"); err != nil {
			t.Fatal(err)
		}
		big := strings.Repeat("x", oneFlight+1)
		replies, err := cl.Send(t.Context(), Transaction{To: []string{"a@b"}, Size: int64(len(big)), Content: strings.NewReader(big)})
		cl.Close()
		if len(answers) == 1 && (err != nil || codes(replies) != "550" || len(*told) != 2) {
			t.Errorf("refused: %s, %v, %d writes", codes(replies), err, len(*told))
		}
		if len(answers) > 1 && (len(*told) < 3 || !strings.HasPrefix((*told)[2], "BDAT 49153 LAST\r\nxx")) {
			t.Errorf("taken: %s, %v, %.80q", codes(replies), err, *told)
		}
	}
}

// A server that hangs up in the middle of a text has been heard, if it said why.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ext, envelope, said, codes string }{
		{"250 PIPELINING", "250 1|250 2|354 go on", "552 5.3.4 too large\r\n", "552"},
		{"250-PIPELINING|250 CHUNKING", "250 1|250 2", "421 4.3.0 full\r\n", "421"},
		{"250-PIPELINING|250 CHUNKING", "250 1|250 2", "250 what?\r\n", "?"},
		{"250 PIPELINING", "250 1|250 2|354 go on", "552 5.3.4", "?"}, // half a line
	} {
		cl := hangsUp(t, strings.ReplaceAll("250-x|"+c.ext, "|", "\r\n")+"\r\n", strings.ReplaceAll(c.envelope, "|", "\r\n")+"\r\n", c.said)
		if err := cl.Hello(t.Context(), "me"); err != nil {
			t.Fatal(err)
		}
		big := io.LimitReader(endless{}, 1<<30)
		replies, err := cl.Send(t.Context(), Transaction{To: []string{"a@b"}, Size: 1 << 30, Content: big})
		if err == nil || !cl.Untaken() || codes(replies) != c.codes {
			t.Errorf("%s, %s: %s, %v", c.ext, c.said, codes(replies), err)
		}
		cl.Close()
	}
}

// A text that is shorter than was said ends the connection: the server waits for the rest.
func TestShortText(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]io.Reader{"short": strings.NewReader("x"), "broken": iotest.ErrReader(errors.New("disk"))} {
		cl, _ := flights(t, "250-x|250-PIPELINING|250 CHUNKING", "250 1|250 2|250 3")
		if err := cl.Hello(t.Context(), "me"); err != nil {
			t.Fatal(err)
		}
		if replies, err := cl.Send(t.Context(), Transaction{To: []string{"a@b"}, Size: 5, Content: content}); err == nil || !cl.Untaken() {
			t.Errorf("%s: %s, %v", name, codes(replies), err)
		}
	}
}

// TestParameters are passed on where they are offered, and some messages do not go where they are not.
func TestParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := Transaction{
			From: "me@x", To: []string{"a@b"}, Size: 1, EightBit: true, UTF8: true, RequireTLS: true, Priority: -3,
			By: dsn.By{Time: time.Now().Add(90 * time.Second), Trace: true}, EnvID: "a b+", Return: dsn.ReturnHeader,
			Wishes: []dsn.Wish{{Notify: dsn.NotifySuccess | dsn.NotifyDelay, ORCPT: "rfc822;=a@b"}},
		}
		binary := Transaction{To: []string{"a@b"}, Size: 1, Binary: true}
		for _, c := range []struct {
			offered string
			t       Transaction
			want    string // of the first two commands, or the reply
		}{
			{"PIPELINING SIZE 8BITMIME SMTPUTF8 REQUIRETLS MT-PRIORITY DELIVERBY DSN", full,
				"MAIL FROM:<me@x> SIZE=1 BODY=8BITMIME SMTPUTF8 REQUIRETLS MT-PRIORITY=-3 BY=90;NT RET=HDRS ENVID=a+20b+2B|RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;+3Da@b"},
			{"PIPELINING SMTPUTF8 REQUIRETLS", full, "MAIL FROM:<me@x> SMTPUTF8 REQUIRETLS|RCPT TO:<a@b>"},
			{"SMTPUTF8", full, "550 5.7.30"},
			{"REQUIRETLS", full, "550 5.6.7"},
			{"PIPELINING BINARYMIME CHUNKING", binary, "MAIL FROM:<> BODY=BINARYMIME|RCPT TO:<a@b>"},
			{"BINARYMIME", binary, "554 5.6.3"},
			{"CHUNKING", binary, "554 5.6.3"},
			{"", Transaction{To: []string{"a@b"}, By: dsn.By{Time: time.Now().Add(time.Hour), Return: true}}, "550 5.3.3"},
			{"DELIVERBY", Transaction{To: []string{"a@b"}, By: dsn.By{Time: time.Now(), Return: true}}, "550 5.4.7"},
			{"PIPELINING DELIVERBY", Transaction{To: []string{"a@b"}, By: dsn.By{Time: time.Now().Add(-time.Minute)}}, "MAIL FROM:<> BY=-60;N|RCPT TO:<a@b>"},
			{"PIPELINING DSN", Transaction{To: []string{"a@b", "c@b"}, Wishes: []dsn.Wish{{Notify: dsn.NotifyNever, ORCPT: "utf-8;tâm+@b"}}},
				`MAIL FROM:<>|RCPT TO:<a@b> NOTIFY=NEVER ORCPT=utf-8;t\x{E2}m\x{2B}@b`},
			{"PIPELINING DSN", Transaction{To: []string{"a@b"}, EnvID: strings.Repeat("é", 50), Wishes: []dsn.Wish{{ORCPT: "rfc822;tâm@b"}}}, "MAIL FROM:<>|RCPT TO:<a@b>"},
		} {
			cl, told := flights(t, "250-x|250-"+strings.Join(strings.Fields(c.offered), "|250-")+"|250 HELP", "421 bye")
			if err := cl.Hello(t.Context(), "me"); err != nil {
				t.Fatal(err)
			}
			c.t.Content = strings.NewReader("x")
			replies, _ := cl.Send(t.Context(), c.t)
			got := ""
			if len(*told) > 1 {
				got = strings.Join(strings.SplitN((*told)[1], "\r\n", 3)[:2], "|")
			} else {
				got = fmt.Sprintf("%d %s", replies[0].Code, replies[0].Enhanced)
				if s := replies[0].Status("mx.b"); s.Reply != 0 || s.Remote != "" || !s.Permanent() {
					t.Errorf("what no server said is told as if it had: %+v", s)
				}
			}
			if got != c.want {
				t.Errorf("%s:\ngot  %s\nwant %s", c.offered, got, c.want)
			}
		}
	})
}

func TestLimit(t *testing.T) {
	t.Parallel()
	c := Client{Ext: map[string]string{"LIMITS": "RCPTMAX=50 MAILMAX=x rcptdomainmax=1"}}
	if c.Limit("RCPTMAX") != 50 || c.Limit("MAILMAX") != 0 || c.Limit("RCPTDOMAINMAX") != 1 || (&Client{}).Limit("RCPTMAX") != 0 {
		t.Error("LIMITS read wrongly")
	}
}

// TestNoSmuggling sends what some servers take for the end of the text, however it is cut.
func TestNoSmuggling(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\r\nb":                      "a\r\nb",
		"a\n.\nMAIL FROM:<x>":         "a . MAIL FROM:<x>",
		"a\r.\r\nb":                   "a .\r\nb",
		"a\n.\r\nb":                   "a .\r\nb",
		"a\r\r\n.\r\nb":               "a \r\n.\r\nb",
		"\n":                          " ",
		"\r":                          " ",
		"a\r":                         "a ",
		"a\r\n\r":                     "a\r\n ",
		"\r\n\r\n":                    "\r\n\r\n",
		"a\r\n.\n\r\nb\n\rc\r\r\r\n.": "a\r\n. \r\nb  c  \r\n.",
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "octets": iotest.OneByteReader(strings.NewReader(in)), "with EOF": iotest.DataErrReader(strings.NewReader(in))} {
			var out bytes.Buffer
			s := sending{t: &Transaction{}}
			if n, err := s.copy(&out, r); err != nil || out.String() != want || n != int64(len(in)) {
				t.Errorf("%q %s: %q, %d, %v; want %q", in, name, out.String(), n, err, want)
			}
		}
	}
	var out bytes.Buffer
	s := sending{t: &Transaction{Binary: true}}
	if s.copy(&out, strings.NewReader("a\n\r\x00")); out.String() != "a\n\r\x00" {
		t.Errorf("binary content was changed: %q", out.String())
	}
}

// FuzzTidy: what is sent has no bare CR or LF, is as long as what came, and is
// what came if that was well formed; and a strict reader finds its end.
func FuzzTidy(f *testing.F) {
	for _, s := range []string{"a\r\n", "a\n.\n", "\r\r\n", "\r"} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		var out bytes.Buffer
		s := sending{t: &Transaction{}}
		s.copy(&out, &pieces{in, max(1, size%7)})
		got := out.Bytes()
		stray := bytes.ContainsAny(bytes.ReplaceAll(got, []byte("\r\n"), nil), "\r\n")
		if stray || len(got) != len(in) {
			t.Fatalf("%q became %q", in, got)
		}
		if !bytes.ContainsAny(bytes.ReplaceAll(in, []byte("\r\n"), nil), "\r\n") && !bytes.Equal(in, got) {
			t.Fatalf("%q was changed to %q", in, got)
		}
	})
}

// pieces reads b some octets at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(into, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}

// Replies are bounded.
func TestEndlessReply(t *testing.T) {
	t.Parallel()
	cl, _ := flights(t, strings.Repeat("250-more|", maxReplyLines)+"250 end")
	if err := cl.Hello(context.Background(), "me"); err == nil {
		t.Errorf("a reply of %d lines was read", maxReplyLines+1)
	}
	cl, _ = flights(t, strings.Repeat("250-more|", 10*keptLines)+"250 end")
	if r, err := cl.ask(context.Background(), "NOOP"); err != nil || len(r.Lines) != keptLines {
		t.Errorf("a long reply: %v, %v", r, err)
	}
}
