//go:build !unix

package line

import "net"

// socket is a connection that can be waited on without a buffer: here none is.
type socket struct {
	*net.TCPConn
	hasty bool
}

func asSocket(net.Conn) *socket { return nil }

func (*socket) wait() error              { return nil }
func (*socket) fetch(*Conn) (int, error) { return 0, nil }
func (*socket) hurry()                   {}
func (*socket) ready() bool              { return false }
