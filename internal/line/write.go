package line

import (
	"bytes"
	"io"
	"slices"
	"time"
)

// Write buffers p as content (the tap sees it as Data); WriteLine buffers one
// line and adds CRLF (the tap sees it as a Line). A full buffer is flushed.
func (c *Conn) Write(p []byte) (int, error) {
	c.tell(c.side, Data, p)
	return c.put(p)
}

// WriteString is Write of a string.
func (c *Conn) WriteString(s string) (int, error) {
	if c.o.Tap != nil {
		c.tell(c.side, Data, []byte(s))
	}
	return put(c, s)
}

// WriteLine buffers s and CRLF.
func (c *Conn) WriteLine(s string) error {
	if c.o.Tap != nil {
		c.tell(c.side, Line, []byte(s))
	}
	return putLine(c, s)
}

// WriteLineBytes buffers p and CRLF.
func (c *Conn) WriteLineBytes(p []byte) error {
	c.tell(c.side, Line, p)
	return putLine(c, p)
}

// WriteLines buffers lines, each with its CRLF.
func (c *Conn) WriteLines(p []byte) error {
	if c.o.Tap != nil {
		for l := range bytes.Lines(p) {
			c.tell(c.side, Line, bytes.TrimSuffix(l, []byte("\r\n")))
		}
	}
	_, err := c.put(p)
	return err
}

func putLine[T string | []byte](c *Conn, s T) error {
	if _, err := put(c, s); err != nil {
		return err
	}
	_, err := put(c, "\r\n")
	return err
}

func (c *Conn) put(p []byte) (int, error) { return put(c, p) }

// put buffers s, and sends whenever the buffer is full.
func put[T string | []byte](c *Conn, s T) (n int, err error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for len(s) > 0 {
		if err := c.roomOut(len(s)); err != nil {
			return n, err
		}
		some := min(len(s), cap(c.out)-len(c.out))
		c.out = append(c.out, s[:some]...)
		s = s[some:]
		n += some
	}
	return n, nil
}

// ReadFrom buffers what r has as content, and sends whenever the buffer is full (io.ReaderFrom).
func (c *Conn) ReadFrom(r io.Reader) (n int64, err error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for {
		if err := c.roomOut(maxBuffer); err != nil {
			return n, err
		}
		some, err := r.Read(c.out[len(c.out):cap(c.out)])
		if some > 0 {
			c.out = c.out[:len(c.out)+some]
			n += int64(some)
			c.tell(c.side, Data, c.out[len(c.out)-some:])
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// roomOut makes room for the first of n more octets of output.
func (c *Conn) roomOut(n int) error {
	switch {
	case c.unsent != nil || len(c.out) < cap(c.out):
		return c.unsent
	case cap(c.out) >= maxBuffer:
		return c.flushBy(time.Now().Add(c.o.WriteTimeout))
	}
	larger := append(borrow(min(len(c.out)+n, maxBuffer))[:0], c.out...)
	giveBack(c.out)
	c.out = larger
	return nil
}

// Flush sends what is buffered.
func (c *Conn) Flush() error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.unsent != nil || len(c.out) == 0 {
		return c.unsent
	}
	err := c.flushBy(time.Now().Add(c.o.WriteTimeout))
	giveBack(c.out)
	c.out = nil
	return err
}

// flushBy sends what is buffered, all of it by then: a peer that takes an octet now and again gains
// nothing. After a failure nothing is sent any more: part of it may have been.
func (c *Conn) flushBy(by time.Time) error {
	c.nc.SetWriteDeadline(by)
	if err := c.send(); err != nil {
		c.unsent = c.fail(err)
	}
	c.out = c.out[:0]
	return c.unsent
}

// send writes what is buffered to the layers below.
func (c *Conn) send() error {
	if c.deflater == nil {
		_, err := c.nc.Write(c.out)
		return err
	}
	defer c.deflater.sent()
	for piece := range slices.Chunk(c.out, maxBuffer/2) { // what does not become smaller fits into a buffer, too
		packed, err := c.deflater.deflate(piece)
		if err != nil {
			return err
		}
		if _, err := c.nc.Write(packed); err != nil {
			return err
		}
	}
	return nil
}
