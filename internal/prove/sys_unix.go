//go:build unix && !linux

package prove

import "syscall"

// childAttr keeps Ctrl-C at a terminal from a node, which is ended in order.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
