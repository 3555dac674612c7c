package smtpserver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/address"
	"tem/internal/directory"
	"tem/internal/line"
	"tem/internal/line/linetest"
)

// TestMatrix walks the replies of each command, as docs/smtp-codes.md lists them.
func TestMatrix(t *testing.T) {
	t.Parallel()
	const (
		hi    = "S: 220 mx.hanoi.example\nC: EHLO crepes.fr\nS: ...\nS: 250 HELP\n"
		from  = "C: MAIL FROM:<x@crepes.fr>\nS: 250 2.1.0\n"
		rcpt  = "C: RCPT TO:<an@hanoi.example>\nS: 250 2.1.5\n"
		login = "C: AUTH PLAIN AGFuQGhhbm9pLmV4YW1wbGUAc2VjcmV0\nS: 235 2.7.0\n"
	)
	o := newWorld(t).Options
	long := strings.Repeat("x", 3000)
	big := strings.Repeat("C: "+strings.Repeat("x", 98)+"\n", 1001)
	hops := strings.Repeat("C: Received: from a by b\n", 101)
	for name, text := range map[string]string{
		"220 greeting":                "S: 220 mx.hanoi.example ESMTP\n",
		"250 EHLO":                    "S: 220\nC: EHLO crepes.fr\nS: 250-mx.hanoi.example Hello crepes.fr\nS: ...\nS: 250-SIZE 100000\nS: ...\nS: 250 HELP\n",
		"250 HELO":                    "S: 220\nC: HELO crepes.fr\nS: 250 mx.hanoi.example Hello crepes.fr\n",
		"501 HELO without name":       "S: 220\nC: HELO\nS: 501 5.5.4\nC: EHLO a(b)\nS: 501 5.5.4\n",
		"214 HELP":                    hi + "C: HELP\nS: 214-2.0.0\nS: ...\nS: 214 2.0.0\n",
		"221 QUIT":                    hi + "C: QUIT\nS: 221 2.0.0 mx.hanoi.example closing connection\nS: <EOF>\n",
		"250 RSET, NOOP":              "S: 220\nC: RSET\nC: NOOP x\nS: 250 2.0.0\nS: 250 2.0.0\n",
		"252 VRFY":                    hi + "C: VRFY an\nS: 252 2.5.2\nC: VRFY\nS: 501 5.5.4\n",
		"550 EXPN by anybody":         hi + "C: EXPN all@hanoi.example\nS: 550 5.7.1\n",
		"250 EXPN":                    hi + login + "C: EXPN all@hanoi.example\nS: 250-2.1.5 <an@hanoi.example>\nS: 250 2.1.5 <binh@hanoi.example>\nC: EXPN an@hanoi.example\nS: 550 5.1.1\nC: EXPN\nS: 501 5.5.4\n",
		"500 unknown command":         hi + "C: XYZZY\nS: 500 5.5.1\n",
		"500 too long":                hi + "C: NOOP " + long + "\nS: 500 5.5.6\nC: NOOP " + strings.Repeat(long, 10) + "\nS: 500 5.5.6\nC: NOOP\nS: 250\n",
		"500 bare LF":                 hi + `C! "NOOP\n"` + "\nS: 500 5.5.2\nC! \"NO\\rOP\\r\\n\"\nS: 500 5.5.2\n",
		"501 NUL, broken UTF-8":       hi + `C! "NOOP \x00\r\nNOOP \xff\r\n"` + "\nS: 501 5.5.2\nS: 501 5.5.2\n",
		"421 HTTP":                    hi + "C: POST / HTTP/1.1\nC: MAIL FROM:<x@crepes.fr>\nS: 421 4.7.0\nS: <EOF>\n",
		"501 arguments":               hi + "C: MAIL\nS: 501 5.5.4\nC: MAIL FROM:x@y\nS: 501 5.5.4\nC: DATA x\nS: 501 5.5.4\nC: MAIL FROM:<a@b> SIZE=\nS: 501 5.5.4\nC: MAIL FROM:<a@b> SIZE=x\nS: 501 5.5.4\nC: MAIL FROM:<a@b> SIZE=1 SIZE=1\nS: 501 5.5.4\n",
		"502 not implemented":         hi + "C: TURN\nS: 502 5.5.1\nC: ETRN x\nS: 502 5.5.1\nC: BURL x\nS: 502 5.5.1\n",
		"503 order":                   "S: 220\nC: MAIL FROM:<>\nS: 503 5.5.1\nC: HELO a\nS: 250\nC: RCPT TO:<an@hanoi.example>\nS: 503 5.5.1\nC: DATA\nS: 503 5.5.1\n" + from + "C: MAIL FROM:<>\nS: 503 5.5.1\nC: DATA\nS: 503 5.5.1\n",
		"504 BODY":                    hi + "C: MAIL FROM:<> BODY=9BIT\nS: 504 5.5.4\n",
		"555 parameters":              hi + "C: MAIL FROM:<> X=1\nS: 555 5.5.4\n" + from + "C: RCPT TO:<an@hanoi.example> X=1\nS: 555 5.5.4\n",
		"555 parameters after HELO":   "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<> SIZE=1\nS: 555 5.5.4\n",
		"553 address":                 hi + "C: MAIL FROM:<a b@c>\nS: 553 5.1.7\n" + from + "C: RCPT TO:<an@@hanoi.example>\nS: 553 5.1.3\nC: RCPT TO:<>\nS: 553 5.1.3\n",
		"550, 553 SMTPUTF8":           hi + "C: MAIL FROM:<điệp@crepes.fr>\nS: 550 5.6.7\n" + from + "C: RCPT TO:<điệp@hanoi.example>\nS: 553 5.6.7\nC: RSET\nS: 250\nC: MAIL FROM:<điệp@crepes.fr> SMTPUTF8\nS: 250 2.1.0\n",
		"250 source route":            hi + from + "C: RCPT TO:<@a.example,@b.example:an@hanoi.example>\nS: 250\n",
		"250 postmaster":              hi + from + "C: RCPT TO:<Postmaster>\nS: 250\n",
		"550 unknown user":            hi + from + "C: RCPT TO:<nobody@hanoi.example>\nS: 550 5.1.1\n",
		"551 user elsewhere":          hi + from + "C: RCPT TO:<x@saigon.example>\nS: 551 5.7.1\n",
		"452 too many recipients":     hi + from + rcpt + rcpt + rcpt + "C: RCPT TO:<an@hanoi.example>\nS: 452 4.5.3\n",
		"552 SIZE":                    hi + "C: MAIL FROM:<> SIZE=100001\nS: 552 5.3.4\nC: MAIL FROM:<> SIZE=99999999999999999999\nS: 552 5.3.4\nC: MAIL FROM:<> SIZE=100000\nS: 250\n",
		"552 larger than the mailbox": hi + "C: MAIL FROM:<> SIZE=3000\nS: 250\nC: RCPT TO:<full@hanoi.example>\nS: 552 5.2.2\n",
		"552 while streaming":         hi + from + rcpt + "C: DATA\nS: 354\nC: Subject: a\nC: \n" + big + "C: .\nS: 552 5.3.4\nC: NOOP\nS: 250\n",
		"552 without end":             hi + from + rcpt + "C: DATA\nS: 354\nC: Subject: a\nC: \n" + big + big + "S: 552 5.3.4\nS: <EOF>\n",
		"554 loop":                    hi + from + rcpt + "C: DATA\nS: 354\n" + hops + "C: \nC: .\nS: 554 5.4.6\nC: NOOP\nS: 250\n",
		"550 bare LF in data":         hi + from + rcpt + "C: DATA\nS: 354\n" + `C! "a\n.\r\nb\rc\r\nd\r\n.\ne\r\n.\r\n"` + "\nS: 550 5.6.11\nC: NOOP\nS: 250\n",
		"550 ambiguous end of data":   hi + from + rcpt + "C: DATA\nS: 354\n" + `C! "a\r\r\n.\r\nMAIL FROM:<>\r\n"` + "\nS: 550 5.6.11\nS: <EOF>\n",
		"250 DATA":                    hi + from + rcpt + "C: DATA\nS: 354\nC: Subject: a\nC: \nC: b\nC: .\nS: /^250 2.0.0 OK queued as [0-9A-Z]{26}$/\n",
		"454 STARTTLS":                hi + "C: STARTTLS\nS: 454 4.7.0\n",
		"235 AUTH, 503 again":         hi + login + "C: AUTH PLAIN\nS: 503 5.5.1\n",
		"334 AUTH LOGIN":              hi + "C: AUTH Login\nS: 334 VXNlcm5hbWU6\nC: YW5AaGFub2kuZXhhbXBsZQ==\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 2.7.0\n",
		"501 AUTH":                    hi + "C: AUTH\nS: 501 5.5.4\nC: AUTH PLAIN ?\nS: 501 5.5.2\nC: AUTH PLAIN\nS: 334 \nC: *\nS: 501 5.7.0\n",
		"503 AUTH before EHLO":        "S: 220\nC: AUTH PLAIN\nS: 503 5.5.1\n",
		"503 AUTH in a transaction":   hi + from + "C: AUTH PLAIN\nS: 503 5.5.1\n",
		"504 AUTH":                    hi + "C: AUTH CRAM-MD5\nS: 504 5.5.4\n",
		"535 AUTH, 421 after three":   hi + strings.Repeat("C: AUTH PLAIN AGEAYg==\nS: 535 5.7.8\n", 3) + "S: 421 4.7.0\nS: <EOF>\n",
		"553 not your address":        hi + login + "C: MAIL FROM:<binh@hanoi.example>\nS: 553 5.7.1\nC: MAIL FROM:<all@hanoi.example>\nS: 553 5.7.1\nC: MAIL FROM:<x@crepes.fr>\nS: 553 5.7.1\nC: MAIL FROM:<info@hanoi.example>\nS: 250\n",
		"251 or 250 who logged in":    hi + login + "C: MAIL FROM:<An@hanoi.example>\nS: 250\nC: RCPT TO:<x@saigon.example>\nS: /^25[01] /\n",
		"421 too many errors":         hi + strings.Repeat("C: XYZZY\nS: 500\n", 50) + "S: 421 4.7.0\nS: <EOF>\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, o, text)
		})
	}
}

// TestExpandUTF8: members with names in UTF-8 are told to who can read them (RFC 6531 §3.7.4.2).
func TestExpandUTF8(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	check(t, w.Directory.AddList(t.Context(), directory.List{Address: addr(t, "nhóm@hanoi.example"), Members: []address.Address{addr(t, "điệp@saigon.example")}, Group: true}))
	play(t, w.Options, hello+"C: "+loginAn+"\nS: 235\nC: EXPN <nhóm@hanoi.example>\nS: 550 5.6.8\n"+
		"C: EXPN <nhóm@hanoi.example> smtputf8\nS: 250 2.1.5 <điệp@saigon.example>\nC: EXPN all@hanoi.example SMTPUTF8\nS: 250-2.1.5\nS: 250 2.1.5\n"+
		"C: VRFY điệp SMTPUTF8\nS: 252 2.5.2\n")
}

func TestMatrixSubmission(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Mode = Submission
	play(t, o, "S: 220\nC: EHLO a\nS: ...\nS: 250 HELP\nC: MAIL FROM:<an@hanoi.example>\nS: 530 5.7.0\n")
	o.InsecureAuth = nil
	play(t, o, "S: 220\nC: EHLO a\nS: ...\nS: 250 HELP\nC: AUTH PLAIN\nS: 538 5.7.11\n")
}

func TestMatrixMailboxFull(t *testing.T) {
	t.Parallel()
	play(t, newWorld(t).Options, "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<full@hanoi.example>\nS: 250\nC: DATA\nS: 354\nC: \nC: "+
		strings.Repeat("x", 1500)+"\nC: .\nS: 250\nC: EHLO a\nS: ...\nS: 250 HELP\nC: MAIL FROM:<> SIZE=1000\nS: 250\nC: RCPT TO:<full@hanoi.example>\nS: 452 4.2.2\n")
}

// TestMatrixDiskFull: the disk has room for 5000 octets more.
func TestMatrixDiskFull(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	o.Room = func(octets int64) bool { return octets <= 5000 }
	play(t, o, "S: 220\nC: EHLO a\nS: ...\nS: 250 HELP\nC: MAIL FROM:<> SIZE=5001\nS: 452 4.3.1\nC: RCPT TO:<an@hanoi.example>\nS: 503\nC: MAIL FROM:<> SIZE=5000\nS: 250\n")
}

// TestTranscripts replays the sessions of the source's §12.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	s := New(newWorld(t).Options)
	for _, name := range []string{"success.txt", "abandoned.txt"} {
		linetest.Replay(t, "testdata/"+name, s.Handle, linetest.Options{Line: s.Options()})
	}
}

// TestTenThousandRecipients: those beyond the limit are told so, and the session goes on.
func TestTenThousandRecipients(t *testing.T) {
	t.Parallel()
	play(t, newWorld(t).Options, "S: 220\nC: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\n"+
		strings.Repeat("C: RCPT TO:<an@hanoi.example>\n", 10_000)+strings.Repeat("S: 250\n", 3)+strings.Repeat("S: 452 4.5.3\n", 9_997)+"C: NOOP\nS: 250\n")
}

func TestMatrixTime(t *testing.T) {
	t.Parallel()
	o := newWorld(t).Options
	synctest.Test(t, func(t *testing.T) {
		s := New(o)
		linetest.Play(t, "idle", "S: 220\nW: 4m59s\nC: NOOP\nS: 250\nW: 5m\nS: 421 4.4.2\nS: <EOF>\n", s.Handle, linetest.Options{Line: s.Options()})
		stopping := func(ctx context.Context, c *line.Conn) {
			time.AfterFunc(time.Minute, c.Interrupt)
			s.Handle(ctx, c)
		}
		linetest.Play(t, "shutdown", "S: 220\nW: 2m\nS: 421 4.3.2\nS: <EOF>\n", stopping, linetest.Options{Line: s.Options()})
	})
}
