package line

import (
	"errors"
	"net"
	"time"
)

// past is a deadline that wakes whoever waits.
var past = time.Unix(1, 0)

// errNothing: nothing has come that could be read now. It is temporary, so TLS goes on after it.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read yet" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

// Wait flushes, then blocks until something can be read without the network,
// or its end or failure is there for the next read to report; until Nudge; or
// until by (zero: no limit). While it blocks, the connection holds no buffers:
// what a read returned before is no longer valid. Its errors are ErrNudged,
// ErrInterrupted, or a net.Error that is a time-out once by has passed.
func (c *Conn) Wait(by time.Time) error {
	if c.Flush() != nil {
		return nil // the next read flushes, too, and fails
	}
	if ready, err := c.rest(by); ready || err != nil {
		return err
	}
	return c.rested(c.gather())
}

// Pending reports that the peer has sent something that was not read yet, so
// far as can be told without waiting.
func (c *Conn) Pending() bool {
	return c.Buffered() > 0 || c.sock != nil && c.sock.ready()
}

// rest says whether Wait has to block at all, and by when to wake. From here on Nudge wakes.
func (c *Conn) rest(by time.Time) (ready bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.nudged:
		c.nudged = false
		return false, ErrNudged
	case c.Buffered() > 0:
		return true, nil
	case c.ends():
		return false, ErrInterrupted
	}
	c.resting = true
	c.nc.SetReadDeadline(by) // when it fails so does reading
	return false, nil
}

// rested is what Wait returns when gather returned err.
func (c *Conn) rested(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting = false
	switch {
	case err == nil || !isTimeout(err):
		return nil
	case c.ends():
		return ErrInterrupted
	case c.nudged:
		c.nudged = false
		return ErrNudged
	}
	return err
}

// Nudge makes the present or the next Wait return ErrNudged, once. It may be
// called from any goroutine, never blocks and does no I/O.
func (c *Conn) Nudge() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nudged = true
	if c.resting {
		c.nc.SetReadDeadline(past)
	}
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// gather gets at least one more octet into c.in, waiting for it until the read
// deadline. It holds no buffer while it waits, unless there is input in it.
func (c *Conn) gather() error {
	if c.ended != nil {
		return c.ended
	}
	if c.sock != nil && c.tls == nil && c.unpacker == nil {
		n, err := c.sock.fetch(c)
		if err != nil {
			return c.end(err)
		}
		c.received(n, len(c.in)-c.w)
		return nil
	}
	for layered := c.tls != nil || c.unpacker != nil; ; layered = false { // layers may hold what they were given before
		if !layered {
			if err := c.await(); err != nil {
				return c.end(err)
			}
		}
		room := c.lend()
		n, err := c.receive(room)
		if n > 0 {
			c.received(n, len(room))
			return nil
		}
		if err != nil && err != errNothing {
			return c.end(err)
		}
	}
}

// lend is room for what is received.
func (c *Conn) lend() []byte {
	c.makeRoom()
	return c.in[c.w:]
}

// received notes that n octets have come into room for so many.
func (c *Conn) received(n, room int) {
	c.w += n
	c.bulk = n == room || n > minBuffer
}

// await waits for the network where that can be done without a buffer; elsewhere receive will.
func (c *Conn) await() error {
	if c.sock == nil {
		return nil
	}
	c.park()
	return c.sock.wait()
}

// receive reads from the layers below the buffer.
func (c *Conn) receive(p []byte) (int, error) {
	if c.unpacker != nil {
		return c.unpacker.read(p, c.receivePacked)
	}
	return c.receivePacked(p)
}

// receivePacked reads from the layers below compression.
func (c *Conn) receivePacked(p []byte) (int, error) {
	if c.tls != nil {
		c.allowAnswer()
	}
	return c.nc.Read(p)
}

// allowAnswer gives TLS, which may have to answer before it reads on (RFC 8446
// §4.6.3), a deadline for that: the one of the last flush may be long over.
func (c *Conn) allowAnswer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed && c.outMu.TryLock() { // else whoever closes or writes has set one
		c.nc.SetWriteDeadline(time.Now().Add(c.o.WriteTimeout))
		c.outMu.Unlock()
	}
}

// end remembers what ended the input: a reset connection says so only once.
func (c *Conn) end(err error) error {
	if !isTimeout(err) {
		c.ended = err
	}
	return err
}

// park gives back what the connection does not need while it waits.
func (c *Conn) park() {
	if c.r == c.w && c.in != nil {
		giveBack(c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
	if c.unpacker == nil {
		return
	}
	c.unpacker.rest()
	if c.outMu.TryLock() { // else it is at work
		c.deflater.rest()
		c.outMu.Unlock()
	}
}

// makeRoom moves what is unread to the front of the buffer, and takes a larger
// buffer when this one is full of it or much comes at a time.
func (c *Conn) makeRoom() {
	n := c.w - c.r
	size := max(minBuffer, len(c.in))
	if c.bulk {
		size = max(maxBuffer, size)
	}
	if n == size {
		size = max(maxBuffer, 2*size)
	}
	if size == len(c.in) {
		copy(c.in, c.in[c.r:c.w])
	} else {
		larger := borrow(size)
		copy(larger, c.in[c.r:c.w])
		giveBack(c.in)
		c.in = larger
	}
	c.r, c.w = 0, n
}
