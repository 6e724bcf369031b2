package prove

import "syscall"

// childAttr keeps Ctrl-C at a terminal from a node, which is ended in order, and ends it with us however we end.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
