package message

import (
	"bufio"
	"io"
)

// maxQPLine is how many octets a line in quoted-printable may have, without its CRLF (RFC 2045 §6.7, rule 5).
const maxQPLine = 76

// qpWriter writes a text with CRLF in quoted-printable. None of its lines
// begins with a hyphen: a break that it puts in must not make a delimiter of the
// multipart around it (RFC 2046 §5.1.1) out of what stood inside a line.
type qpWriter struct {
	w    *bufio.Writer
	line [maxQPLine]byte
	n    int  // octets of the line
	cr   bool // a CR has come whose LF may be next
}

func newQPWriter(w io.Writer) *qpWriter { return &qpWriter{w: bufio.NewWriter(w)} }

func (q *qpWriter) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case q.cr && c == '\n':
			q.cr = false
			q.protect()
			q.end("\r\n")
			continue
		case q.cr:
			q.escape('\r')
		}
		if q.cr = c == '\r'; !q.cr {
			q.octet(c)
		}
	}
	_, err := q.w.Write(nil) // tells an error from before
	return len(p), err
}

// Close writes what is left; the text may end inside a line.
func (q *qpWriter) Close() error {
	if q.cr {
		q.escape('\r')
	}
	q.protect()
	q.end("")
	return q.w.Flush()
}

// octet adds one that is no line end.
func (q *qpWriter) octet(c byte) {
	plain := c >= ' ' && c <= '~' && c != '=' || c == '\t'
	q.room(1)
	if !plain || c == '-' && q.n == 0 {
		q.escape(c)
		return
	}
	q.line[q.n] = c
	q.n++
}

func (q *qpWriter) escape(c byte) {
	const digits = "0123456789ABCDEF"
	q.room(3)
	q.n += copy(q.line[q.n:], []byte{'=', digits[c>>4], digits[c&15]})
}

// room breaks the line if it has no room for so many octets and a soft break behind them.
func (q *qpWriter) room(octets int) {
	if q.n+octets > maxQPLine-1 {
		q.end("=\r\n")
	}
}

// protect escapes white space at the end of a line, which others take off (RFC 2045 §6.7, rule 3).
func (q *qpWriter) protect() {
	if q.n == 0 || q.line[q.n-1] != ' ' && q.line[q.n-1] != '\t' {
		return
	}
	q.n--
	q.escape(q.line[q.n])
}

// end writes the line.
func (q *qpWriter) end(with string) {
	q.w.Write(q.line[:q.n])
	q.w.WriteString(with)
	q.n = 0
}
