package dkim

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Message takes the octets of one message as they come: CRLF line ends, the
// header first. Its watchers are told once, when the header is complete; what
// they ask of the body then is computed while it passes. It is for one
// goroutine.
type Message struct {
	head     []byte // the header; whole once begun
	begun    bool   // the header is complete
	closed   bool
	header   Header
	err      error // why the header is of no use
	watchers []func(*Message)
	bodies   []*body
	lookups  []*Lookup
	slots    chan struct{} // a token for each look-up at work
}

// NewMessage returns a message of which nothing has come yet.
func NewMessage() *Message { return new(Message) }

// Watch has f called when the header is complete (at Close at the latest), the
// only time when Hash may be asked for. It must be called before Write.
func (m *Message) Watch(f func(*Message)) { m.watchers = append(m.watchers, f) }

// Write takes a piece of the message. It takes everything and never fails.
func (m *Message) Write(p []byte) (int, error) {
	n := len(p)
	if !m.begun {
		p = m.takeHeader(p)
	}
	if len(p) > 0 {
		for _, b := range m.bodies {
			b.write(p)
		}
	}
	return n, nil
}

// takeHeader takes what of p belongs to the header, in steps so that little of
// the body is copied, and returns what does not: the start of the body.
func (m *Message) takeHeader(p []byte) []byte {
	const step = 2048
	if m.head == nil {
		m.head = make([]byte, 0, 2*step)
	}
	for len(p) > 0 {
		from := max(len(m.head)-3, 0) // the empty line may have begun before
		n := min(len(p), step)
		m.head = append(m.head, p[:n]...)
		end, next := headerEnd(m.head, from)
		if end >= 0 && end <= maxHeader {
			p = p[n-(len(m.head)-next):]
			m.head = m.head[:end]
			m.begin()
			return p
		}
		if len(m.head) > maxHeader+len(crlf) {
			m.err = fmt.Errorf("the header is longer than %d octets", maxHeader)
			m.begin()
			return nil
		}
		p = p[n:]
	}
	return nil
}

// headerEnd finds the empty line at or behind from: where the header ends and
// where the body begins; -1: not there yet.
func headerEnd(head []byte, from int) (end, next int) {
	if bytes.HasPrefix(head, crlf) {
		return 0, len(crlf)
	}
	i := bytes.Index(head[from:], []byte("\r\n\r\n"))
	if i < 0 {
		return -1, -1
	}
	return from + i + len(crlf), from + i + 2*len(crlf)
}

// begin ends the header and tells the watchers.
func (m *Message) begin() {
	m.begun = true
	if m.err == nil {
		m.header, m.err = parseHeader(m.head)
	}
	if m.err != nil {
		m.head, m.header = nil, nil
	}
	for _, f := range m.watchers {
		f(m)
	}
}

// Close says that the message is complete. Hashes are ready then. It may be
// called again.
func (m *Message) Close() error {
	if m.closed {
		return nil
	}
	if !m.begun {
		m.begin()
	}
	m.closed = true
	for _, b := range m.bodies {
		b.close()
	}
	return nil
}

// Header returns the fields, or why there is no telling which they are: the
// header is too long, or its lines are in doubt. It is for watchers.
func (m *Message) Header() (Header, error) { return m.header, m.err }

// Hash asks for the hash of the body in the given canonicalisation, of its
// first limit octets (-1: of all). Those who ask for the same get the same.
func (m *Message) Hash(c Canon, limit int64) *BodyHash {
	b := m.body(c)
	for _, h := range b.hashes {
		if h.limit == limit {
			return h
		}
	}
	h := &BodyHash{limit: limit, sha: sha256.New(), body: b}
	b.hashes = append(b.hashes, h)
	return h
}

func (m *Message) body(c Canon) *body {
	for _, b := range m.bodies {
		if b.relaxed == (c == Relaxed) {
			return b
		}
	}
	b := &body{relaxed: c == Relaxed}
	m.bodies = append(m.bodies, b)
	return b
}
