package imapserver

import (
	"bytes"
	"io"
)

// content passes the octets of a message on, as long as they may be kept.
type content struct {
	w       io.Writer
	mayUTF8 bool // header fields may have octets above 127 (RFC 6855 §4)
	body    bool // the header has ended
	line    int  // octets of the header's current line, without CR
}

var (
	// RFC 3516 §4.4: what holds NUL is not kept, however it is sent.
	errNUL = &reply{"NO", "UNKNOWN-CTE", "a message with NUL in it can't be stored"}
	// RFC 6855 §4.
	errUTF8Header = &reply{"NO", "CANNOT", "header fields have octets above 127: ENABLE UTF8=ACCEPT comes first"}
)

func (c *content) Write(p []byte) (int, error) {
	if bytes.IndexByte(p, 0) >= 0 {
		return 0, errNUL
	}
	if !c.mayUTF8 && !c.body && c.highHeader(p) {
		return 0, errUTF8Header
	}
	return c.w.Write(p)
}

// highHeader looks for octets above 127 before the first empty line.
func (c *content) highHeader(p []byte) bool {
	for _, b := range p {
		switch {
		case b >= 0x80:
			return true
		case b == '\n' && c.line == 0:
			c.body = true
			return false
		case b == '\n':
			c.line = 0
		case b != '\r':
			c.line++
		}
	}
	return false
}

// nulFinder passes octets on and looks for NUL.
type nulFinder struct {
	w     io.Writer
	found bool
}

func (f *nulFinder) Write(p []byte) (int, error) {
	f.found = f.found || bytes.IndexByte(p, 0) >= 0
	return f.w.Write(p)
}
