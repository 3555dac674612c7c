//go:build !linux

package pgtest

import "syscall"

// dieWithUs does nothing where there is no such signal: a server may be left
// behind when this process is killed.
func dieWithUs(*syscall.SysProcAttr) {}
