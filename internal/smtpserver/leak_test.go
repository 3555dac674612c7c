package smtpserver

import (
	"net/textproto"
	"strings"
	"testing"

	"tem/internal/line"
)

// TestNothingLeaks ends a message that asks for much in every way there is,
// and looks at what the next one, which asks for nothing, has of it.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const rich = "MAIL FROM:<x@crepes.fr> BODY=BINARYMIME SMTPUTF8 RET=FULL ENVID=secret BY=60;NT MT-PRIORITY=-3 SIZE=100\r\n" +
		"RCPT TO:<binh@hanoi.example> NOTIFY=SUCCESS ORCPT=rfc822;secret@x\r\n"
	text := strings.ReplaceAll(rich, "BODY=BINARYMIME", "BODY=8BITMIME")
	hops := strings.Repeat("Received: a\r\n", 101)
	for name, end := range map[string]string{
		"accepted":         text + "DATA\r\nA: secret\r\n\r\nb\r\n.\r\n",
		"refused, bare LF": text + "DATA\r\nA: secret\r\n\r\na\nb\r\n.\r\n",
		"refused, loop":    text + "DATA\r\n" + hops + "A: secret\r\n\r\nb\r\n.\r\n",
		"too large":        text + "DATA\r\nA: secret\r\n\r\n" + strings.Repeat(strings.Repeat("x", 98)+"\r\n", 1001) + ".\r\n",
		"too large to say": rich + "RSET\r\nMAIL FROM:<secret@x> SMTPUTF8 SIZE=999999\r\n",
		"chunks":           rich + "BDAT 13 LAST\r\nA: secret\r\n\r\n",
		"a chunk failed":   text + "BDAT 10\r\nA: secret\nRSET\r\n",
		"the last failed":  text + "BDAT 10 LAST\r\nA: secret\n",
		"DATA after BDAT":  rich + "BDAT 11\r\nA: secret\r\nDATA\r\nRSET\r\n",
		"RSET":             rich + "BDAT 11\r\nA: secret\r\nRSET\r\n",
		"EHLO":             rich + "BDAT 11\r\nA: secret\r\nEHLO b\r\n",
		"HELO":             rich + "BDAT 11\r\nA: secret\r\nHELO b\r\n",
		"refused MAIL":     "MAIL FROM:<secret@x> SMTPUTF8 BODY=8BITMIME X=1\r\n",
		"refused RCPT":     "MAIL FROM:<x@y.example>\r\nRCPT TO:<nobody@hanoi.example> ORCPT=rfc822;secret@x\r\nRSET\r\n",
		"XCLIENT":          rich + "RSET\r\nXCLIENT ADDR=192.0.2.1 LOGIN=an@hanoi.example\r\nXCLIENT ADDR=192.0.2.1 LOGIN=[UNAVAILABLE]\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := proxied(w)
			o.Room = func(n int64) bool { return n < 90_000 }
			s := New(o)
			conn := &script{in: strings.NewReader("EHLO a\r\n" + end + "EHLO a\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<an@hanoi.example>\r\nDATA\r\nB: plain\r\n\r\nb\r\n.\r\n")}
			s.Handle(t.Context(), line.NewConn(conn, line.Server, s.Options()))
			got := w.inbox(t, "an")
			if len(got) != 1 || strings.Contains(got[0], "secret") || !strings.Contains(got[0], "with ESMTP id") || !strings.HasSuffix(got[0], " -0800\r\nB: plain\r\n\r\nb\r\n") {
				t.Errorf("%q\n%s", got, conn.out.String())
			}
		})
	}
}

// STARTTLS between two chunks forgets what came in clear.
func TestStartTLSBetweenChunks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.Options
	o.TLS = testTLS(t)
	nc := dialled(t, o)
	ask(t, nc, "EHLO a", "MAIL FROM:<x@crepes.fr> SMTPUTF8", "RCPT TO:<an@hanoi.example>", "BDAT 6\r\nA: b")
	asking(t, textproto.NewConn(nc), "STARTTLS")
	r := inTLS(t, nc)
	for l, code := range map[string]string{"BDAT 0 LAST": "5.5.1", "MAIL FROM:<>": "5.5.1"} {
		if said := asking(t, r, l); !strings.HasPrefix(said, code) {
			t.Errorf("%s: %s", l, said)
		}
	}
	asking(t, r, "EHLO b")
	if said := asking(t, r, "BDAT 0 LAST"); !strings.HasPrefix(said, "5.5.1 Say MAIL") {
		t.Error(said)
	}
	if got := w.inbox(t, "an"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
