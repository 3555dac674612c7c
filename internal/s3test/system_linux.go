package s3test

import (
	"os"
	"syscall"
)

// dieWithUs ends the child when this process is killed and can't stop it.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
