package pop3server

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/line"
	"tem/internal/line/linetest"
	"tem/internal/mail"
	"tem/internal/wire/pop3"
)

// RFC 6856 §2.1: LIST says how many octets RETR sends, dot-stuffing aside,
// whatever the message is like and whether or not UTF8 was said.
func TestSizesAreThoseSent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	texts := []string{
		"Subject: no line end", "Subject: x\r\n\r\nno line end", "Subject: x\r\n\r\nbare end\n", "Subject: x\r\n\r\nCR\r", "\r\n", ".", "",
		"Subject: thư\r\n\r\nno line end", "Subject: thư", "Subject: x\r\n\r\n.dots\r\n..\r\n.", "Subject: thư\r\n\r\nthư 8bit\r\n",
		"Subject: thư\r\n\r\n" + strings.Repeat("large, by a blob of its own\r\n", 10000) + "x",
		strings.Repeat("x", 300<<10),
	}
	for _, utf8 := range []bool{false, true} {
		h := newHouse(t)
		for _, text := range texts {
			h.deliver(t, text)
		}
		c := h.connect(t)
		if utf8 {
			must(t, c.UTF8(ctx))
		}
		must(t, c.Login(ctx, "an@hanoi.example", "secret"))
		_, total, err := c.Stat(ctx)
		must(t, err)
		list, err := c.List(ctx)
		must(t, err)
		for i, l := range list {
			text := retr(t, c, l.N)
			if int64(len(text)) != l.Size {
				t.Errorf("UTF8 %v, message %d: LIST says %d, RETR sends %d: %.40q", utf8, l.N, l.Size, len(text), text)
			}
			if header, _, _ := strings.Cut(text, "\r\n\r\n"); !utf8 && strings.Contains(header, "ư") {
				t.Errorf("message %d: UTF-8 in %.60q", l.N, text)
			}
			if i >= 3 && utf8 && !strings.HasPrefix(text, texts[i-3]) {
				t.Errorf("message %d is not as it was: %.40q", l.N, text)
			}
			total -= l.Size
		}
		if total != 0 || len(list) != len(texts)+3 {
			t.Errorf("STAT says %d octets more than LIST of %d", total, len(list))
		}
	}
}

// RETR says what LIST says (RFC 1939 §5), also of a text to which it adds the last CRLF.
func TestRetrSaysTheSizeOfList(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.deliver(t, "Subject: x\r\n\r\nno end")
	h.deliver(t, "Subject: thư\r\n\r\nno end")
	linetest.Play(t, "sizes", `S: +OK
C: USER an@hanoi.example
S: +OK
C: PASS secret
S: +OK 5
C: LIST 4
S: +OK 4 22
C: RETR 4
S: +OK 22 octets
S: Subject: x
S: /^$/
S: no end
S: .
C: LIST 5
S: +OK 5 41
C: RETR 5
S: +OK 41 octets
S: Subject: =?utf-8?Q?th=C6=B0?=
S: /^$/
S: no end
S: .
C: QUIT
S: +OK
S: <EOF>
`, h.Handle, linetest.Options{Line: h.Options()})
}

// Unique ids are the same, and each another, after whatever happens around them.
func TestUIDLSurvives(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	c := h.login(t)
	before, err := c.UIDL(ctx)
	must(t, err)
	must(t, c.Quit(ctx))
	// A message that leaves INBOX and comes back is another one (RFC 1939 §7: an id is never used again).
	box, items, err := h.inbox.List(ctx, inboxID(t, h.inbox))
	must(t, err)
	moved, err := h.inbox.Move(ctx, box.ID, uidsOf(items[:1]), "Archive")
	must(t, err)
	archive, err := h.inbox.Mailbox(ctx, "Archive")
	must(t, err)
	_, err = h.inbox.Move(ctx, archive.ID, moved.To, "INBOX")
	must(t, err)
	again := h.restart(t)
	after, err := again.login(t).UIDL(ctx)
	must(t, err)
	if len(after) != 3 || after[0].ID != before[1].ID || after[1].ID != before[2].ID || after[2].ID == before[0].ID {
		t.Errorf("before %v, after %v", before, after)
	}
	for _, u := range after {
		if len(u.ID) > 70 || strings.Trim(u.ID, "0123456789.") != "" { // RFC 1939 §7: 0x21 to 0x7E
			t.Errorf("id %q", u.ID)
		}
	}
}

// A client that stops reading keeps the maildrop no longer than one time-out
// and holds no more memory than one buffer.
func TestSlowReader(t *testing.T) {
	for _, asks := range []string{strings.Repeat("RETR 1\r\n", 2000), strings.Repeat("LIST\r\nUIDL\r\n", 2000)} {
		h := newHouse(t)
		h.deliver(t, strings.Repeat("x", 300<<10))
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			done := stuck(t, h, "USER an@hanoi.example\r\nPASS secret\r\nRETR 4\r\n"+asks)
			<-done
			if d := time.Since(start); d > 6*time.Minute {
				t.Errorf("held for %v", d)
			}
		})
		if err := h.drops.try(h.account(t), time.Now()); err != nil {
			t.Errorf("the lock is not given back: %v", err)
		}
	}
}

// A line of 100 MB costs one buffer and one answer.
func TestEndlessLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	near, far := tcpPipe(t)
	done := h.serve(far)
	client := line.NewConn(near, line.Client, line.Options{ReadTimeout: 5 * time.Second})
	_, err := client.ReadLine()
	must(t, err)
	piece := strings.Repeat("x", 1<<20)
	for range 100 {
		_, err := client.WriteString(piece)
		must(t, err)
	}
	must(t, client.WriteLine(""))
	if l, err := client.ReadLine(); string(l) != "-ERR a line can't be longer than 12288 octets" || err != nil {
		t.Errorf("%q, %v", l, err)
	}
	must(t, client.WriteLine("QUIT"))
	if l, err := client.ReadLine(); !strings.HasPrefix(string(l), "+OK") || err != nil {
		t.Errorf("%q, %v", l, err)
	}
	client.Close()
	<-done
}

// Tiny commands: a few before the login, as many as one likes after it.
func TestManyTinyCommands(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h := newHouse(t)
	linetest.Play(t, "early", "S: +OK\n"+strings.Repeat("C: LANG vi\n", maxEarly+1)+
		"S: +OK vi\nS: ...\nS: -ERR quá nhiều lệnh mà chưa đăng nhập\nS: <EOF>\n", h.Handle, linetest.Options{Line: h.Options()})
	c := h.login(t)
	const n = 100_000
	go func() {
		for range n / 100 {
			c.Conn().WriteString(strings.Repeat("NOOP\r\n", 100))
			c.Conn().Flush()
		}
	}()
	for i := range n {
		if l, err := c.Conn().ReadLine(); string(l) != "+OK done" || err != nil {
			t.Fatalf("answer %d: %q, %v", i, l, err)
		}
	}
	must(t, c.Noop(ctx))
}

// RFC 2449 §6.5: the delay counts from a login's success; who has not the
// password does not learn of it.
func TestLoginDelay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := time.Now()
	h.o.Now = func() time.Time { return now }
	h.o.LoginDelay, h.drops = time.Minute, newLocks(time.Minute)
	must(t, h.login(t).Quit(t.Context()))
	refused := func(password string) *pop3.Error {
		e, _ := h.connect(t).Login(t.Context(), "an@hanoi.example", password).(*pop3.Error)
		return e
	}
	now = now.Add(20 * time.Second)
	if e := refused("secret"); e == nil || e.Code != pop3.CodeDelay || !strings.Contains(e.Text, "again in 40 seconds") {
		t.Errorf("after 20 s: %v", e)
	}
	if e := refused("wrong"); e == nil || e.Code != pop3.CodeAuth {
		t.Errorf("a wrong password: %v", e)
	}
	now = now.Add(40 * time.Second)
	if e := refused("secret"); e != nil {
		t.Errorf("after a minute: %v", e)
	}
}

func TestLoginsAreForgotten(t *testing.T) {
	t.Parallel()
	l := newLocks(time.Minute)
	now := time.Now()
	for i := range 10 * minSweep {
		l.opened(mail.AccountID(i), now.Add(time.Duration(i)*time.Second))
	}
	if len(l.last) > minSweep {
		t.Errorf("%d logins remembered", len(l.last))
	}
}

// stuck sends asks, reads the greeting's first octet and no more; done is closed
// when the session ends.
func stuck(t *testing.T, h house, asks string) (done chan struct{}) {
	near, far := net.Pipe()
	done = make(chan struct{})
	go func() {
		defer close(done)
		c := line.NewConn(far, line.Server, h.Options())
		defer c.Close()
		h.Handle(t.Context(), c)
	}()
	greeting := make([]byte, 100)
	near.Read(greeting)
	go func() {
		io.WriteString(near, asks)
	}()
	t.Cleanup(func() { near.Close() })
	return done
}
