package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"

	"golang.org/x/text/transform"
)

// base64Value is the value of each octet of the alphabet, -1 for the others.
var base64Value = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range 64 {
		t["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i]] = int8(i)
	}
	return t
}()

// Content returns the part's octets with the transfer encoding undone.
func Content(r io.ReaderAt, p *Part) io.Reader {
	raw := io.NewSectionReader(r, p.Body, p.End-p.Body)
	switch p.Encoding {
	case "base64":
		return base64.NewDecoder(base64.RawStdEncoding, &alphabetReader{r: bufio.NewReader(raw)})
	case "quoted-printable":
		return &qpReader{r: bufio.NewReader(raw)}
	}
	return raw
}

// alphabetReader passes on the octets of the base64 alphabet only (RFC 2045
// §6.8), in whole octets: one left over at the end, which holds none, goes.
type alphabetReader struct {
	r     *bufio.Reader
	count int
}

func (a *alphabetReader) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		c, err := a.r.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		if base64Value[c] < 0 {
			continue
		}
		if a.count%4 == 0 && !a.more() {
			continue
		}
		b[n] = c
		n++
		a.count++
	}
	return n, nil
}

// more looks for another octet of the alphabet close ahead.
func (a *alphabetReader) more() bool {
	for size := 16; ; size *= 4 {
		ahead, err := a.r.Peek(size)
		for _, c := range ahead {
			if base64Value[c] >= 0 {
				return true
			}
		}
		if err != nil {
			return err == bufio.ErrBufferFull
		}
	}
}

// qpReader undoes quoted-printable (RFC 2045 §6.7); what is no escape stays as it is.
type qpReader struct {
	r    *bufio.Reader
	raw  []byte // read, not yet decoded: what may be the beginning of an escape
	buf  []byte
	line []byte // decoded in buf, not yet given out
}

func (q *qpReader) Read(b []byte) (int, error) {
	for len(q.line) == 0 {
		raw, err := q.r.ReadSlice('\n')
		if q.raw = append(q.raw, raw...); len(q.raw) == 0 {
			return 0, err
		}
		n := len(q.raw)
		if err == bufio.ErrBufferFull { // a piece of a long line
			n -= openEscape(q.raw)
		}
		q.buf = decodeQPLine(q.buf[:0], q.raw[:n])
		q.line = q.buf
		q.raw = q.raw[:copy(q.raw, q.raw[n:])]
	}
	n := copy(b, q.line)
	q.line = q.line[n:]
	return n, nil
}

// openEscape is how many octets at the end of s may begin an escape.
func openEscape(s []byte) int {
	if i := bytes.LastIndexByte(s, '='); i >= 0 && len(s)-i < 3 {
		return len(s) - i
	}
	return 0
}

// decodeQPLine decodes one line behind dst: white space at its end goes, = there joins it to the next.
func decodeQPLine(dst, raw []byte) []byte {
	end := raw[len(raw)-lineEnd(raw):]
	text := raw[:len(raw)-len(end)]
	if len(end) > 0 {
		text = bytes.TrimRight(text, " \t")
	}
	if n := len(text); n > 0 && text[n-1] == '=' {
		text, end = text[:n-1], nil
	}
	return append(decodeEscapes(dst, text), end...)
}

// decodeEscapes undoes =XX.
func decodeEscapes(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// Text returns a text part as UTF-8, transfer encoding and charset undone, as
// it is read. Octets that its charset does not have become U+FFFD. Where no
// charset is said, or UTF-8, or one that nobody knows, the text is taken for
// UTF-8, and octets that can't be that for Windows-1252.
func Text(r io.ReaderAt, p *Part) io.Reader {
	return transform.NewReader(Content(r, p), p.decoder())
}

// TextStart is the beginning of what Text gives: of the first n octets, and
// without the buffers that reading all of it takes.
func TextStart(r io.ReaderAt, p *Part, n int) []byte {
	raw := make([]byte, min(int64(n), p.End-p.Body))
	got, err := io.ReadFull(Content(r, p), raw)
	text := make([]byte, 3*got) // no charset that we know makes more of an octet
	n, _, _ = p.decoder().Transform(text, raw[:got], err != nil)
	return text[:n]
}

// decoder turns the part's charset into UTF-8.
func (p *Part) decoder() transform.Transformer {
	if enc := charset(param(p.Params, "charset")); enc != nil {
		return enc.NewDecoder()
	}
	return lenient{}
}
