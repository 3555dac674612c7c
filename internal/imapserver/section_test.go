package imapserver

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nested has the structure of the example in RFC 9051 §6.4.5.1.
var nested = strings.ReplaceAll(`From: top
Content-Type: multipart/mixed; boundary=A

--A

one
--A
Content-Type: application/octet-stream

two
--A
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=B

--B

three one
--B
Content-Type: application/octet-stream

three two
--B--
--A
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: image/gif

four one
--C
Content-Type: message/rfc822

Subject: four two
Content-Type: multipart/mixed; boundary=D

--D

four two one
--D
Content-Type: multipart/alternative; boundary=E

--E

four two two one
--E
Content-Type: text/richtext

four two two two
--E--
--D--
--C--
--A--
`, "\n", "\r\n")

func TestSections(t *testing.T) {
	t.Parallel()
	s := newServer(t, 0)
	deliver(t, s, nested, time.Time{})
	p := selectedPeer(t, s)
	for _, c := range []struct{ section, begins, ends string }{
		{"", "From: top", "--A--\r\n"},
		{"HEADER", "From: top", "boundary=A\r\n\r\n"},
		{"TEXT", "--A\r\n", "--A--\r\n"},
		{"HEADER.FIELDS (FROM)", "From: top\r\n\r\n", "From: top\r\n\r\n"},
		{"HEADER.FIELDS.NOT (FROM)", "Content-Type: multipart/mixed; boundary=A\r\n\r\n", "=A\r\n\r\n"},
		{"1", "one", "one"},
		{"2", "two", "two"},
		{"2.MIME", "Content-Type: application", "stream\r\n\r\n"},
		{"3", "Subject: three\r\n", "--B--"},
		{"3.HEADER", "Subject: three\r\n", "boundary=B\r\n\r\n"},
		{"3.TEXT", "--B\r\n", "--B--"},
		{"3.1", "three one", "three one"},
		{"3.2", "three two", "three two"},
		{"4", "--C\r\n", "--C--"},
		{"4.1", "four one", "four one"},
		{"4.1.MIME", "Content-Type: image/gif\r\n\r\n", "gif\r\n\r\n"},
		{"4.2", "Subject: four two", "--D--"},
		{"4.2.HEADER", "Subject: four two", "boundary=D\r\n\r\n"},
		{"4.2.TEXT", "--D\r\n", "--D--"},
		{"4.2.1", "four two one", "four two one"},
		{"4.2.2", "--E\r\n", "--E--"},
		{"4.2.2.1", "four two two one", "four two two one"},
		{"4.2.2.2", "four two two two", "four two two two"},
		{"4.2.2.2.MIME", "Content-Type: text/richtext", "\r\n\r\n"},
	} {
		got := p.literal("FETCH 1 BODY.PEEK["+c.section+"]", fmt.Sprintf("* 1 FETCH (BODY[%s] {", c.section))
		if !strings.HasPrefix(got, c.begins) || !strings.HasSuffix(got, c.ends) {
			t.Errorf("%s: %q", c.section, got)
		}
	}
	for _, none := range []string{"5", "1.HEADER", "1.1", "4.1.TEXT", "3.3"} {
		p.want("FETCH 1 BODY.PEEK["+none+"]", "* 1 FETCH (BODY["+none+"] NIL)", "x OK")
	}
}

// literal does a command whose answer is one literal announced so.
func (p *peer) literal(command, announced string) string {
	p.t.Helper()
	got := p.do(command)
	size, ok := strings.CutPrefix(got[0], announced)
	n, err := strconv.Atoi(strings.TrimSuffix(size, "}"))
	text := strings.Join(got[1:len(got)-1], "\r\n")
	if !ok || err != nil || len(text) != n+1 || text[n] != ')' {
		p.t.Fatalf("%s: %q", command, got)
	}
	return text[:n]
}
