package message

import (
	"bytes"
	"strings"
)

// Header gives the fields of one header block.
type Header []byte

// Fields iterates over (name, raw value with folding, whole raw field with CRLF).
// Lines that are no fields are left out.
func (h Header) Fields(yield func(name string, value, raw []byte) bool) {
	for name, raw := range h.RawFields {
		if !yield(string(name), fieldValue(name, raw), raw) {
			return
		}
	}
}

// RawFields is Fields without values; what it gives points into h.
func (h Header) RawFields(yield func(name, raw []byte) bool) {
	for len(h) > 0 && !isBlank(firstLine(h)) {
		raw := h[:fieldLength(h)]
		h = h[len(raw):]
		if n := nameLength(raw); n > 0 && !yield(raw[:n], raw) {
			return
		}
	}
}

// fieldValue is what follows the colon, without the line end.
func fieldValue(name, raw []byte) []byte {
	colon := len(name) + bytes.IndexByte(raw[len(name):], ':')
	return raw[colon+1 : len(raw)-lineEnd(raw)]
}

// firstLine is b up to and with its first line feed.
func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// fieldLength is the length of the line that b begins with and the lines folded into it.
func fieldLength(b []byte) int {
	n := len(firstLine(b))
	for n < len(b) && (b[n] == ' ' || b[n] == '\t') {
		n += len(firstLine(b[n:]))
	}
	return n
}

// nameLength is the length of the field name before the colon; 0 if the line
// is no field. White space before the colon is obsolete but seen (RFC 5322 §4.5).
func nameLength(line []byte) int {
	n := 0
	for n < len(line) && line[n] > ' ' && line[n] < 0x7f && line[n] != ':' {
		n++
	}
	rest := bytes.TrimLeft(line[n:], " \t")
	if len(rest) == 0 || rest[0] != ':' {
		return 0
	}
	return n
}

// startsHeader reports whether a line can be the first of a header block: a
// field, or the separator line of an mbox file left there by a careless tool.
func startsHeader(line []byte) bool {
	return nameLength(line) > 0 || IsSeparator(line)
}

// IsSeparator reports that a text begins with the line that mailbox files have
// between messages. Careless programs leave it there when they send one on.
func IsSeparator(text []byte) bool {
	return bytes.HasPrefix(bytes.TrimPrefix(text, []byte(">")), []byte("From "))
}

// Get returns the first value of a field, unfolded and trimmed, not decoded;
// "" if there is none.
func (h Header) Get(name string) string {
	for n, raw := range h.RawFields {
		if len(n) == len(name) && strings.EqualFold(string(n), name) {
			return unfold(fieldValue(n, raw))
		}
	}
	return ""
}

// Values returns all values of a field as Get does the first.
func (h Header) Values(name string) []string {
	var all []string
	for n, raw := range h.RawFields {
		if len(n) == len(name) && strings.EqualFold(string(n), name) {
			all = append(all, unfold(fieldValue(n, raw)))
		}
	}
	return all
}

// Text is Get with RFC 2047 words (and raw UTF-8) decoded.
func (h Header) Text(name string) string { return DecodeWords(h.Get(name)) }

// unfold joins the lines of a value (RFC 5322 §2.2.3) and trims it. NUL is dropped too.
func unfold(value []byte) string {
	value = bytes.Trim(value, " \t\r\n")
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 && bytes.IndexByte(value, 0) < 0 {
		return string(value)
	}
	return string(dropLineEnds(value))
}

// dropLineEnds leaves CR, LF and NUL out.
func dropLineEnds(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if c != '\r' && c != '\n' && c != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Without is the header without the fields that drop chooses, and the same
// slice if there are none.
func (h Header) Without(drop func(name, raw []byte) bool) Header {
	out, at := Header(nil), 0
	for name, raw := range h.RawFields {
		if !drop(name, raw) {
			continue
		}
		begin := cap(h) - cap(raw) // raw points into h
		out = append(out, h[at:begin]...)
		at = begin + len(raw)
	}
	if at == 0 {
		return h
	}
	return append(out, h[at:]...)
}
