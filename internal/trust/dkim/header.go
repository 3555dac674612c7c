package dkim

import (
	"bytes"
	"errors"
	"fmt"
)

// Field is one header field with its folds and its final CRLF.
type Field struct {
	Raw  []byte
	name int // length of the name, without white space before the colon; 0: there is no colon
}

// Is compares the field's name with another, without regard to case.
func (f Field) Is(name string) bool {
	return len(name) == f.name && f.name > 0 && lower(f.Raw[0]) == lower(name[0]) && equalFold(f.Raw[:f.name], name)
}

// equalFold compares texts of the same length; only ASCII letters have case.
func equalFold[T []byte | string](a T, b string) bool {
	for i := range len(b) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// Name is the field's name as it was written.
func (f Field) Name() string { return string(f.Raw[:f.name]) }

// Value is what stands behind the colon, the final CRLF left out.
func (f Field) Value() []byte {
	return bytes.TrimSuffix(f.Raw[bytes.IndexByte(f.Raw, ':')+1:], []byte("\r\n"))
}

// Header is the header of a message, in order.
type Header []Field

// parseHeader finds the fields in a header whose lines all end with CRLF.
// Lines without a colon are fields that nobody can name. A CR or LF by itself
// is refused: another reader may see other fields there than we do.
func parseHeader(raw []byte) (Header, error) {
	h := make(Header, 0, 32)
	for len(raw) > 0 {
		end := fieldEnd(raw)
		f := raw[:end]
		if strayNewline(f) {
			return nil, errors.New("the header holds a CR or LF that is not part of CRLF")
		}
		if len(h) == maxFields {
			return nil, fmt.Errorf("the header has more than %d fields", maxFields)
		}
		h = append(h, Field{f, nameLength(f)})
		raw = raw[end:]
	}
	return h, nil
}

// loose reports a line that is no field, save the From line with which a
// mailbox file begins a message. Many programs take the header to end there,
// and show what follows as text: anybody could put it in, since no body hash has it.
func (h Header) loose() bool {
	for i, f := range h {
		if f.name == 0 && (i > 0 || !bytes.HasPrefix(bytes.TrimPrefix(f.Raw, []byte(">")), []byte("From "))) {
			return true
		}
	}
	return false
}

// fieldEnd is where the field at the start of raw ends: at the first CRLF that
// no white space follows.
func fieldEnd(raw []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(raw[at:], '\n')
		if i < 0 {
			return len(raw)
		}
		at += i + 1
		if at == len(raw) || raw[at] != ' ' && raw[at] != '\t' {
			return at
		}
	}
}

func strayNewline(f []byte) bool {
	crlf := bytes.Count(f, []byte("\r\n"))
	return bytes.Count(f, []byte("\n")) != crlf || bytes.Count(f, []byte("\r")) != crlf
}

func nameLength(f []byte) int {
	colon := max(bytes.IndexByte(f, ':'), 0)
	name := bytes.TrimRight(f[:colon], " \t")
	if bytes.ContainsAny(name, " \t\r\n") {
		return 0
	}
	return len(name)
}

// Count is how many fields have the name.
func (h Header) Count(name string) (n int) {
	for _, f := range h {
		if f.Is(name) {
			n++
		}
	}
	return n
}

// pick returns the indexes of the fields that the names of an h= choose: of
// fields with the same name the last first (RFC 6376 §5.4.2), -1 for those
// that are not there.
func (h Header) pick(names []string) []int {
	chosen := make([]int, len(names))
	for i, name := range names {
		below := len(h)
		for j := i - 1; j >= 0; j-- { // where the same name was found before
			if len(names[j]) == len(name) && equalFold(names[j], name) {
				below = max(chosen[j], 0)
				break
			}
		}
		chosen[i] = -1
		for k := below - 1; k >= 0; k-- {
			if h[k].Is(name) {
				chosen[i] = k
				break
			}
		}
	}
	return chosen
}

// appendSimple adds a field as it is (RFC 6376 §3.4.1).
func appendSimple(dst, field []byte) []byte { return append(dst, field...) }

// appendRelaxed adds a field with its name in lower case, without folds, each
// run of white space as one space, and none at the ends of the value or around
// the colon (RFC 6376 §3.4.2). The final CRLF, if the field has one, stays.
func appendRelaxed(dst, field []byte) []byte {
	text, ended := bytes.CutSuffix(field, []byte("\r\n"))
	colon := max(bytes.IndexByte(text, ':'), 0)
	for _, c := range bytes.TrimRight(text[:colon], " \t\r\n") {
		dst = append(dst, lower(c))
	}
	if colon < len(text) && text[colon] == ':' {
		dst = append(dst, ':')
		colon++
	}
	dst = appendReduced(dst, text[colon:])
	if ended {
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// appendReduced adds a value unfolded, with its white space reduced.
func appendReduced(dst, value []byte) []byte {
	start, space := len(dst), false
	for _, c := range value {
		switch {
		case c == '\r' || c == '\n':
		case c == ' ' || c == '\t':
			space = len(dst) > start
		default:
			if space {
				dst = append(dst, ' ')
				space = false
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// appendField adds a field in the given canonicalisation.
func appendField(dst, field []byte, c Canon) []byte {
	if c == Relaxed {
		return appendRelaxed(dst, field)
	}
	return appendSimple(dst, field)
}
