package smtp

import "bytes"

// tidy turns each CR and LF that is not part of a CRLF into a space, in place.
// Servers that take one for a line end would see a dot behind it as the end of
// the text, and what follows as commands (RFC 5321 §2.3.8, §4.1.1.4).
type tidy struct {
	held bool // a CR ended what came before: it goes with what follows
}

// next works on one piece of the text, which begins at b[1]; b[0] is room for
// the octet held back. It returns what is to be sent.
func (t *tidy) next(b []byte, last bool) []byte {
	if t.held {
		b[0] = '\r'
	} else {
		b = b[1:]
	}
	t.held = len(b) > 0 && b[len(b)-1] == '\r' && !last
	if t.held {
		b = b[:len(b)-1]
	}
	mend(b)
	return b
}

// mend replaces what stands alone in b.
func mend(b []byte) {
	for len(b) > 0 {
		line := b
		end := bytes.IndexByte(b, '\n')
		if end >= 0 {
			line = b[:end]
			if end > 0 && b[end-1] == '\r' {
				line = b[:end-1]
			} else {
				b[end] = ' '
			}
			b = b[end+1:]
		} else {
			b = nil
		}
		for i := bytes.IndexByte(line, '\r'); i >= 0; i = bytes.IndexByte(line, '\r') {
			line[i] = ' '
			line = line[i+1:]
		}
	}
}
