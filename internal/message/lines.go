package message

import (
	"bytes"
	"io"
	"sync"
)

const bufferSize = 64 << 10

// buffers are taken up again by the next message: making one costs more than
// reading a small letter does.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// lines reads a message line by line. A line longer than the buffer comes in
// pieces.
type lines struct {
	r        io.Reader
	pooled   *[bufferSize]byte
	buf      []byte // all of pooled
	pos, end int    // buf[pos:end] is read but not yet handed out
	line     []byte
	start    int64 // offset of line
	feeds    int64 // line feeds before line
	eol      int   // octets of the line end before line: 0, 1 or 2
	whole    bool  // line begins a line, not the rest of one
	err      error
}

// newLines begins before the first line. release ends the use of it.
func newLines(r io.Reader) *lines {
	pooled := buffers.Get().(*[bufferSize]byte)
	return &lines{r: r, pooled: pooled, buf: pooled[:]}
}

// release gives the buffer back; nothing may point into it any more.
func (l *lines) release() {
	buffers.Put(l.pooled)
	l.pooled, l.buf, l.line = nil, nil, nil
}

// next goes to the next line; at the end line is empty and it returns false.
func (l *lines) next() bool {
	l.leave()
	n := l.find(0)
	for n == 0 {
		known := l.end - l.pos
		if !l.fill() {
			break
		}
		n = l.find(known)
	}
	if n == 0 {
		n = l.end - l.pos
		if l.err == nil && l.buf[l.end-1] == '\r' {
			n-- // its LF may be next
		}
	}
	l.line = l.buf[l.pos : l.pos+n]
	l.pos += n
	return n > 0
}

// find is the length of the line at pos, 0 if it has no end yet. Its first
// known octets are none.
func (l *lines) find(known int) int {
	if i := bytes.IndexByte(l.buf[l.pos+known:l.end], '\n'); i >= 0 {
		return known + i + 1
	}
	return 0
}

// leave counts the line that was current.
func (l *lines) leave() {
	n := len(l.line)
	l.start += int64(n)
	l.eol = lineEnd(l.line)
	l.whole = l.eol > 0 || l.start == 0
	if l.eol > 0 {
		l.feeds++
	}
	l.line = nil
}

// fill reads more behind what is there; false if nothing came or there is no room.
func (l *lines) fill() bool {
	if l.err != nil {
		return false
	}
	l.makeRoom()
	if l.end == len(l.buf) {
		return false
	}
	return l.read()
}

// makeRoom moves what is unread to the front of the buffer, if it is full.
func (l *lines) makeRoom() {
	if l.end == len(l.buf) {
		l.end, l.pos = copy(l.buf, l.buf[l.pos:l.end]), 0
	}
}

// read reads once, with patience for readers that return nothing.
func (l *lines) read() bool {
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
	l.err = io.ErrNoProgress
	return false
}

// drain goes to the end without looking at lines.
func (l *lines) drain() {
	for {
		l.leave()
		l.feeds += int64(bytes.Count(l.buf[l.pos:l.end], []byte{'\n'}))
		l.start += int64(l.end - l.pos)
		l.pos, l.end = 0, 0
		if !l.fill() {
			return
		}
	}
}

// lineEnd is the length of the CRLF or LF at a line's end.
func lineEnd(line []byte) int {
	n := len(line)
	switch {
	case n == 0 || line[n-1] != '\n':
		return 0
	case n > 1 && line[n-2] == '\r':
		return 2
	}
	return 1
}
