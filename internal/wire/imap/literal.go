package imap

import (
	"bytes"
	"strconv"
)

// mark is a literal's marker: {5} or {5+}, with ~ before it for literal8.
type mark struct {
	size   int64
	plus   bool // the client does not wait (RFC 7888)
	binary bool // literal8 (RFC 3516)
	len    int  // octets of the marker
}

// marker reads the marker that b begins with.
func marker(b []byte) (m mark, ok bool) {
	rest, binary := bytes.CutPrefix(b, []byte("~"))
	if len(rest) == 0 || rest[0] != '{' {
		return m, false
	}
	end := bytes.IndexByte(rest, '}')
	if end < 0 {
		return m, false
	}
	digits := rest[1:end]
	digits, m.plus = bytes.CutSuffix(digits, []byte("+"))
	size, err := strconv.ParseUint(string(digits), 10, 63)
	if err != nil {
		return m, false
	}
	m.size, m.binary, m.len = int64(size), binary, end+1+len(b)-len(rest)
	return m, true
}

// lastMarker reads the marker that a line ends with.
func lastMarker(line []byte) (m mark, ok bool) {
	if !bytes.HasSuffix(line, []byte("}")) {
		return m, false
	}
	at := bytes.LastIndexByte(line, '{')
	if at < 0 {
		return m, false
	}
	if at > 0 && line[at-1] == '~' {
		at--
	}
	m, ok = marker(line[at:])
	return m, ok && m.len == len(line)-at
}
