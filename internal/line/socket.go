//go:build unix

package line

import (
	"io"
	"net"
	"os"
	"syscall"
)

// socket is a TCP connection that can be asked for what has come, and waited
// on without a buffer. One goroutine reads.
type socket struct {
	*net.TCPConn
	raw syscall.RawConn
	// hasty makes Read return errNothing where it would have to wait.
	hasty bool

	// What try works on: the buffer of a Read, nil for a look at whether there
	// is something to read; and what came of it.
	into  []byte
	n     int
	err   error
	tried func(fd uintptr) bool // try, kept because a method value is an allocation

	// What fetchTry works with: who lends a buffer and takes it back while it waits.
	lender  *Conn
	fetched func(fd uintptr) bool // fetchTry
}

// asSocket returns nil when nc can't be waited on.
func asSocket(nc net.Conn) *socket {
	t, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{TCPConn: t, raw: raw, hasty: true}
	s.tried, s.fetched = s.try, s.fetchTry
	return s
}

// Read reads what has come. TLS reads through it, too, and keeps part of a record for later.
func (s *socket) Read(p []byte) (int, error) {
	if !s.hasty || len(p) == 0 {
		return s.TCPConn.Read(p)
	}
	s.into = p
	err := s.raw.Read(s.tried)
	s.into = nil
	if err == nil && s.err == syscall.EAGAIN {
		return 0, errNothing
	}
	return s.outcome(err)
}

// outcome is what a Read returns, unless there was nothing to read.
func (s *socket) outcome(err error) (int, error) {
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: os.NewSyscallError("read", s.err)}
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// fetch reads what comes into a buffer of the lender's, which it has back while nothing does.
func (s *socket) fetch(lender *Conn) (int, error) {
	s.lender = lender
	return s.outcome(s.raw.Read(s.fetched))
}

func (s *socket) fetchTry(fd uintptr) bool {
	s.into = s.lender.lend()
	s.try(fd)
	s.into = nil
	if s.err != syscall.EAGAIN {
		return true
	}
	s.lender.park()
	return false
}

// wait blocks until Read has something to say, or the read deadline is over.
func (s *socket) wait() error { return s.raw.Read(s.tried) }

// ready reports that there are octets to read.
func (s *socket) ready() bool {
	n := 0
	s.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, _ = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
	})
	return n > 0
}

// try is called when there may be something to read; it reports false to be called again
// when there is.
func (s *socket) try(fd uintptr) bool {
	for {
		if s.into != nil {
			s.n, s.err = syscall.Read(int(fd), s.into)
		} else {
			var one [1]byte
			_, _, s.err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		}
		if s.err != syscall.EINTR {
			return s.into != nil || s.err != syscall.EAGAIN
		}
	}
}

// hurry has what was received acknowledged at once. A client that sends the
// last octets of a command by themselves (Nagle's algorithm) waits for that.
func (s *socket) hurry() { s.raw.Control(quickAck) }
