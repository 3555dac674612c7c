package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// BodyHash is the SHA-256 of a canonicalised body, or of its first octets. It
// is complete when the message has been closed.
type BodyHash struct {
	limit  int64 // octets that count (l=); -1: all
	sha    hash.Hash
	octets int64 // hashed so far
	sum    [sha256.Size]byte
	body   *body
}

// Sum is the hash.
func (h *BodyHash) Sum() []byte { return h.sum[:] }

// Octets is how long the canonicalised body is in all.
func (h *BodyHash) Octets() int64 { return h.body.octets }

func (h *BodyHash) write(p []byte) {
	if h.limit >= 0 {
		p = p[:min(int64(len(p)), h.limit-h.octets)]
	}
	h.octets += int64(len(p))
	h.sha.Write(p)
}

// body canonicalises a body that comes in pieces. What may turn out to be the
// empty lines at the end, or white space at the end of a line, is withheld as
// a count: never more than that, however long it is.
type body struct {
	relaxed bool
	hashes  []*BodyHash
	octets  int64

	lines int64 // CRLFs withheld
	space bool  // behind them: white space (relaxed only)
	cr    bool  // behind that: a CR that may be half a CRLF
}

// write takes a piece in.
func (b *body) write(p []byte) {
	if b.relaxed {
		b.writeRelaxed(p)
		return
	}
	b.writeSimple(p)
}

// emit hands canonical octets on.
func (b *body) emit(p []byte) {
	if len(p) == 0 {
		return
	}
	b.octets += int64(len(p))
	for _, h := range b.hashes {
		h.write(p)
	}
}

// Never written to.
var (
	crlf      = []byte("\r\n")
	manyLines = bytes.Repeat(crlf, 64)
	oneSpace  = []byte(" ")
)

// release emits what was withheld, since more text follows it.
func (b *body) release() {
	for b.lines > 0 {
		n := min(b.lines, int64(len(manyLines)/len(crlf)))
		b.emit(manyLines[:n*int64(len(crlf))])
		b.lines -= n
	}
	if b.space {
		b.emit(oneSpace)
		b.space = false
	}
	if b.cr {
		b.emit(crlf[:1])
		b.cr = false
	}
}

// writeSimple withholds the CRLFs at the end and leaves the rest (RFC 6376 §3.4.3).
func (b *body) writeSimple(p []byte) {
	if b.cr && len(p) > 0 && p[0] == '\n' {
		b.cr = false
		b.lines++
		p = p[1:]
	}
	if len(p) == 0 {
		return
	}
	end, cr := len(p), false
	if p[end-1] == '\r' {
		end, cr = end-1, true
	}
	var lines int64
	for bytes.HasSuffix(p[:end], crlf) {
		end -= len(crlf)
		lines++
	}
	if end > 0 || b.cr {
		b.release()
		b.emit(p[:end])
	}
	b.lines += lines
	b.cr = cr
}

// writeRelaxed also reduces white space (RFC 6376 §3.4.4). Most text is
// canonical already: p[start:i] is what can be handed on as it is.
func (b *body) writeRelaxed(p []byte) {
	i := b.withhold(p)
	if i == len(p) {
		return
	}
	b.release()
	start := i
	for i < len(p) {
		if c := p[i]; c != ' ' && c != '\t' && c != '\r' {
			i++
			continue
		}
		if n := canonicalSpace(p[i:]); n > 0 {
			i += n
			continue
		}
		b.emit(p[start:i])
		i += b.withhold(p[i:])
		start = i
		if i < len(p) {
			b.release()
		}
	}
	b.emit(p[start:])
}

// canonicalSpace is how many octets at the start of p, which is white space or
// a CR, are canonical as they are since text follows them: a space or a CRLF.
// 0: it is not so, or can't be seen from p.
func canonicalSpace(p []byte) int {
	switch {
	case p[0] == ' ' && len(p) > 1 && !isBlank(p[1]):
		return 1
	case len(p) > 2 && p[0] == '\r' && p[1] == '\n' && !isBlank(p[2]):
		return 2
	}
	return 0
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// withhold takes in white space and line ends from the start of p and returns
// how many octets those were.
func (b *body) withhold(p []byte) int {
	for i, c := range p {
		switch {
		case b.cr && c == '\n':
			b.cr, b.space = false, false // white space at the end of a line
			b.lines++
		case b.cr: // it was text
			return i
		case c == '\r':
			b.cr = true
		case c == ' ' || c == '\t':
			b.space = true
		default:
			return i
		}
	}
	return len(p)
}

// close ends the body: empty lines at the end become one line end, which text
// without one is given.
func (b *body) close() {
	if b.cr {
		b.release() // no line end: text
	}
	// RFC 6376 §3.4.4: a body of nothing but empty lines is nothing at all when
	// relaxed, and a single CRLF when simple (§3.4.3).
	if !b.relaxed || b.octets > 0 {
		b.emit(crlf)
	}
	for _, h := range b.hashes {
		h.sha.Sum(h.sum[:0])
	}
}
