package line

import (
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

func putLine[T string | []byte](c *Conn, s T) error {
	if _, err := put(c, s); err != nil {
		return err
	}
	_, err := put(c, "\r\n")
	return err
}

func (c *Conn) put(p []byte) (int, error) { return put(c, p) }

// put buffers s, and flushes whenever the buffer is full.
func put[T string | []byte](c *Conn, s T) (n int, err error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for len(s) > 0 {
		if len(c.out) == maxBuffer {
			if err := c.flushBy(time.Now().Add(c.o.WriteTimeout)); err != nil {
				return n, err
			}
		}
		some := min(len(s), maxBuffer-len(c.out))
		c.out = append(c.out, s[:some]...)
		s = s[some:]
		n += some
	}
	return n, nil
}

// Flush sends what is buffered.
func (c *Conn) Flush() error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if len(c.out) == 0 {
		return nil
	}
	return c.flushBy(time.Now().Add(c.o.WriteTimeout))
}

func (c *Conn) flushBy(by time.Time) error {
	c.nc.SetWriteDeadline(by)
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	if err != nil {
		return c.fail(err)
	}
	return nil
}
