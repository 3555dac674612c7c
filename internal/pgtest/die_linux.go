package pgtest

import "syscall"

// dieWithUs ends the child when this process is killed and can't stop it.
func dieWithUs(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
