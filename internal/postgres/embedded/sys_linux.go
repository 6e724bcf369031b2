package embedded

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childAttr gives a child a process group of its own, since Ctrl-C at a terminal must not stop the database before
// Latchkey has finished its requests. The signal death reaches it when the *thread* that started it ends, so that
// thread has to be kept as long as the child.
func childAttr(as *syscall.Credential, death syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true, Pdeathsig: death}
}

// serves reports whether the process is a PostgreSQL server that has data as its working folder, as servers have.
func serves(pid int, data string) bool {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	name, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil || !strings.Contains(string(name), "postgres") {
		return false
	}
	cwd, err := os.Stat(filepath.Join(proc, "cwd"))
	if err != nil {
		return false
	}
	own, err := os.Stat(data)
	return err == nil && os.SameFile(cwd, own)
}
