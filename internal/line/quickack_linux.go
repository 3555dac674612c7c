package line

import "syscall"

// quickAck sends the acknowledgement that is due, tcp(7). It does not last, so there is nothing to undo.
func quickAck(fd uintptr) {
	syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
}
