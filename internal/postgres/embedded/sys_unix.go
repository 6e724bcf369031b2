//go:build unix && !linux

package embedded

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childAttr gives a child a process group of its own, since Ctrl-C at a terminal must not stop the database before
// Latchkey has finished its requests. Nothing here ends a child with its starter: the next start does.
func childAttr(as *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true}
}

// serves reports whether the process is a PostgreSQL server that was started on data.
func serves(pid int, data string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	name, args, _ := strings.Cut(string(out), " -D "+data)
	return err == nil && strings.HasSuffix(name, "postgres") && (args == "\n" || strings.HasPrefix(args, " "))
}
