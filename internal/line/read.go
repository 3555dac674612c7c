package line

import (
	"bytes"
	"io"
	"time"
)

// Buffered is the number of octets that can be read without the network.
func (c *Conn) Buffered() int { return c.w - c.r }

// ReadLine returns the next line without its CRLF, valid until the next read.
// Pending output is flushed before it waits for the network. A whole line must
// come within the read time-out, so that a peer that sends an octet at a time
// gains nothing. With ErrTooLong it returns how the line begins.
func (c *Conn) ReadLine() ([]byte, error) {
	by := time.Time{}
	seen := 0 // octets after r that hold no LF
	for {
		if i := bytes.IndexByte(c.in[c.r+seen:c.w], '\n'); i >= 0 {
			return c.takeLine(seen + i + 1)
		}
		if seen = c.Buffered(); seen >= c.o.MaxLine {
			return c.skipLine(by)
		}
		if by.IsZero() {
			by = time.Now().Add(c.o.ReadTimeout)
		}
		if err := c.fill(by); err != nil {
			if err == io.EOF && c.Buffered() > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// takeLine consumes a line of n octets with its LF.
func (c *Conn) takeLine(n int) ([]byte, error) {
	l := c.in[c.r : c.r+n-1]
	c.r += n
	c.within = false
	if n > c.o.MaxLine {
		c.Note("a line of %d octets refused", n)
		return l[:min(len(l), beginning)], ErrTooLong
	}
	end := bytes.IndexByte(l, '\r')
	bare := end != len(l)-1 // RFC 5321 §2.3.8: CR and LF only together
	if end < 0 {
		bare = true
	} else if !bare {
		l = l[:end]
	}
	c.tell(c.peer, Line, l)
	if bare {
		return l, ErrBareNewline
	}
	return l, nil
}

// beginning is how much is kept of a line that is too long: enough to tell which command it is.
const beginning = 16

// skipLine throws away what is left of a line that is too long, but its beginning.
func (c *Conn) skipLine(by time.Time) ([]byte, error) {
	begins := bytes.Clone(c.in[c.r:min(c.w, c.r+beginning)])
	if by.IsZero() {
		by = time.Now().Add(c.o.ReadTimeout)
	}
	n := 0
	for {
		if i := bytes.IndexByte(c.in[c.r:c.w], '\n'); i >= 0 {
			c.r += i + 1
			c.Note("a line of %d octets refused", n+i+1)
			return begins, ErrTooLong
		}
		n += c.Buffered()
		c.r = c.w
		if err := c.fill(by); err != nil {
			return nil, err
		}
	}
}

// Read reads raw octets (literals) after whatever lines were read; the tap sees them as Data.
func (c *Conn) Read(p []byte) (int, error) {
	some, err := c.Octets(int64(len(p)))
	return copy(p, some), err
}

// Octets is Read without a copy: at least one of the next raw octets and no
// more than most, valid until the next read. Of none it returns none at once.
func (c *Conn) Octets(most int64) ([]byte, error) {
	if most <= 0 {
		return nil, nil
	}
	if c.Buffered() == 0 {
		if err := c.fill(time.Now().Add(c.o.ReadTimeout)); err != nil {
			return nil, err
		}
	}
	some := c.in[c.r : c.r+int(min(most, int64(c.Buffered())))]
	c.r += len(some)
	c.within = true
	c.tell(c.peer, Data, some)
	return some, nil
}

// fill gets at least one more octet from the network, after what is pending
// was flushed.
func (c *Conn) fill(by time.Time) error {
	if err := c.Flush(); err != nil && !c.lastWords {
		return err
	}
	if c.ended != nil {
		return c.fail(c.ended)
	}
	if err := c.expect(by); err != nil {
		return err
	}
	if c.sock != nil && (c.within || c.Buffered() > 0) {
		c.sock.hurry()
	}
	if err := c.gather(); err != nil {
		return c.fail(err)
	}
	return nil
}

// LastWords, after a write has failed, lets what the peer had said by then be read still, within the
// time given: who does not want to hear any more often says why before it hangs up. Without it reads fail as writes do.
// False: no write has failed.
func (c *Conn) LastWords(within time.Duration) bool {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.lastWords = c.unsent != nil; c.lastWords {
		c.o.ReadTimeout = within
	}
	return c.lastWords
}

// fail remembers the first failure of the network, for the tap.
func (c *Conn) fail(err error) error {
	err = c.failed(err)
	if err != io.EOF && err != ErrInterrupted {
		c.fault.CompareAndSwap(nil, &err)
	}
	return err
}

// Peek is what can be read without the network, valid until the next read.
func (c *Conn) Peek() []byte { return c.in[c.r:c.w] }
