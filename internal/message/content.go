package message

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"strings"

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
	line []byte // decoded, not yet given out
}

func (q *qpReader) Read(b []byte) (int, error) {
	for len(q.line) == 0 {
		raw, err := q.r.ReadSlice('\n')
		if len(raw) == 0 {
			return 0, err
		}
		q.line = decodeQPLine(raw)
	}
	n := copy(b, q.line)
	q.line = q.line[n:]
	return n, nil
}

// decodeQPLine decodes one line: white space at its end goes, = there joins it to the next.
func decodeQPLine(raw []byte) []byte {
	end := raw[len(raw)-lineEnd(raw):]
	text := raw[:len(raw)-len(end)]
	if len(end) > 0 {
		text = bytes.TrimRight(text, " \t")
	}
	if n := len(text); n > 0 && text[n-1] == '=' {
		text, end = text[:n-1], nil
	}
	return append(decodeQ2(text), end...)
}

// decodeQ2 undoes =XX.
func decodeQ2(s []byte) []byte {
	out := make([]byte, 0, len(s)+2)
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return out
}

// Text returns a text part as UTF-8, transfer encoding and charset undone, broken octets replaced.
func Text(r io.ReaderAt, p *Part) io.Reader {
	content := Content(r, p)
	if enc := charset(param(p.Params, "charset")); enc != nil {
		return transform.NewReader(content, enc.NewDecoder())
	}
	return &utf8Reader{content: content}
}

// utf8Reader reads a text of no known charset, all of it at the first call.
type utf8Reader struct {
	content io.Reader
	text    *strings.Reader
}

func (u *utf8Reader) Read(b []byte) (int, error) {
	if u.text == nil {
		all, err := io.ReadAll(io.LimitReader(u.content, maxText))
		if err != nil {
			return 0, err
		}
		u.text = strings.NewReader(toUTF8(string(all)))
	}
	return u.text.Read(b)
}

// maxText is how many octets of one text are read for people.
const maxText = 16 << 20
