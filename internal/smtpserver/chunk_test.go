package smtpserver

import (
	"fmt"
	"strings"
	"testing"
)

const (
	hi      = "S: 220 mx.hanoi.example\nC: EHLO crepes.fr\nS: ...\nS: 250 HELP\n"
	mailX   = "C: MAIL FROM:<x@crepes.fr>\nS: 250 2.1.0\n"
	mailBin = "C: MAIL FROM:<x@crepes.fr> BODY=BINARYMIME\nS: 250 2.1.0\n"
	rcptAn  = "C: RCPT TO:<an@hanoi.example>\nS: 250 2.1.5\n"
	sent    = "S: 250 2.0.0 OK queued as\n"
	noop    = "C: NOOP\nS: 250 2.0.0 OK\n"
)

// raw is a step of the client with what is not lines.
func raw(s string) string { return fmt.Sprintf("C! %q\n", s) }

// bdat is a chunk.
func chunkOf(text string, last bool) string {
	mark := ""
	if last {
		mark = " LAST"
	}
	return raw(fmt.Sprintf("BDAT %d%s\r\n%s", len(text), mark, text))
}

func TestChunks(t *testing.T) {
	t.Parallel()
	const letter = "Subject: a\r\n\r\nb\r\n.\r\n..c\r\n"
	took := func(n int) string { return fmt.Sprintf("S: 250 2.0.0 %d octets received\n", n) }
	for name, c := range map[string]struct{ text, got string }{
		"one":                     {mailX + rcptAn + chunkOf(letter, true) + sent, letter},
		"two, and no octets last": {mailX + rcptAn + chunkOf(letter[:7], false) + took(7) + chunkOf(letter[7:], false) + took(len(letter)-7) + "C: BDAT 0 LAST\n" + sent, letter},
		"pipelined":               {raw("MAIL FROM:<x@crepes.fr>\r\nRCPT TO:<an@hanoi.example>\r\nBDAT 7\r\n"+letter[:7]+"BDAT "+fmt.Sprint(len(letter)-7)+" LAST\r\n"+letter[7:]+"NOOP\r\n") + "S: 250 2.1.0\nS: 250 2.1.5\n" + took(7) + sent + "S: 250 2.0.0 OK\n", letter},
		"an octet at a time":      {mailX + rcptAn + octets(letter) + "C: BDAT 0 LAST\n" + sent, letter},
		"binary":                  {mailBin + rcptAn + chunkOf("A: b\r\n\r\na\nb\rc\x00\r\n.\r\n\xff", true) + sent, "A: b\r\n\r\na\nb\rc\x00\r\n.\r\n\xff"},
		"no CRLF at its end":      {mailX + rcptAn + chunkOf("A: b\r\n\r\na", true) + sent, "A: b\r\n\r\na"},
		"what others call an end": {mailX + rcptAn + chunkOf("A: b\r\n\r\n.\r\nMAIL FROM:<>\r\n", true) + sent, "A: b\r\n\r\n.\r\nMAIL FROM:<>\r\n"},
		"NOOP between":            {mailX + rcptAn + chunkOf(letter[:9], false) + took(9) + noop + chunkOf(letter[9:], true) + sent, letter},

		"no MAIL":                {"C: BDAT 6\nC: QUIT\nS: 503 5.5.1 Say MAIL\n" + noop, ""},
		"no RCPT":                {mailX + "C: BDAT 6 LAST\nC: QUIT\nS: 503 5.5.1 No valid\n" + noop, ""},
		"no EHLO":                {"C: RSET\nS: 250\n", ""},
		"after LAST":             {mailX + rcptAn + chunkOf(letter, true) + sent + "C: BDAT 6 LAST\nC: QUIT\nS: 503 5.5.1\n" + noop, letter},
		"no size":                {mailX + rcptAn + "C: BDAT\nC: QUIT\nS: 501 5.5.4\nS: <EOF>\n", ""},
		"negative":               {mailX + rcptAn + "C: BDAT -6\nC: QUIT\nS: 501 5.5.4\nS: <EOF>\n", ""},
		"enormous":               {mailX + rcptAn + "C: BDAT 99999999999999999999\nC: QUIT\nS: 552 5.3.4\nS: <EOF>\n", ""},
		"unreadable":             {mailX + rcptAn + raw("BDAT 6 \xff\r\nQUIT\r\n") + "S: 501 5.5.2\nS: <EOF>\n", ""},
		"bare LF in the command": {mailX + rcptAn + raw("BDAT 6\nQUIT\r\n") + "S: 500 5.5.2\nS: <EOF>\n", ""},
		"another word":           {mailX + rcptAn + "C: BDAT 6 FIRST\nC: QUIT\nS: 501 5.5.4\n" + noop, ""},
		"DATA after BDAT":        {mailX + rcptAn + chunkOf(letter, false) + took(len(letter)) + "C: DATA\nS: 503 5.5.1\nC: BDAT 0 LAST\nS: 503 5.5.1\nC: DATA\nS: 503 5.5.1\nC: RSET\nS: 250\n" + mailX, ""},
		"RCPT after BDAT":        {mailX + rcptAn + chunkOf(letter, false) + took(len(letter)) + rcptAnRefused + "C: BDAT 0 LAST\n" + sent, letter},
		"MAIL after BDAT":        {mailX + rcptAn + chunkOf(letter, false) + took(len(letter)) + "C: MAIL FROM:<>\nS: 503 5.5.1\nC: RSET\nS: 250\n", ""},
		"DATA of BINARYMIME":     {mailBin + rcptAn + "C: DATA\nS: 503 5.5.1\nC: RSET\nS: 250\n" + mailX, ""},
		"RSET forgets":           {mailX + rcptAn + chunkOf("A: 1\r\n", false) + took(6) + "C: RSET\nS: 250\n" + mailX + rcptAn + chunkOf(letter, true) + sent, letter},
		"EHLO forgets":           {mailX + rcptAn + chunkOf("A: 1\r\n", false) + took(6) + "C: EHLO b\nS: ...\nS: 250 HELP\nC: BDAT 0 LAST\nS: 503\n" + mailX + rcptAn + chunkOf(letter, true) + sent, letter},
		"a failure stays":        {mailX + rcptAn + chunkOf("A: 1\n", false) + "S: 550 5.6.11\n" + chunkOf(letter, false) + "S: 503 5.5.1 A chunk\n" + chunkOf(letter, true) + "S: 503 5.5.1\n" + rcptAnRefused + "C: RSET\nS: 250\n" + mailX + rcptAn + chunkOf(letter, true) + sent, letter},
		"bare LF":                {mailX + rcptAn + chunkOf("A: 1\r\n\r\na\n.\r\nb\r\n", true) + "S: 550 5.6.11\n" + mailX, ""},
		"bare CR":                {mailX + rcptAn + chunkOf("A: 1\r\n\r\na\r.\r\n", true) + "S: 550 5.6.11\n", ""},
		"CR, then a chunk":       {mailX + rcptAn + chunkOf("A: 1\r\n\r\na\r", false) + took(10) + chunkOf("b\r\n", true) + "S: 550 5.6.11\n", ""},
		"CR at the end":          {mailX + rcptAn + chunkOf("A: 1\r\n\r\na\r", true) + "S: 550 5.6.11\n", ""},
		"CRLF in two chunks":     {mailX + rcptAn + chunkOf("A: 1\r\n\r\na\r", false) + took(10) + chunkOf("\nb\r\n", true) + sent, "A: 1\r\n\r\na\r\nb\r\n"},
		"LF begins a chunk":      {mailX + rcptAn + chunkOf("A: 1\r\n\r\na", false) + took(9) + chunkOf("\nb\r\n", true) + "S: 550 5.6.11\n", ""},
		"CR in a binary header":  {mailBin + rcptAn + chunkOf("A: 1\nBcc: x\r\n\r\na\n", true) + "S: 550 5.6.11\n", ""},
		"too large at once":      {mailX + rcptAn + chunkOf("A: 1\r\n\r\n"+strings.Repeat("x", 100_000), true) + "S: 552 5.3.4\n" + noop, ""},
		"too large in all":       {mailX + rcptAn + chunkOf("A: 1\r\n\r\n"+strings.Repeat("x", 60_000), false) + took(60_008) + chunkOf(strings.Repeat("x", 60_000), false) + "S: 552 5.3.4\n" + "C: BDAT 0 LAST\nS: 503\n" + noop, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			play(t, w.Options, hi+c.text+"C: QUIT\nS: 221\nS: <EOF>\n"[:quits(c.text)])
			got := w.inbox(t, "an")
			switch {
			case c.got == "" && len(got) > 0:
				t.Errorf("got %q", got)
			case c.got != "" && (len(got) != 1 || !strings.HasSuffix(got[0], " -0800\r\n"+c.got)):
				t.Errorf("got %q", got)
			}
		})
	}
}

// quits is 0 for a dialogue that is over.
func quits(text string) int {
	if strings.HasSuffix(text, "S: <EOF>\n") {
		return 0
	}
	return len("C: QUIT\nS: 221\nS: <EOF>\n")
}

const rcptAnRefused = "C: RCPT TO:<an@hanoi.example>\nS: 503 5.5.1\n"

func octets(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(chunkOf(text[i:i+1], false) + "S: 250 2.0.0 1 octets received\n")
	}
	return b.String()
}

// Before EHLO a chunk is read, too.
func TestChunkBeforeHello(t *testing.T) {
	t.Parallel()
	play(t, newWorld(t).Options, "S: 220\nC: BDAT 6\nC: QUIT\nS: 503 5.5.1 Say HELO\nC: NOOP\nS: 250\n")
}

// However long the line with BDAT is, what follows is no command.
func TestChunkAfterLongLine(t *testing.T) {
	t.Parallel()
	for _, n := range []int{maxLine, maxAuthLine, 100_000} {
		play(t, newWorld(t).Options, hi+"C: BDAT 6 "+strings.Repeat("x", n)+"\nS: 500 5.5.6\nS: <EOF>\n")
	}
}

// FuzzLines: whatever the pieces, a text is judged as the whole of it is.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\r\nb\r"), uint8(2))
	f.Add([]byte("a\nb"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		var l lines
		whole := true
		for rest := text; len(rest) > 0 && whole; {
			n := min(int(size)+1, len(rest))
			whole = l.whole(rest[:n])
			rest = rest[n:]
		}
		bare := strings.NewReplacer("\r\n", "").Replace(string(text))
		if want := !strings.ContainsAny(bare, "\r\n"); want != (whole && !l.cr) {
			t.Errorf("%q by %d: %v %v, want %v", text, size, whole, l.cr, want)
		}
	})
}
