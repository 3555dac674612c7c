package control

import "net"

// keepFile makes closing a listener leave its socket, as a killed process does.
func keepFile(l net.Listener) { l.(*listener).Listener.(*net.UnixListener).SetUnlinkOnClose(false) }
