package line

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflater is the sending half of a compressed connection (RFC 4978). What it
// needs for its work, most of a megabyte, is lent to it until the connection
// rests. After that it goes on with a dictionary of what it sent last: with
// this much, answers of some hundred octets come out as small as if it had never stopped.
type deflater struct {
	w    *flate.Writer // nil at rest
	tail []byte        // the last of what was sent
	to   []byte        // the compressed form of what is being sent
}

const (
	tailSize = 1 << 10
	// deflateLevel gives listings 330 MB/s at 15 % of their size; level 6 has 14 % at a third of that.
	deflateLevel = 1
)

var writers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, deflateLevel)
	if err != nil {
		panic(err) // of a level that does not exist
	}
	return w
}}

// Write takes what flate makes.
func (d *deflater) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(d.to) == cap(d.to) {
			larger := append(borrow(2 * cap(d.to))[:0], d.to...)
			giveBack(d.to)
			d.to = larger
		}
		n := min(len(rest), cap(d.to)-len(d.to))
		d.to = append(d.to, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), nil
}

// deflate returns the compressed form of p, from which all of p can be had at
// once (zlib's Z_SYNC_FLUSH). It is valid until the next call.
func (d *deflater) deflate(p []byte) ([]byte, error) {
	if d.w == nil {
		d.w = writers.Get().(*flate.Writer)
		d.w.ResetDict(d, d.tail)
	}
	d.to = d.to[:0]
	_, err := d.w.Write(p)
	if err == nil {
		err = d.w.Flush()
	}
	p = p[max(0, len(p)-tailSize):]
	if drop := len(d.tail) + len(p) - tailSize; drop > 0 {
		d.tail = d.tail[:copy(d.tail, d.tail[drop:])]
	}
	d.tail = append(d.tail, p...)
	return d.to, err
}

// sent lets go of what deflate returned, of which no more is needed.
func (d *deflater) sent() {
	giveBack(d.to)
	d.to = nil
}

// rest lets go of the writer.
func (d *deflater) rest() {
	if d.w != nil {
		d.w.ResetDict(nil, nil)
		writers.Put(d.w)
		d.w = nil
	}
}

// unpacker is the receiving half.
type unpacker struct {
	*inflater
	from []byte // borrowed, when there is input
}

// read reads compressed octets through get until some octets can be had of
// them. Neither a long stream nor a short one that unpacks to much is held in memory.
func (u *unpacker) read(p []byte, get func([]byte) (int, error)) (int, error) {
	for {
		if n, err := u.inflater.read(p); n > 0 || err != nil {
			return n, err
		}
		if u.from == nil {
			u.from = borrow(minBuffer)
		}
		n, err := get(u.from)
		u.in = u.from[:n]
		if n == 0 {
			return 0, err
		}
	}
}

// rest lets go of the buffer, if nothing is in it.
func (u *unpacker) rest() {
	if u.from != nil && len(u.in) == 0 {
		giveBack(u.from)
		u.from, u.in = nil, nil
	}
}

// Compress flushes, then turns on DEFLATE in both directions (RFC 4978), above
// TLS and below the tap. Each flush ends so that the peer can read all of it.
// A server calls it behind its OK, a client once it has read that: what was
// received beyond that point is compressed (RFC 4978 §3).
func (c *Conn) Compress() error {
	if c.Compressed() {
		return errors.New("line: compressed already")
	}
	if err := c.Flush(); err != nil {
		return err
	}
	c.outMu.Lock()
	c.deflater = &deflater{}
	c.outMu.Unlock()
	c.unpacker = &unpacker{inflater: newInflater()}
	c.unpacker.in = append([]byte(nil), c.in[c.r:c.w]...)
	c.r, c.w = 0, 0
	c.Note("compressed")
	return nil
}

// Compressed reports whether Compress was called.
func (c *Conn) Compressed() bool { return c.unpacker != nil }
