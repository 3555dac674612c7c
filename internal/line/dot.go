package line

import (
	"bytes"
	"io"
	"time"
)

// DotReader returns a reader of dot-stuffed text (RFC 5321 §4.5.2, RFC 1939 §3)
// that ends at CRLF.CRLF, which it consumes and does not return. With strict,
// a bare CR or LF makes it return ErrBareNewline, but only once the end was
// reached, so that the dialogue stays in step; and ErrAmbiguousEnd when the
// line before the final dot holds a bare CR, so that others may have seen no
// end there: what follows can't be trusted to be commands. The tap sees the
// text as Data.
func (c *Conn) DotReader(strict bool) io.Reader {
	return &dotReader{c: c, strict: strict, bol: true}
}

// dotReader is at the beginning of a line when bol; cr says that the octet
// before was a CR, odd that the line holds a bare CR.
type dotReader struct {
	c       *Conn
	strict  bool
	bol     bool
	cr, odd bool
	bare    bool // a bare CR or LF has been seen
	murky   bool // the last whole line held a bare CR
	end     error
}

func (d *dotReader) Read(p []byte) (n int, err error) {
	for n == 0 && d.end == nil && len(p) > 0 {
		n = d.some(p)
	}
	if n > 0 {
		d.c.tell(d.c.peer, Data, p[:n])
		return n, nil
	}
	return 0, d.end
}

// some moves what is buffered to p, up to the end of the text.
func (d *dotReader) some(p []byte) (n int) {
	c := d.c
	for n < len(p) {
		if d.bol && !d.lineStart(n > 0) || c.r == c.w {
			if n == 0 && d.end == nil {
				d.fill()
			}
			return n
		}
		chunk := c.in[c.r:min(c.w, c.r+len(p)-n)]
		if i := bytes.IndexByte(chunk, '\n'); i >= 0 {
			chunk = chunk[:i+1]
		}
		d.follow(chunk)
		n += copy(p[n:], chunk)
		c.r += len(chunk)
	}
	return n
}

// lineStart deals with a dot at the beginning of a line. It reports false when
// more input is needed to tell what it means, or when it was the end.
func (d *dotReader) lineStart(busy bool) bool {
	c := d.c
	rest := c.in[c.r:c.w]
	switch {
	case len(rest) == 0:
		return false
	case rest[0] != '.':
	case len(rest) >= 3 && rest[1] == '\r' && rest[2] == '\n':
		if !busy {
			c.r += 3
			d.finish()
		}
		return false
	case len(rest) == 1 || len(rest) == 2 && rest[1] == '\r':
		return false
	default:
		c.r++ // RFC 5321 §4.5.2: the first dot is not part of the text
	}
	d.bol = false
	return true
}

// follow keeps track of the line ends in a chunk with at most one LF, at its end.
func (d *dotReader) follow(chunk []byte) {
	body := chunk
	lf := chunk[len(chunk)-1] == '\n'
	if lf {
		body = chunk[:len(chunk)-1]
	}
	if d.cr && len(body) > 0 {
		d.odd = true
	}
	if len(body) > 0 {
		i := bytes.IndexByte(body, '\r')
		d.cr = body[len(body)-1] == '\r'
		d.odd = d.odd || i >= 0 && i < len(body)-1
	}
	d.bare = d.bare || d.odd
	if lf {
		d.bare = d.bare || !d.cr
		d.bol = d.cr
		d.murky, d.cr, d.odd = d.odd, false, false
	}
}

func (d *dotReader) fill() {
	err := d.c.fill(time.Now().Add(d.c.o.ReadTimeout))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	d.end = err
}

func (d *dotReader) finish() {
	d.c.tell(d.c.peer, Line, []byte("."))
	d.end = io.EOF
	switch {
	case d.strict && d.murky:
		d.end = ErrAmbiguousEnd
	case d.strict && d.bare:
		d.end = ErrBareNewline
	}
}

// DotWriter returns a writer that dot-stuffs; Close writes the final
// CRLF.CRLF (adding a CRLF if the text did not end with one). It does not flush.
// A dot behind a bare LF is doubled as well: readers that take that for a line
// end must not see the end of the text, or a dot too few, there.
func (c *Conn) DotWriter() io.WriteCloser { return &dotWriter{c: c, tail: 2, bol: true} }

// dotWriter counts in tail how much of a CRLF the text so far ends with; bol
// says that it ends with an LF, or has not begun.
type dotWriter struct {
	c    *Conn
	tail int
	bol  bool
}

var lineDot = []byte("\n.")

func (d *dotWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		rest := p[n:]
		if d.bol && rest[0] == '.' {
			if _, err := d.c.put(rest[:1]); err != nil { // beside the tap, which sees the text
				return n, err
			}
			rest = rest[:1]
		} else if i := bytes.Index(rest, lineDot); i >= 0 {
			rest = rest[:i+1]
		}
		wrote, err := d.c.Write(rest)
		n += wrote
		if err != nil {
			return n, err
		}
		d.tail, d.bol = lineEnd(d.tail, rest), rest[len(rest)-1] == '\n'
	}
	return n, nil
}

func lineEnd(tail int, p []byte) int {
	switch last := p[len(p)-1]; {
	case last == '\r':
		return 1
	case last == '\n' && (len(p) > 1 && p[len(p)-2] == '\r' || len(p) == 1 && tail == 1):
		return 2
	}
	return 0
}

// Close ends the text.
func (d *dotWriter) Close() error {
	if d.tail != 2 {
		if _, err := d.c.put([]byte("\r\n")); err != nil {
			return err
		}
	}
	return d.c.WriteLine(".")
}
